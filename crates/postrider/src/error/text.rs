//! An error's one line of text.

use std::fmt;

use super::kind::ErrorKind;
use super::plain::plain;
use super::{Error, Sent};
use crate::phase::Phase;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(request) = &self.0.request {
            write!(f, "{request}: ")?;
        }
        let doing = match self.0.phase {
            Phase::Resolve if self.is_elapsed() => Some("looking up the host"),
            Phase::Connect if self.is_elapsed() => Some("connecting"),
            Phase::Tls if self.is_elapsed() => Some("securing the connection"),
            // Here the cause says it all: there is no peer yet, or it names it.
            Phase::Prepare | Phase::Resolve | Phase::Connect | Phase::Tls => None,
            Phase::Acquire => Some("waiting for a connection"),
            Phase::Send => Some("sending the request"),
            Phase::Head => Some("waiting for the response"),
            Phase::Body => Some("reading the response body"),
            Phase::Decode => Some("decoding the response body"),
        };
        if let Some(doing) = doing {
            f.write_str(doing)?;
            if let Some(addr) = self.remote_addr().filter(|_| self.0.phase != Phase::Decode) {
                let word = if self.0.phase == Phase::Send {
                    "to"
                } else {
                    "from"
                };
                write!(f, " {word} {addr}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&plain(&self.0.cause.to_string(), 600))?;
        let is_answer_lost = match self.kind() {
            ErrorKind::Closed
            | ErrorKind::Io
            | ErrorKind::Tls
            | ErrorKind::Protocol
            | ErrorKind::Timeout => true,
            ErrorKind::Limit => self.0.phase == Phase::Head,
            _ => false,
        };
        if is_answer_lost && self.0.sent != Sent::Nothing && !self.0.idempotent {
            f.write_str(" (the request may have been processed)")?;
        }
        Ok(())
    }
}
