//! The model simulator: answers cheaply, or fails in every way that a model can fail.

mod behaviour;
mod black_hole;
mod http2;
mod inbox;
mod server;

pub use behaviour::Behaviour;

use std::io;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

/// How a model behaves.
#[derive(Debug, Clone, clap::Args)]
pub struct Settings {
    /// What it does with a request.
    #[arg(long = "do", value_enum, default_value_t = Behaviour::Answer)]
    behaviour: Behaviour,
    /// Size of an answer's body, or of an event.
    #[arg(long, default_value_t = 200)]
    bytes: usize,
    /// The answer's body itself, in place of its size
    #[arg(long)]
    body: Option<String>,
    /// Milliseconds before the answer, or before a stream's first event
    #[arg(long, default_value_t = 0.0)]
    delay_ms: f64,
    /// Events of a stream.
    #[arg(long, default_value_t = 20)]
    events: u32,
    /// Milliseconds from one event to the next.
    #[arg(long, default_value_t = 5.0)]
    interval_ms: f64,
    /// HTTP/2 with prior knowledge; it answers and streams, and knows no failures
    #[arg(long)]
    http2: bool,
}

/// Serves until standard input ends, as it does when whoever started the model is gone.
pub fn run(settings: &Settings) -> io::Result<()> {
    std::thread::spawn(|| {
        // Whatever happens to it, it is over.
        let _ = io::copy(&mut io::stdin().lock().by_ref(), &mut io::sink());
        std::process::exit(0);
    });
    match settings.behaviour {
        Behaviour::BlackHole => black_hole::serve(),
        _ if settings.http2 => http2::serve(settings),
        _ => server::serve(settings),
    }
}

/// Tells the harness where this model is.
fn announce(addr: SocketAddr) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{addr}")?;
    out.flush()
}

fn milliseconds(count: f64) -> Duration {
    Duration::try_from_secs_f64(count / 1_000.0).unwrap_or_default()
}

impl Settings {
    /// The body of every answer.
    fn answer_body(&self) -> Vec<u8> {
        match &self.body {
            Some(body) => body.clone().into_bytes(),
            None => {
                let room = self.bytes.saturating_sub("{\"y\":\"\"}".len());
                format!("{{\"y\":\"{}\"}}", "y".repeat(room)).into_bytes()
            }
        }
    }

    /// One event that says when it is sent.
    fn event(&self, now_ns: u64) -> String {
        let line = format!("data: {now_ns} ");
        let room = self.bytes.saturating_sub(line.len() + 2);
        format!("{line}{}\n\n", "z".repeat(room))
    }
}
