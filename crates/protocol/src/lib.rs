//! A strict HTTP/1.1 client engine without I/O: requests to bytes, bytes to
//! responses.

mod authority;
mod chunked;
mod encode;
mod error;
mod exchange;
mod fields;
mod framing;
mod layout;
mod limits;
mod list;
mod outcome;
mod plan;
mod receiving;
mod request;
mod response;
mod sending;
mod shape;
mod spelling;
mod steering;
mod trailers;

pub use authority::{Authority, AuthorityError, Host, Scheme, UserInfo};
pub use error::{Error, RequestError};
pub use exchange::{Event, Exchange, Remaining};
pub use limits::{Leniency, Limits};
pub use outcome::{CloseReason, KeepAlive, Outcome};
pub use request::{BodyLength, RequestHead, Target};
pub use response::ResponseHead;
pub use sending::Frame;
pub use spelling::{Spelling, Spellings};
