//! An error's one line of text.

use std::fmt;

use http::{Method, Uri};

use super::{Error, ErrorKind, Phase, Sent};

/// `GET http://host/path`: no user-info, no query, printable, not endless.
pub(crate) fn describe(method: &Method, uri: &Uri) -> String {
    let host = uri.authority().map_or("", |authority| {
        let text = authority.as_str();
        text.rsplit_once('@').map_or(text, |(_, host)| host)
    });
    let scheme = uri.scheme_str().unwrap_or_default();
    let mark = if scheme.is_empty() { "" } else { "://" };
    let (host, path) = if has_port_of_digits(host) {
        (host, uri.path())
    } else {
        ("...", "")
    };
    let request = format!("{method} {scheme}{mark}{host}{path}");
    plain(&request, 256)
}

/// Whether nothing but digits stand behind the colon, if there is one. Else it may
/// be the user-info's: one of `/`, `?` and `#` in a password, unless it is encoded,
/// makes the rest of the password part of the path or query.
fn has_port_of_digits(host: &str) -> bool {
    let behind = host.rsplit_once(']').map_or(host, |(_, behind)| behind);
    let port = behind.split_once(':').map_or("", |(_, port)| port);
    port.bytes().all(|byte| byte.is_ascii_digit())
}

/// Text that others may have had a hand in, made fit for one line of a log:
/// printable, and about as long as `most` characters at most.
pub(super) fn plain(text: &str, most: usize) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        if plain.len() >= most {
            plain.push_str("...");
            break;
        }
        match c {
            ' '..='~' => plain.push(c),
            _ => plain.extend(c.escape_default()),
        }
    }
    plain
}

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
