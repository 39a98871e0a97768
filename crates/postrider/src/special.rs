//! What few requests ask for: another target, another spelling, an answer
//! before the body, a word of what comes before the response, a connection of
//! its own kind.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode, Uri};
use protocol::{Spelling, Spellings, Target};
use tokio::time::Sleep;
use transport::ConnectOptions;

/// Kept apart from a request's record, which most requests pass on without it.
#[derive(Default)]
pub(crate) struct Special {
    pub(crate) form: Form,
    pub(crate) spelled: Spelled,
    pub(crate) expectation: Expectation,
    pub(crate) on_informational: Option<OnInformational>,
    pub(crate) options: Option<Arc<ConnectOptions>>,
}

pub(crate) type OnInformational = Box<dyn FnMut(StatusCode, &HeaderMap) + Send>;

/// What the request line names.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Form {
    /// Path and query; for CONNECT, host and port.
    #[default]
    ByMethod,
    /// `*`: the server as a whole (RFC 9112 §3.2.4).
    Asterisk,
}

/// How field names are spelled.
#[derive(Clone, Debug, Default)]
pub(crate) enum Spelled {
    #[default]
    AsTheClientSays,
    Given(Spellings),
}

/// Whether the body waits for 100 (Continue), RFC 9110 §10.1.1.
#[derive(Default)]
pub(crate) enum Expectation {
    #[default]
    None,
    /// It is to wait for so long.
    Patience(Duration),
    /// It waits for so long, or has done so.
    Waiting(Duration, Pin<Box<Sleep>>),
}

impl Form {
    pub(crate) fn target<'a>(self, method: &Method, url: &'a Uri) -> Target<'a> {
        match self {
            Self::Asterisk => Target::Asterisk,
            Self::ByMethod if *method == Method::CONNECT => Target::Authority,
            Self::ByMethod => Target::Origin(url),
        }
    }
}

impl Spelled {
    pub(crate) fn or<'a>(&'a self, client: HeaderCase) -> Spelling<'a> {
        match self {
            Self::Given(spellings) => Spelling::Given(spellings),
            Self::AsTheClientSays => client.spelling(),
        }
    }
}

/// How the names of header fields are spelled. Their case means nothing
/// (RFC 9110 §5.1), but some servers take it for something.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum HeaderCase {
    /// `content-type`.
    #[default]
    Lower,
    /// `Content-Type`.
    Title,
}

impl HeaderCase {
    pub(crate) fn spelling(self) -> Spelling<'static> {
        match self {
            Self::Lower => Spelling::Lower,
            Self::Title => Spelling::Title,
        }
    }
}

impl Expectation {
    /// Ready when the body has waited for long enough.
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Self::Patience(patience) = *self {
            *self = Self::Waiting(patience, Box::pin(tokio::time::sleep(patience)));
        }
        match self {
            Self::Waiting(_, sleep) => sleep.as_mut().poll(cx),
            // Without a limit of the caller's own it does not wait.
            Self::None | Self::Patience(_) => Poll::Ready(()),
        }
    }

    /// Another server, or the same once more, has the whole time to answer.
    pub(crate) fn begin_again(&mut self) {
        if let Self::Waiting(patience, _) = *self {
            *self = Self::Patience(patience);
        }
    }

    pub(crate) fn is_some(&self) -> bool {
        !matches!(self, Self::None)
    }
}

impl fmt::Debug for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Special")
            .field("form", &self.form)
            .field("spelled", &self.spelled)
            .finish_non_exhaustive()
    }
}
