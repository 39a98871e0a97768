//! The phases that a request goes through.

/// How far a request had come.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Phase {
    /// Before anything was done on the network.
    Prepare,
    /// Waiting for a connection of the pool.
    Acquire,
    /// Looking up the host's addresses.
    Resolve,
    /// Connecting to one of them.
    Connect,
    /// Securing the connection.
    Tls,
    /// Sending the request.
    Send,
    /// Waiting for the response's head.
    Head,
    /// Reading the response's body.
    Body,
    /// Making something of the whole body.
    Decode,
}

impl Phase {
    pub(crate) fn of_dial(phase: transport::Phase) -> Self {
        match phase {
            transport::Phase::Resolve => Self::Resolve,
            transport::Phase::Tls => Self::Tls,
            _ => Self::Connect,
        }
    }
}
