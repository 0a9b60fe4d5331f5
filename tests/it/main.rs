//! The integration tests, in one binary: real sockets, real files, port 0.

mod vectors;
