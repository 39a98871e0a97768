//! Why a wait ended without a connection.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Why a [`Wait`](crate::Wait) ended without a connection. `E` is the dial's error.
#[non_exhaustive]
pub enum WaitError<E> {
    /// A dial failed. Waiters that share the failure share the cause.
    Dial(Arc<E>),
    /// The dial panicked.
    DialPanicked,
    /// The key's line was full.
    LineFull {
        /// How many may wait in it.
        limit: usize,
    },
    /// The pool has been shut down.
    ShutDown,
    /// The wait was not started within a tokio runtime, or that runtime has ended.
    NoRuntime,
}

impl<E> fmt::Display for WaitError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dial(_) => f.write_str("the connection could not be made"),
            Self::DialPanicked => f.write_str("making the connection panicked"),
            Self::LineFull { limit } => {
                write!(f, "{limit} requests already wait for a connection")
            }
            Self::ShutDown => f.write_str("the pool has been shut down"),
            Self::NoRuntime => f.write_str("there is no tokio runtime, or it has ended"),
        }
    }
}

impl<E: Error + 'static> Error for WaitError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Dial(cause) => Some(&**cause),
            Self::DialPanicked | Self::LineFull { .. } | Self::ShutDown | Self::NoRuntime => None,
        }
    }
}

impl<E: fmt::Debug> fmt::Debug for WaitError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dial(cause) => f.debug_tuple("Dial").field(cause).finish(),
            Self::DialPanicked => f.write_str("DialPanicked"),
            Self::LineFull { limit } => f.debug_struct("LineFull").field("limit", limit).finish(),
            Self::ShutDown => f.write_str("ShutDown"),
            Self::NoRuntime => f.write_str("NoRuntime"),
        }
    }
}

// Derived, this would ask `E: Clone`.
impl<E> Clone for WaitError<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Dial(cause) => Self::Dial(Arc::clone(cause)),
            Self::DialPanicked => Self::DialPanicked,
            Self::LineFull { limit } => Self::LineFull { limit: *limit },
            Self::ShutDown => Self::ShutDown,
            Self::NoRuntime => Self::NoRuntime,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_reads_well_and_leaves_the_cause_to_source() {
        let refused = || Arc::new(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
        for (error, message, cause) in [
            (
                WaitError::Dial(refused()),
                "the connection could not be made",
                Some("connection refused"),
            ),
            (
                WaitError::DialPanicked,
                "making the connection panicked",
                None,
            ),
            (
                WaitError::LineFull { limit: 3 },
                "3 requests already wait for a connection",
                None,
            ),
            (WaitError::ShutDown, "the pool has been shut down", None),
            (
                WaitError::NoRuntime,
                "there is no tokio runtime, or it has ended",
                None,
            ),
        ] {
            assert_eq!(error.to_string(), message);
            let source = error.source().map(ToString::to_string);
            assert_eq!(source.as_deref(), cause);
            assert_eq!(error.clone().to_string(), message);
        }
    }
}
