//! The load generator: requests in a closed or an open loop, slice by slice, and one line of JSON a slice.
//!
//! The connections stay open between slices, so that a harness can give several proxies their turns without paying
//! for connections in each of them.

mod arrivals;
mod drive;
mod events;
mod http2;
mod tally;

use std::fmt::Write as _;
use std::io;
use std::io::BufRead;
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use crate::load::drive::Driver;
use crate::load::http2::Http2;
use crate::load::tally::Tally;

/// What is asked, of whom, and how.
#[derive(Debug, Clone, clap::Args)]
pub struct Settings {
    /// The proxy's address.
    #[arg(long)]
    target: SocketAddr,
    /// Connections that are kept.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Requests on their way at one moment, at most. Default: one a connection, or `--streams` with HTTP/2
    #[arg(long)]
    in_flight: Option<usize>,
    /// An open loop of so many requests a second, each timed from when it should have begun. Default: a closed loop
    #[arg(long)]
    rate: Option<f64>,
    /// A new connection for each request
    #[arg(long)]
    fresh: bool,
    /// The answers are streams of events that carry the moment at which they were sent
    #[arg(long)]
    events: bool,
    /// HTTP/2 with prior knowledge
    #[arg(long)]
    http2: bool,
    /// Streams a connection of HTTP/2.
    #[arg(long, default_value_t = 16)]
    streams: usize,
    /// The request's path.
    #[arg(long, default_value = "/")]
    path: String,
    /// Size of the request's body.
    #[arg(long, default_value_t = 1000)]
    bytes: usize,
    /// More header fields, each as `name: value`
    #[arg(long)]
    header: Vec<String>,
    /// Seconds that an answer may take.
    #[arg(long, default_value_t = 5.0)]
    timeout: f64,
}

/// How long a slice is.
#[derive(Debug, Clone, Copy)]
enum Length {
    Time(Duration),
    Requests(u64),
}

/// What is not an order on standard input.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Neither order.
    #[error("`{0}`: expected `seconds NUMBER` or `requests NUMBER`")]
    Order(String),
    /// The system refused something.
    #[error(transparent)]
    System(#[from] io::Error),
}

/// Runs a slice for each line of standard input, `seconds 1.5` or `requests 2000`, and prints its figures.
pub fn run(settings: Settings) -> Result<(), LoadError> {
    if settings.http2 {
        let mut http2 = Http2::new(settings)?;
        serve(|length| http2.slice(length))
    } else {
        let mut driver = Driver::new(settings)?;
        serve(|length| driver.slice(length))
    }
}

fn serve(mut slice: impl FnMut(Length) -> io::Result<Tally>) -> Result<(), LoadError> {
    for line in io::stdin().lock().lines() {
        let tally = slice(order(&line?)?)?;
        let mut out = io::stdout().lock();
        serde_json::to_writer(&mut out, &tally.report()).map_err(io::Error::from)?;
        writeln!(out)?;
        out.flush()?;
    }
    Ok(())
}

fn order(line: &str) -> Result<Length, LoadError> {
    let wrong = || LoadError::Order(line.to_owned());
    let (what, number) = line.split_once(' ').ok_or_else(wrong)?;
    match what {
        "seconds" => {
            let seconds = number.parse().map_err(|_| wrong())?;
            Ok(Length::Time(Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?))
        }
        "requests" => Ok(Length::Requests(number.parse().map_err(|_| wrong())?)),
        _ => Err(wrong()),
    }
}

impl Settings {
    /// The bytes of one HTTP/1.1 request.
    fn request(&self) -> Vec<u8> {
        let mut head = format!(
            "POST {} HTTP/1.1\r\nhost: models.example\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
            self.path, self.bytes
        );
        for header in &self.header {
            // Writing to a string never fails.
            let _ = write!(head, "{header}\r\n");
        }
        head.push_str("\r\n");
        let mut request = head.into_bytes();
        request.extend(self.body());
        request
    }

    /// A JSON document of exactly the size wanted, where that is possible.
    fn body(&self) -> Vec<u8> {
        let frame = "{\"x\":\"\"}".len();
        match self.bytes.checked_sub(frame) {
            Some(room) => format!("{{\"x\":\"{}\"}}", "x".repeat(room)).into_bytes(),
            None => vec![b'1'; self.bytes],
        }
    }

    fn timeout(&self) -> Duration {
        Duration::try_from_secs_f64(self.timeout).unwrap_or(Duration::from_secs(5))
    }
}
