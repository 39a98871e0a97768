//! TLS that breaks after its handshake.

use std::error::Error;
use std::fmt;
use std::io;

use super::error::{TlsErrorKind, tls_kind};

/// What TLS failed of, if it is TLS that failed: tells an alert or a bad record from a failure of
/// the socket, in an error that reading or writing a [`Stream`](crate::Stream) gave.
///
/// Such errors come after the handshake, too. In TLS 1.3 the client is done before the server has
/// looked at its certificate, so that one that is refused shows at the first read (RFC 8446
/// §4.4.2.4). The end of the stream, with or without close_notify, is no failure of TLS.
///
/// ```
/// use postrider_transport::tls_error;
///
/// let of_the_socket = std::io::ErrorKind::ConnectionReset.into();
/// assert_eq!(tls_error(&of_the_socket), None);
/// ```
pub fn tls_error(error: &io::Error) -> Option<TlsErrorKind> {
    let broken = error.get_ref()?.downcast_ref::<Broken>()?;
    Some(broken.kind())
}

/// An error of a stream, with the words of a failed handshake's if it is one of TLS.
pub(crate) fn in_words(error: io::Error) -> io::Error {
    let kind = error.kind();
    match error.downcast::<rustls::Error>() {
        Ok(error) => io::Error::new(kind, Broken(error)),
        Err(error) => error,
    }
}

/// A session that failed after its handshake.
#[derive(Debug)]
pub(super) struct Broken(pub(super) rustls::Error);

impl Broken {
    fn kind(&self) -> TlsErrorKind {
        tls_kind(&self.0)
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind().explain(&self.0, f)
    }
}

impl Error for Broken {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use rustls::{AlertDescription, InvalidMessage};

    use super::*;

    fn of_rustls(error: rustls::Error) -> io::Error {
        in_words(io::Error::new(io::ErrorKind::InvalidData, error))
    }

    #[test]
    fn what_breaks_a_session_has_the_words_of_a_handshakes_failure() {
        for (error, kind, words) in [
            (
                rustls::Error::AlertReceived(AlertDescription::CertificateRequired),
                TlsErrorKind::Alert,
                "the server sent an alert: CertificateRequired",
            ),
            (
                rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol),
                TlsErrorKind::Alert,
                "the server sent an alert: NoApplicationProtocol",
            ),
            (
                rustls::Error::AlertReceived(AlertDescription::HandshakeFailure),
                TlsErrorKind::Alert,
                "the server sent an alert: HandshakeFailure",
            ),
            (
                rustls::Error::DecryptError,
                TlsErrorKind::Protocol,
                "the server broke the rules of TLS: cannot decrypt peer's message",
            ),
            (
                rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType),
                TlsErrorKind::NotTls,
                "what the server sent is no TLS",
            ),
        ] {
            let error = of_rustls(error);
            assert_eq!(tls_error(&error), Some(kind));
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
            assert_eq!(error.to_string(), words);
        }
    }

    #[test]
    fn an_error_of_the_socket_stays_what_it_is() {
        let error = in_words(io::Error::from_raw_os_error(104));
        assert_eq!(error.raw_os_error(), Some(104));
        assert_eq!(tls_error(&error), None);
    }
}
