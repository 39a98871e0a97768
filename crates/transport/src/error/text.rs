//! The texts of errors.

use std::fmt;
use std::time::Duration;

use super::{Cause, ConnectError, ConnectErrorKind, Inner, Phase};
use crate::bounded::Bounded;
use crate::endpoint::Endpoint;
use crate::facts::Attempt;

impl ConnectError {
    /// The addresses that were tried in words, each with its failure and time, in brackets and with
    /// a space before them, to be put at the end of another text; a long list is cut. Behind them
    /// comes [why there may be more](Self::lookup_error), if there may. Nothing where there is
    /// neither.
    ///
    /// This error's own text ends in the same words where several addresses were tried. Of a single
    /// one it leaves out what it has said already.
    ///
    /// ```
    /// # use postrider_transport::ConnectError;
    /// fn shortly(error: &ConnectError) -> String {
    ///     format!("no luck{}", error.tried())
    /// }
    /// ```
    pub fn tried(&self) -> impl fmt::Display {
        fmt::from_fn(|f| {
            list(&self.0.attempts, f)?;
            tell_lookup(self.0.lookup.as_ref(), f)
        })
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            kind,
            phase,
            endpoint,
            attempts,
            lookup,
            elapsed,
            cause,
        } = &*self.0;
        match phase {
            Phase::Resolve if !attempts.is_empty() => {
                let host = Bounded(&endpoint.host);
                write!(f, "could not resolve further addresses of {host}: ")?;
            }
            Phase::Resolve => write!(f, "could not resolve {}: ", Bounded(&endpoint.host))?,
            Phase::Connect => write!(f, "could not connect to {}: ", Bounded(endpoint))?,
            Phase::Tls => write!(f, "TLS handshake with {} failed: ", Bounded(endpoint))?,
        }
        match (kind, cause) {
            (ConnectErrorKind::TimedOut { .. }, _) => {
                write!(f, "{kind} after {}", Seconds(*elapsed))?;
            }
            (
                ConnectErrorKind::Resolve
                | ConnectErrorKind::Custom
                | ConnectErrorKind::NoInterface,
                Some(cause),
            ) => write!(f, "{}", Bounded(cause))?,
            (ConnectErrorKind::NoAddress | ConnectErrorKind::AddressRefused, Some(cause)) => {
                cause.fmt(f)?;
            }
            // With a single address, "every address failed" is no cause.
            (ConnectErrorKind::Connect, Some(cause)) if attempts.len() == 1 => {
                write!(f, "{}", Bounded(cause))?;
            }
            (ConnectErrorKind::Tls(tls), Some(cause)) => tls.explain(cause.as_ref(), f)?,
            _ => kind.fmt(f)?,
        }
        match attempts.as_slice() {
            [only] if is_told_by(endpoint, only) => {}
            // A single address that could be connected to has failed of nothing but the handshake.
            [only] if *phase == Phase::Tls => {
                write!(f, " ({} after {})", only.addr, Seconds(only.elapsed))?;
            }
            _ => list(attempts, f)?,
        }
        tell_lookup(lookup.as_ref(), f)
    }
}

/// Whether the endpoint itself is the address that was tried, which then stands in the text once
/// already.
fn is_told_by(endpoint: &Endpoint, only: &Attempt) -> bool {
    endpoint.host.ip() == Some(only.addr.ip()) && endpoint.port == only.addr.port()
}

/// The addresses that were tried, each with its failure; a long list is cut.
fn list(attempts: &[Attempt], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const MOST_LISTED: usize = 4;

    let listed = attempts.iter().take(MOST_LISTED);
    for (n, attempt) in listed.enumerate() {
        f.write_str(if n == 0 { " (" } else { ", " })?;
        write!(f, "{attempt}")?;
    }
    match attempts.len() {
        0 => Ok(()),
        n if n > MOST_LISTED => write!(f, ", and {} more)", n - MOST_LISTED),
        _ => f.write_str(")"),
    }
}

/// Why there may be more addresses than have become known.
fn tell_lookup(error: Option<&Cause>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match error {
        Some(error) => write!(f, "; a part of the lookup failed: {}", Bounded(error)),
        None => Ok(()),
    }
}

/// The address, and where it failed, of what and after how long.
impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.addr)?;
        match &self.error {
            Some(error) => write!(f, ": {} after {}", Bounded(error), Seconds(self.elapsed)),
            None => Ok(()),
        }
    }
}

struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_millis() {
            0..1000 => write!(f, "{} ms", self.0.as_millis()),
            _ => write!(f, "{:.1} s", self.0.as_secs_f64()),
        }
    }
}

impl fmt::Display for ConnectErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NameNotFound => "no such name",
            Self::Resolve => "the resolver failed",
            Self::NoAddress => "the answer holds no address that may be used",
            Self::AddressRefused => "the address filter refused every address",
            Self::NoInterface => "no such interface",
            Self::Refused => "connection refused",
            Self::Unreachable => "unreachable",
            Self::Connect => "every address failed",
            Self::TimedOut { .. } => "timed out",
            Self::Tls(tls) => return tls.fmt(f),
            Self::AlpnMismatch => "the server does not speak HTTP/1.1",
            Self::NoTlsProvider => {
                "this build has no TLS provider (feature `tls-ring` or `tls-aws-lc-rs`), and no TLS settings were given"
            }
            Self::Custom => "the connect function failed",
            Self::Panicked => "user code panicked",
        })
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
        })
    }
}
