//! What a reader made of a response.

use std::fmt;

use serde_json::Value;

use super::corpus::latin1;

#[derive(Clone)]
pub(crate) enum Verdict {
    /// It was read to its end.
    Response {
        status: u16,
        body: Vec<u8>,
        ends: Ends,
    },
    /// Its head was taken, and its body refused.
    BodyError { status: u16, said: String },
    /// It was refused before a final head was handed out.
    Error { said: String },
    /// It was refused, by a reader that does not tell when.
    Refused { said: String },
    /// The reader cannot be asked this.
    NotComparable,
}

/// What told where a response ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ends {
    /// Its own bytes.
    ByItself,
    /// The end of the connection.
    AtClose,
    /// The reader does not tell.
    Unknown,
}

impl Verdict {
    /// Reads an oracle's line: `status`, and `body` with `at_close`, or `error`.
    pub(crate) fn parse(answer: &Value) -> Self {
        let status = answer["status"].as_u64().map(|status| status as u16);
        match (status, answer["error"].as_str()) {
            (Some(status), None) => Self::Response {
                status,
                body: latin1(answer["body"].as_str().unwrap()),
                ends: match answer["at_close"].as_bool().unwrap() {
                    true => Ends::AtClose,
                    false => Ends::ByItself,
                },
            },
            (Some(status), Some(said)) => Self::BodyError {
                status,
                said: said.to_owned(),
            },
            (None, said) => Self::Error {
                said: said.unwrap().to_owned(),
            },
        }
    }

    /// Whether two readers read the same. Why they refuse may differ, and what
    /// they handed out of a body before they did.
    pub(crate) fn agrees_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::NotComparable, _) | (_, Self::NotComparable) => true,
            (
                Self::Response { status, body, ends },
                Self::Response {
                    status: other_status,
                    body: other_body,
                    ends: other_ends,
                },
            ) => status == other_status && body == other_body && ends.agrees_with(*other_ends),
            (Self::BodyError { status, .. }, Self::BodyError { status: other, .. }) => {
                status == other
            }
            (Self::Error { .. }, Self::Error { .. }) => true,
            (Self::Refused { .. }, other) | (other, Self::Refused { .. }) => !other.is_accepted(),
            _ => false,
        }
    }

    pub(crate) const fn is_accepted(&self) -> bool {
        matches!(self, Self::Response { .. })
    }
}

impl Ends {
    fn agrees_with(self, other: Self) -> bool {
        self == other || self == Self::Unknown || other == Self::Unknown
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Response { status, body, ends } => {
                let shown = &body[..body.len().min(200)];
                write!(f, "{status} \"{}\" {ends:?}", shown.escape_ascii())
            }
            Self::BodyError { status, said } => write!(f, "{status}, then: {said}"),
            Self::Error { said } | Self::Refused { said } => write!(f, "refused: {said}"),
            Self::NotComparable => f.write_str("not comparable"),
        }
    }
}
