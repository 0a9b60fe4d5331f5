//! What a model does with a request.

/// The ways to answer and to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Behaviour {
    /// Answers after the delay.
    Answer,
    /// Streams events, each of which says when it was sent.
    Stream,
    /// Answers 500.
    Error,
    /// Reads the request and resets the connection.
    Reset,
    /// Lets the system accept connections and never looks at them.
    HangAccept,
    /// Reads the request and says nothing.
    HangHeaders,
    /// Sends the head and half of the body.
    HangBody,
    /// Sends an answer without end as fast as it is taken.
    Flood,
    /// Takes no connection: its packets go nowhere.
    BlackHole,
}
