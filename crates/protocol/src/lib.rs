//! A strict HTTP/1.1 client engine without I/O: requests to bytes, bytes to
//! responses.
//!
//! It opens no socket, reads no clock and knows no runtime. It follows no
//! redirect, decodes no content and keeps no connection: [`postrider`] does, on
//! top of it. It is for those who have their own idea of how bytes travel.
//!
//! One [`Exchange`] is one request and its response. It owns no buffer: what it
//! encodes it appends to yours, what it decodes it takes off the front of
//! yours, and what is behind the response stays there.
//!
//! ```text
//!          start ─┬──────────────► Waiting ── proceed, 100 ──┐
//!                 ├─ a body ────────────────────────────────► Body ─┬─ all sent, finish ─► Done
//!  sending        │                                                 └─ abandon, error ───► Failed
//!                 └─ none ───────────────────────────────────────────────────────────────► Done
//!
//!                  ┌─ 1xx ─┐
//!          start ──► Head ─┴─ final head ──► Body ── data, trailers ─┬─ End ─► Done
//!  receiving                                                         ├─ End ─► Upgraded
//!                                                  any error ────────┴───────► Failed
//!
//!  outcome         Done, Done, no reason to close, no byte left ─────────────► Reusable
//! ```
//!
//! # Example
//!
//! ```
//! use bytes::BytesMut;
//! use http::{HeaderMap, Method, Uri};
//! use postrider_protocol::{
//!     Authority, BodyLength, Event, Exchange, Limits, Outcome, RequestHead, Scheme, Target,
//! };
//!
//! // What the request is, checked before a byte is written.
//! let url = Uri::from_static("http://example.com/greet?in=latin");
//! let (authority, _) = Authority::parse("example.com", Scheme::Http)?;
//! let headers = HeaderMap::new();
//! let target = Target::Origin(&url);
//! let head = RequestHead::new(&Method::POST, target, &authority, &headers, BodyLength::Chunked);
//!
//! // The head, and the body in pieces: framing goes before and after each.
//! let mut wire = Vec::new();
//! let mut exchange = Exchange::start(&head, &Limits::default(), &mut wire)?;
//! let frame = exchange.frame(4)?;
//! wire.extend_from_slice(frame.before());
//! wire.extend_from_slice(b"Ave!");
//! wire.extend_from_slice(frame.after());
//! exchange.finish(None, &mut wire)?;
//! assert_eq!(
//!     wire,
//!     b"POST /greet?in=latin HTTP/1.1\r\nhost: example.com\r\n\
//!       transfer-encoding: chunked\r\n\r\n4\r\nAve!\r\n0\r\n\r\n"
//! );
//!
//! // What the peer answered, as it is read from somewhere.
//! let mut input = BytesMut::from(&b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nsalve"[..]);
//! let mut body = Vec::new();
//! loop {
//!     match exchange.receive(&mut input)? {
//!         Some(Event::Head(head)) => assert_eq!(head.status, 200),
//!         Some(Event::Data(data)) => body.extend_from_slice(&data),
//!         Some(Event::Informational(_) | Event::Trailers(_)) => {}
//!         Some(Event::End) => break,
//!         None => unreachable!("here, all of it was read already"),
//!     }
//! }
//! assert_eq!(body, b"salve");
//! assert_eq!(exchange.outcome(&input), Outcome::Reusable);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it is strict about
//!
//! Where a message ends, all readers must agree: framing follows RFC 9112 §6.3
//! to the letter, truncation is always an error, and a connection is used again
//! only on proof. What is put up with besides the grammar is listed in
//! [`Leniency`], and can be refused. Nothing that a peer sends makes the engine
//! hold more than [`Limits`] allow. A request that could be read as two is
//! refused, or cannot be written down in the types.
//!
//! [`Error`] is what the peer or the network did, [`RequestError`] what the
//! caller did.
//!
//! # Where to look
//!
//! - A request: [`RequestHead`] with its [`Target`], [`Authority`],
//!   [`BodyLength`] and [`Spelling`].
//! - A response: [`Event`], [`ResponseHead`], [`Remaining`].
//! - The connection afterwards: [`Outcome`], [`CloseReason`], [`KeepAlive`].
//!
//! In the source, `exchange` is the machine, and `sending` and `receiving` hold
//! its states. On the way out `plan` decides and `encode` writes. On the way in
//! `response` reads a head: `shape` recognises it or `layout` parses it, `fields`
//! makes the map, and `steering` notes what decides; then `framing` says how the
//! body ends, and `chunked` and `trailers` read it.
//!
//! [`postrider`]: https://docs.rs/postrider

mod authority;
mod authority_error;
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
mod request_error;
mod response;
mod sending;
mod shape;
mod spelling;
mod steering;
mod trailers;
mod user_info;

pub use authority::{Authority, Host, Scheme};
pub use authority_error::AuthorityError;
pub use error::Error;
pub use exchange::{Event, Exchange, Remaining};
pub use limits::{Leniency, Limits};
pub use outcome::{CloseReason, KeepAlive, Outcome};
pub use request::{BodyLength, RequestHead, Target};
pub use request_error::RequestError;
pub use response::ResponseHead;
pub use sending::Frame;
pub use spelling::{Spelling, Spellings};
pub use user_info::UserInfo;
