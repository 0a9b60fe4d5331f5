//! The event loop of a model that speaks HTTP/1.1.
//!
//! One thread; an answer was formatted before its request came, and most requests cost one read and one write.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::rc::Rc;
use std::time::Duration;

use mio::Events;
use mio::Interest;
use mio::Poll;
use mio::Token;
use mio::net::TcpListener;
use mio::net::TcpStream;
use rustix::net::sockopt::set_socket_linger;
use slab::Slab;

use crate::alarm::Alarm;
use crate::clock::now_ns;
use crate::model::Behaviour;
use crate::model::Settings;
use crate::model::announce;
use crate::model::inbox::request_size;
use crate::model::milliseconds;

const LISTENER: Token = Token(usize::MAX);
const ALARM: Token = Token(usize::MAX - 1);
const BUFFER_BYTES: usize = 64 * 1024;
/// Pieces of a flood that one client gets before the others have their turn.
const FLOOD_TURN: usize = 4;

/// The model: its clients, and what is to happen later.
struct Server {
    poll: Poll,
    alarm: Alarm,
    script: Script,
    clients: Slab<Client>,
    /// Clients that are waited for, by the moment; the serial tells a client from the next one in its place.
    later: BinaryHeap<Reverse<(u64, usize, u64)>>,
    serial: u64,
    buffer: Vec<u8>,
}

/// What is done with each request, formatted beforehand.
struct Script {
    settings: Settings,
    /// All that is sent at once.
    opening: Rc<[u8]>,
    /// What a flood repeats.
    piece: Rc<[u8]>,
    delay_ns: u64,
    interval_ns: u64,
}

struct Client {
    stream: TcpStream,
    serial: u64,
    /// The bytes of a request that did not come at once.
    inbox: Vec<u8>,
    out: Rc<[u8]>,
    sent: usize,
    doing: Doing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// Waits for a request, or for the end of one.
    Reading,
    /// Has a request and answers it later.
    Waiting,
    /// Has events to send, so many.
    Streaming(u32),
    Flooding,
    /// Has a request and will never say more.
    Silent,
}

/// The client is gone, or shall be.
struct Gone;

pub(super) fn serve(settings: &Settings) -> io::Result<()> {
    let poll = Poll::new()?;
    let mut listener = TcpListener::bind("127.0.0.1:0".parse().map_err(io::Error::other)?)?;
    if settings.behaviour != Behaviour::HangAccept {
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    }
    announce(listener.local_addr()?)?;
    let alarm = Alarm::new(poll.registry(), ALARM)?;
    let mut ready = Events::with_capacity(1024);
    let mut server = Server {
        poll,
        alarm,
        script: Script::new(settings),
        clients: Slab::new(),
        later: BinaryHeap::new(),
        serial: 0,
        buffer: vec![0; BUFFER_BYTES],
    };
    loop {
        server.accept_all(&listener)?;
        server.turn(&mut ready)?;
    }
}

impl Server {
    fn turn(&mut self, ready: &mut Events) -> io::Result<()> {
        self.alarm.set(self.later.peek().map(|Reverse((at, ..))| *at))?;
        match self.poll.poll(ready, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            result => result?,
        }
        for event in ready.iter() {
            match event.token() {
                LISTENER => {}
                ALARM => self.alarm.rang(),
                Token(place) => self.attend(place, event.is_readable()),
            }
        }
        self.do_what_is_due();
        Ok(())
    }

    fn accept_all(&mut self, listener: &TcpListener) -> io::Result<()> {
        if self.script.settings.behaviour == Behaviour::HangAccept {
            return Ok(());
        }
        loop {
            let mut stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            // Only a hint.
            let _ = stream.set_nodelay(true);
            self.serial += 1;
            let place = self.clients.vacant_entry();
            let both = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, Token(place.key()), both)?;
            place.insert(Client {
                stream,
                serial: self.serial,
                inbox: Vec::new(),
                out: Rc::from([]),
                sent: 0,
                doing: Doing::Reading,
            });
        }
    }

    /// Serves a client whose socket has something.
    fn attend(&mut self, place: usize, readable: bool) {
        let Self { script, clients, later, buffer, .. } = self;
        let Some(client) = clients.get_mut(place) else { return };
        let served = client.write().and_then(|()| {
            if readable { client.read(script, buffer) } else { Ok(None) }.map(|at| (at, client.floods()))
        });
        match served {
            Ok((at, floods)) => {
                let at = at.or_else(|| floods.then(now_ns));
                later.extend(at.map(|at| Reverse((at, place, client.serial))));
            }
            Err(Gone) => drop(clients.remove(place)),
        }
    }

    fn do_what_is_due(&mut self) {
        let now = now_ns();
        while let Some(Reverse((at, place, serial))) = self.later.peek().copied() {
            if at > now {
                return;
            }
            self.later.pop();
            let Some(client) = self.clients.get_mut(place).filter(|client| client.serial == serial) else {
                continue;
            };
            match client.go_on(&self.script, now) {
                Ok(next) => self.later.extend(next.map(|at| Reverse((at, place, serial)))),
                Err(Gone) => drop(self.clients.remove(place)),
            }
        }
    }
}

impl Script {
    fn new(settings: &Settings) -> Self {
        let body = settings.answer_body();
        let head = |status: &str, framing: &str, kind: &str| {
            format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\n{framing}\r\n\r\n").into_bytes()
        };
        let length = format!("content-length: {}", body.len());
        let chunked = "transfer-encoding: chunked";
        let opening = match settings.behaviour {
            Behaviour::Error => {
                [head("500 Internal Server Error", &length, "application/json"), body].concat()
            }
            Behaviour::Stream => head("200 OK", chunked, "text/event-stream"),
            Behaviour::Flood => head("200 OK", chunked, "application/octet-stream"),
            Behaviour::HangBody => {
                [&head("200 OK", &length, "application/json"), &body[..body.len() / 2]].concat()
            }
            _ => [head("200 OK", &length, "application/json"), body].concat(),
        };
        Self {
            settings: settings.clone(),
            opening: opening.into(),
            piece: chunk(&vec![b'f'; BUFFER_BYTES]).into(),
            delay_ns: milliseconds(settings.delay_ms).as_nanos() as u64,
            interval_ns: milliseconds(settings.interval_ms).as_nanos() as u64,
        }
    }

    /// The bytes of an event; the last one brings the body's end.
    fn event(&self, now: u64, last: bool) -> Vec<u8> {
        let mut bytes = chunk(self.settings.event(now).as_bytes());
        if last {
            bytes.extend_from_slice(b"0\r\n\r\n");
        }
        bytes
    }
}

fn chunk(payload: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", payload.len()).as_bytes(), payload, b"\r\n"].concat()
}

impl Client {
    /// Reads what came; begins to answer a whole request, and says when to go on with that.
    fn read(&mut self, script: &Script, buffer: &mut [u8]) -> Result<Option<u64>, Gone> {
        loop {
            let size = match self.stream.read(buffer) {
                Ok(0) => return Err(Gone),
                Ok(size) => size,
                Err(error) if not_yet(&error) => return Ok(None),
                Err(_) => return Err(Gone),
            };
            if self.doing == Doing::Reading {
                let arrived = if self.inbox.is_empty() {
                    self.whole(&buffer[..size])?
                } else {
                    self.inbox.extend_from_slice(&buffer[..size]);
                    let inbox = std::mem::take(&mut self.inbox);
                    self.whole(&inbox)?
                };
                if arrived {
                    return self.begin(script);
                }
            }
            if size < buffer.len() {
                return Ok(None);
            }
        }
    }

    /// Whether these bytes are one request. Those of a part of one are kept.
    fn whole(&mut self, bytes: &[u8]) -> Result<bool, Gone> {
        match request_size(bytes) {
            Ok(Some(size)) if size == bytes.len() => Ok(true),
            Ok(None) => {
                self.inbox = bytes.to_vec();
                Ok(false)
            }
            // Two at once: no proxy here pipelines.
            Ok(Some(_)) | Err(_) => Err(Gone),
        }
    }

    fn begin(&mut self, script: &Script) -> Result<Option<u64>, Gone> {
        match script.settings.behaviour {
            Behaviour::Reset => {
                // What is closed with no time to linger is reset.
                let _ = set_socket_linger(&self.stream, Some(Duration::ZERO));
                Err(Gone)
            }
            Behaviour::HangHeaders => {
                self.doing = Doing::Silent;
                Ok(None)
            }
            _ if script.delay_ns > 0 => {
                self.doing = Doing::Waiting;
                Ok(Some(now_ns() + script.delay_ns))
            }
            _ => self.open(script),
        }
    }

    /// Sends the answer, or as much of it as there will be at once.
    fn open(&mut self, script: &Script) -> Result<Option<u64>, Gone> {
        if script.settings.behaviour == Behaviour::Stream {
            return self.next_event(script, script.settings.events, now_ns(), &script.opening);
        }
        self.doing = match script.settings.behaviour {
            Behaviour::HangBody => Doing::Silent,
            Behaviour::Flood => Doing::Flooding,
            _ => Doing::Reading,
        };
        self.send(Rc::clone(&script.opening))?;
        Ok(self.floods().then(now_ns))
    }

    /// Does what was put off.
    fn go_on(&mut self, script: &Script, now: u64) -> Result<Option<u64>, Gone> {
        match self.doing {
            Doing::Waiting => self.open(script),
            Doing::Streaming(left) => self.next_event(script, left, now, &[]),
            Doing::Flooding => {
                for _ in 0..FLOOD_TURN {
                    if !self.floods() {
                        return Ok(None);
                    }
                    self.send(Rc::clone(&script.piece))?;
                }
                Ok(self.floods().then_some(now))
            }
            Doing::Reading | Doing::Silent => Ok(None),
        }
    }

    fn next_event(
        &mut self,
        script: &Script,
        left: u32,
        now: u64,
        before: &[u8],
    ) -> Result<Option<u64>, Gone> {
        let last = left <= 1;
        self.doing = if last { Doing::Reading } else { Doing::Streaming(left - 1) };
        let event = [before, &script.event(now, last)].concat();
        self.send(event.into())?;
        Ok((!last).then_some(now + script.interval_ns))
    }

    /// A flood that the client would take more of.
    fn floods(&self) -> bool {
        self.doing == Doing::Flooding && self.sent == self.out.len()
    }

    fn send(&mut self, bytes: Rc<[u8]>) -> Result<(), Gone> {
        if self.sent < self.out.len() {
            // The client is behind: what comes waits after what is there.
            self.out = [&self.out[self.sent..], &bytes].concat().into();
        } else {
            self.out = bytes;
        }
        self.sent = 0;
        self.write()
    }

    fn write(&mut self) -> Result<(), Gone> {
        while self.sent < self.out.len() {
            match self.stream.write(&self.out[self.sent..]) {
                Ok(sent) => self.sent += sent,
                Err(error) if not_yet(&error) => return Ok(()),
                Err(_) => return Err(Gone),
            }
        }
        Ok(())
    }
}

fn not_yet(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected | ErrorKind::Interrupted)
}
