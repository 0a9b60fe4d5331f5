//! An address at which connections are begun and never made.
//!
//! A listener with the shortest queue, which is filled from inside: the system then drops every further SYN, as a
//! firewall or a machine that is gone would.

use std::io;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::SocketAddrV4;

use mio::net::TcpStream;
use rustix::net::AddressFamily;
use rustix::net::SocketType;
use rustix::net::bind;
use rustix::net::getsockname;
use rustix::net::listen;
use rustix::net::socket;

use crate::model::announce;

/// Connections that fill the queue, and some that already find it full.
const FILLING: usize = 4;

pub(super) fn serve() -> io::Result<()> {
    let listener = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&listener, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
    listen(&listener, 0)?;
    let addr = SocketAddr::try_from(getsockname(&listener)?).map_err(io::Error::from)?;
    let filling: Vec<_> = (0..FILLING).map(|_| TcpStream::connect(addr)).collect::<Result<_, _>>()?;
    announce(addr)?;
    loop {
        std::thread::park();
        // Both stay open for as long as the process lives.
        let _ = (&listener, &filling);
    }
}
