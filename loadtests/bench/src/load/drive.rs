//! The event loop that sends HTTP/1.1 requests and reads their answers.
//!
//! One thread, one write and one read a request, no copy of either: readiness is reported by edges, so nothing is
//! asked twice, and an answer that came whole needs no further read.

use std::collections::VecDeque;
use std::io;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use mio::Events;
use mio::Interest;
use mio::Poll;
use mio::Token;
use mio::event::Event;
use mio::net::TcpStream;
use rustix::net::sockopt::set_socket_linger;

use crate::alarm::Alarm;
use crate::answer::AnswerReader;
use crate::answer::Whole;
use crate::clock::now_ns;
use crate::load::Length;
use crate::load::Settings;
use crate::load::arrivals::Arrivals;
use crate::load::events::EventReader;
use crate::load::tally::Tally;

const ALARM: Token = Token(usize::MAX);
const BUFFER_BYTES: usize = 64 * 1024;
/// How often requests are checked for having taken too long.
const LOOK: Duration = Duration::from_millis(50);

/// The connections and what they ask.
pub(super) struct Driver {
    poll: Poll,
    alarm: Alarm,
    buffer: Vec<u8>,
    target: SocketAddr,
    request: Vec<u8>,
    rate: Option<f64>,
    fresh: bool,
    events: bool,
    timeout_ns: u64,
    in_flight: usize,
    connections: Vec<Connection>,
    /// The connections without a request, in the order of their turns.
    idle: VecDeque<usize>,
    busy: usize,
}

#[derive(Default)]
struct Connection {
    stream: Option<TcpStream>,
    reader: AnswerReader,
    events: EventReader,
    call: Option<Call>,
}

/// A request on its way.
struct Call {
    /// When it should have begun.
    due_ns: u64,
    begun_ns: u64,
    sent: usize,
    body_begun: bool,
}

/// Why a request got no answer.
enum Failure {
    Connect,
    Reset,
    Malformed,
}

impl Driver {
    pub(super) fn new(settings: Settings) -> io::Result<Self> {
        let poll = Poll::new()?;
        let alarm = Alarm::new(poll.registry(), ALARM)?;
        let request = settings.request();
        let timeout_ns = settings.timeout().as_nanos() as u64;
        let Settings { target, connections, in_flight, rate, fresh, events, .. } = settings;
        Ok(Self {
            poll,
            alarm,
            buffer: vec![0; BUFFER_BYTES],
            target,
            request,
            rate,
            fresh,
            events,
            timeout_ns,
            in_flight: in_flight.unwrap_or(connections),
            connections: (0..connections).map(|_| Connection::default()).collect(),
            idle: (0..connections).collect(),
            busy: 0,
        })
    }

    /// Sends requests for so long, waits for their answers, and says what happened.
    pub(super) fn slice(&mut self, length: Length) -> io::Result<Tally> {
        let mut ready = Events::with_capacity(1024);
        self.notice_closed(&mut ready)?;
        let begun = now_ns();
        let mut tally = Tally::new(begun);
        let mut arrivals = Arrivals::new(length, self.rate, begun);
        let mut looked_ns = begun;
        loop {
            let now = now_ns();
            self.begin_what_is_due(&mut arrivals, &mut tally);
            if self.busy == 0 && arrivals.next_ns(now).is_none() {
                return Ok(tally);
            }
            let waits_for_a_moment = self.rate.is_some() && self.has_room();
            self.alarm.set(arrivals.next_ns(now).filter(|_| waits_for_a_moment))?;
            wait(&mut self.poll, &mut ready, LOOK)?;
            for event in &ready {
                match event.token() {
                    ALARM => self.alarm.rang(),
                    Token(place) => self.serve(place, event, &mut tally),
                }
            }
            let now = now_ns();
            if now - looked_ns > LOOK.as_nanos() as u64 {
                looked_ns = now;
                self.give_up_the_late(now, &mut tally);
                if now > arrivals.end_ns().saturating_add(self.timeout_ns) {
                    tally.errors.unsent += arrivals.abandon(now);
                }
            }
        }
    }

    /// Drops connections that the server closed between two slices.
    fn notice_closed(&mut self, ready: &mut Events) -> io::Result<()> {
        loop {
            wait(&mut self.poll, ready, Duration::ZERO)?;
            if ready.is_empty() {
                return Ok(());
            }
            for event in ready.iter().filter(|event| event.token() != ALARM) {
                self.connections[event.token().0].drop_if_closed(event);
            }
        }
    }

    fn has_room(&self) -> bool {
        !self.idle.is_empty() && self.busy < self.in_flight
    }

    fn begin_what_is_due(&mut self, arrivals: &mut Arrivals, tally: &mut Tally) {
        while self.has_room() {
            let now = now_ns();
            let Some(due) = arrivals.take(now) else { return };
            let Some(place) = self.idle.pop_front() else { return };
            self.busy += 1;
            if let Err(failure) = self.begin(place, due, now, tally) {
                self.fail(place, &failure, tally);
            }
        }
    }

    fn begin(&mut self, place: usize, due_ns: u64, now: u64, tally: &mut Tally) -> Result<(), Failure> {
        let connection = &mut self.connections[place];
        connection.call = Some(Call { due_ns, begun_ns: now, sent: 0, body_begun: false });
        if connection.stream.is_none() {
            let mut stream = TcpStream::connect(self.target).map_err(|_| Failure::Connect)?;
            let both = Interest::READABLE | Interest::WRITABLE;
            let registered = self.poll.registry().register(&mut stream, Token(place), both);
            registered.map_err(|_| Failure::Connect)?;
            // Only hints; a stack without them is slower, not wrong.
            let _ = stream.set_nodelay(true);
            if self.fresh {
                // Closed by a reset, or a port would be taken for a minute: there are fewer ports than requests.
                let _ = set_socket_linger(&stream, Some(Duration::ZERO));
            }
            connection.stream = Some(stream);
            tally.connects += 1;
        }
        connection.send(&self.request)
    }

    fn serve(&mut self, place: usize, event: &Event, tally: &mut Tally) {
        let connection = &mut self.connections[place];
        if connection.call.is_none() {
            connection.drop_if_closed(event);
            return;
        }
        let received = connection.send(&self.request).and_then(|()| {
            if event.is_readable() {
                connection.receive(&mut self.buffer, self.events, tally)
            } else {
                Ok(None)
            }
        });
        match received {
            Ok(None) => {}
            Ok(Some(whole)) => self.finish(place, whole, event.is_read_closed(), tally),
            Err(failure) => self.fail(place, &failure, tally),
        }
    }

    fn finish(&mut self, place: usize, whole: Whole, closed: bool, tally: &mut Tally) {
        let connection = &mut self.connections[place];
        if let Some(call) = connection.call.take() {
            let now = now_ns();
            tally.answered(whole.status, now - call.due_ns, now);
        }
        if self.fresh || whole.close || closed {
            connection.stream = None;
        }
        self.release(place);
    }

    fn fail(&mut self, place: usize, failure: &Failure, tally: &mut Tally) {
        match failure {
            Failure::Connect => tally.errors.connect += 1,
            Failure::Reset => tally.errors.reset += 1,
            Failure::Malformed => tally.errors.malformed += 1,
        }
        self.abandon(place);
    }

    fn give_up_the_late(&mut self, now: u64, tally: &mut Tally) {
        for place in 0..self.connections.len() {
            let call = self.connections[place].call.as_ref();
            if call.is_some_and(|call| now - call.begun_ns > self.timeout_ns) {
                tally.errors.timeout += 1;
                self.abandon(place);
            }
        }
    }

    /// Forgets a request together with its connection.
    fn abandon(&mut self, place: usize) {
        self.connections[place] = Connection::default();
        self.release(place);
    }

    fn release(&mut self, place: usize) {
        self.busy -= 1;
        self.idle.push_back(place);
    }
}

impl Connection {
    /// Sends what is left of the request, as far as the socket takes it.
    fn send(&mut self, request: &[u8]) -> Result<(), Failure> {
        let (Some(stream), Some(call)) = (&mut self.stream, &mut self.call) else { return Ok(()) };
        while call.sent < request.len() {
            match stream.write(&request[call.sent..]) {
                Ok(sent) => call.sent += sent,
                Err(error) if not_yet(&error) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => return Err(Failure::Connect),
                // An early answer may stand in the socket; reading tells.
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Reads what came of the answer; gives it when it is whole.
    fn receive(
        &mut self,
        buffer: &mut [u8],
        with_events: bool,
        tally: &mut Tally,
    ) -> Result<Option<Whole>, Failure> {
        let Self { stream: Some(stream), reader, events, call: Some(call) } = self else { return Ok(None) };
        loop {
            let size = match stream.read(buffer) {
                Ok(0) => return reader.end().map(Some).ok_or(Failure::Reset),
                Ok(size) => size,
                Err(error) if not_yet(&error) => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => return Err(Failure::Connect),
                Err(_) => return Err(Failure::Reset),
            };
            let fed = reader.feed(&buffer[..size], |body| {
                if with_events {
                    let now = now_ns();
                    if !std::mem::replace(&mut call.body_begun, true) {
                        events.clear();
                        tally.first_byte(now - call.begun_ns);
                    }
                    events.feed(body, now, tally);
                }
            });
            let whole = fed.map_err(|_| Failure::Malformed)?;
            // A read that did not fill the buffer took all there was: the next bytes are a new edge.
            if whole.is_some() || size < buffer.len() {
                return Ok(whole);
            }
        }
    }

    fn drop_if_closed(&mut self, event: &Event) {
        if event.is_read_closed() || event.is_error() || event.is_write_closed() {
            *self = Self::default();
        }
    }
}

fn not_yet(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected)
}

fn wait(poll: &mut Poll, ready: &mut Events, time: Duration) -> io::Result<()> {
    match poll.poll(ready, Some(time)) {
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
        result => result,
    }
}
