//! A TCP relay: the floor below which no proxy that reads and writes every byte can get.

use std::io;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;

use mio::Events;
use mio::Interest;
use mio::Poll;
use mio::Token;
use mio::net::TcpListener;
use mio::net::TcpStream;
use slab::Slab;

const LISTENER: Token = Token(usize::MAX);
const BUFFER_BYTES: usize = 64 * 1024;

/// Two connections whose bytes go to each other. The first is the client's.
struct Pair {
    ends: [TcpStream; 2],
    /// For each end, what is still to be written to it.
    held: [Vec<u8>; 2],
}

/// What became of a pair in one turn.
#[derive(PartialEq, Eq)]
enum Turn {
    Goes,
    Ended,
}

/// Relays until the process ends.
pub fn run(listen: SocketAddr, target: SocketAddr) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind(listen)?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut pairs: Slab<Pair> = Slab::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut ready = Events::with_capacity(1024);
    loop {
        match poll.poll(&mut ready, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            result => result?,
        }
        for event in &ready {
            if event.token() == LISTENER {
                accept(&poll, &listener, target, &mut pairs)?;
                continue;
            }
            let (place, from) = (event.token().0 / 2, event.token().0 % 2);
            let Some(pair) = pairs.get_mut(place) else { continue };
            let turn = pair.flush(from).and_then(|()| pair.carry(from, &mut buffer));
            if !matches!(turn, Ok(Turn::Goes)) {
                pairs.remove(place);
            }
        }
    }
}

fn accept(poll: &Poll, listener: &TcpListener, target: SocketAddr, pairs: &mut Slab<Pair>) -> io::Result<()> {
    loop {
        let mut client = match listener.accept() {
            Ok((client, _)) => client,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut server = TcpStream::connect(target)?;
        let place = pairs.vacant_entry();
        let both = Interest::READABLE | Interest::WRITABLE;
        for (side, stream) in [&mut client, &mut server].into_iter().enumerate() {
            poll.registry().register(stream, Token(place.key() * 2 + side), both)?;
            stream.set_nodelay(true)?;
        }
        place.insert(Pair { ends: [client, server], held: [Vec::new(), Vec::new()] });
    }
}

impl Pair {
    /// Reads all there is at one end and writes it to the other; reads no more while that one takes nothing.
    fn carry(&mut self, from: usize, buffer: &mut [u8]) -> io::Result<Turn> {
        let to = 1 - from;
        while self.held[to].is_empty() {
            let size = match self.ends[from].read(buffer) {
                Ok(0) => return Ok(Turn::Ended),
                Ok(size) => size,
                Err(error) if not_yet(&error) => break,
                Err(error) => return Err(error),
            };
            let sent = match self.ends[to].write(&buffer[..size]) {
                Ok(sent) => sent,
                Err(error) if not_yet(&error) => 0,
                Err(error) => return Err(error),
            };
            self.held[to].extend_from_slice(&buffer[sent..size]);
            if size < buffer.len() {
                break;
            }
        }
        Ok(Turn::Goes)
    }

    /// Writes what is held for an end, and fetches what had to wait behind it.
    fn flush(&mut self, to: usize) -> io::Result<()> {
        while !self.held[to].is_empty() {
            match self.ends[to].write(&self.held[to]) {
                Ok(sent) => drop(self.held[to].drain(..sent)),
                Err(error) if not_yet(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
            if self.held[to].is_empty() {
                let mut buffer = vec![0; BUFFER_BYTES];
                self.carry(1 - to, &mut buffer)?;
            }
        }
        Ok(())
    }
}

fn not_yet(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected)
}
