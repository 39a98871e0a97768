//! The machine itself: one request and its response.

use bytes::{Bytes, BytesMut};
use http::header::UPGRADE;
use http::{HeaderMap, Method, StatusCode};

use crate::encode::{write_head, write_last_chunk};
use crate::error::Error;
use crate::framing::{self, Asked};
use crate::limits::Limits;
use crate::outcome::{CloseReason, KeepAlive, Outcome};
use crate::plan::Plan;
use crate::receiving::{BodyReader, BodyStep, Receiving};
use crate::request::RequestHead;
use crate::request_error::RequestError;
use crate::response::{Head, HeadReader, ResponseHead};
use crate::sending::{Body, Frame, Sending, check_trailers};

/// One request and its response: the only place where their states change.
///
/// It owns no buffer. What it encodes goes into the caller's, and what it
/// decodes it takes off the front of the caller's; what it does not take stays
/// there.
#[derive(Debug)]
pub struct Exchange {
    sending: Sending,
    receiving: Receiving,
    asked: Asked,
    limits: Limits,
    informational: Informational,
    keep_alive: KeepAlive,
    close: Option<CloseReason>,
}

/// What was received. See [`Exchange::receive`] for their order.
#[derive(Clone, Debug)]
pub enum Event {
    /// The head of an informational response (1xx); another one follows.
    Informational(ResponseHead),
    /// The head of the final response, or of the 101 that an upgrade was
    /// answered with.
    Head(ResponseHead),
    /// A piece of the body: never empty.
    Data(Bytes),
    /// The trailers of a chunked body.
    Trailers(HeaderMap),
    /// The response is complete.
    End,
}

/// What is known of the rest of a response's body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Remaining {
    /// Exactly so many bytes, and at least one.
    Known(u64),
    /// There may be more: chunks, all until the connection closes, or a
    /// response that has not begun.
    Unknown,
    /// No more bytes.
    Nothing,
}

/// What informational responses took so far.
#[derive(Clone, Copy, Debug, Default)]
struct Informational {
    count: u32,
    bytes: u32,
}

impl Exchange {
    /// Checks the request, and appends its head to `out`.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when the request is not one that can be sent as it is.
    /// Nothing was written then.
    pub fn start(
        head: &RequestHead<'_>,
        limits: &Limits,
        out: &mut Vec<u8>,
    ) -> Result<Self, RequestError> {
        let plan = Plan::of(head)?;
        write_head(head, &plan, out);
        Ok(Self {
            sending: Sending::start(&plan),
            receiving: Receiving::Head(HeadReader::default()),
            asked: asked(head),
            limits: *limits,
            informational: Informational::default(),
            keep_alive: KeepAlive::default(),
            close: plan.closes.then_some(CloseReason::RequestClose),
        })
    }

    /// Frames the next `len` bytes of the body: write what is
    /// [`before`](Frame::before), then the bytes, then what is
    /// [`after`](Frame::after). While waiting for 100 (Continue) this ends the
    /// wait, but for a piece of no bytes, which changes nothing.
    ///
    /// # Errors
    ///
    /// [`RequestError::BodyTooLong`] when the body has more bytes than were
    /// declared: nothing of this piece may be written, and the connection
    /// cannot be used again. [`RequestError::Abandoned`] after
    /// [`abandon`](Self::abandon) or another error.
    pub fn frame(&mut self, len: usize) -> Result<Frame, RequestError> {
        if len == 0 {
            return Ok(Frame::default());
        }
        self.proceed();
        let surplus = match &mut self.sending {
            Sending::Waiting(Body::Chunked) | Sending::Body(Body::Chunked) => {
                return Ok(Frame::chunk(len));
            }
            Sending::Waiting(Body::Length(left)) | Sending::Body(Body::Length(left)) => {
                match left.checked_sub(len as u64) {
                    Some(0) => {
                        self.sending = Sending::Done;
                        return Ok(Frame::default());
                    }
                    Some(rest) => {
                        *left = rest;
                        return Ok(Frame::default());
                    }
                    None => len as u64 - *left,
                }
            }
            Sending::Done => len as u64,
            Sending::Failed => return Err(RequestError::Abandoned),
        };
        self.sending = Sending::Failed;
        Err(RequestError::BodyTooLong { surplus })
    }

    /// Ends the body, and appends what must be written for it. Calling it when
    /// the request is complete changes nothing.
    ///
    /// # Errors
    ///
    /// [`RequestError::BodyTooShort`] when bytes of the declared length are
    /// missing; the connection cannot be used again.
    /// [`RequestError::Trailer`] and [`RequestError::TrailersWithoutChunked`]
    /// for trailers that cannot be sent: the body can still be ended without
    /// them. [`RequestError::Abandoned`] as for [`frame`](Self::frame).
    pub fn finish(
        &mut self,
        trailers: Option<&HeaderMap>,
        out: &mut Vec<u8>,
    ) -> Result<(), RequestError> {
        self.proceed();
        let trailers = trailers.filter(|trailers| !trailers.is_empty());
        match (self.sending, trailers) {
            (Sending::Failed, _) => Err(RequestError::Abandoned),
            (Sending::Waiting(Body::Chunked) | Sending::Body(Body::Chunked), _) => {
                trailers.map_or(Ok(()), check_trailers)?;
                write_last_chunk(trailers, out);
                self.sending = Sending::Done;
                Ok(())
            }
            (Sending::Waiting(Body::Length(missing)) | Sending::Body(Body::Length(missing)), _) => {
                self.sending = Sending::Failed;
                Err(RequestError::BodyTooShort { missing })
            }
            (Sending::Done, Some(_)) => Err(RequestError::TrailersWithoutChunked),
            (Sending::Done, None) => Ok(()),
        }
    }

    /// The rest of the body will not be sent: the peer never learns where the
    /// request ends, so the connection cannot be used again. A request that is
    /// complete stays so.
    pub fn abandon(&mut self) {
        if self.sending != Sending::Done {
            self.sending = Sending::Failed;
        }
    }

    /// Ends the wait for 100 (Continue), as the arrival of that response does:
    /// the server may not know it, and must not be waited for without end
    /// (RFC 9110 §10.1.1).
    pub fn proceed(&mut self) {
        if let Sending::Waiting(body) = self.sending {
            self.sending = Sending::Body(body);
        }
    }

    /// Takes the next event off the front of `input`; `None` means that more
    /// bytes are needed, or that the response is over.
    ///
    /// A response is any number of [`Event::Informational`], one
    /// [`Event::Head`], any number of [`Event::Data`], perhaps
    /// [`Event::Trailers`], and [`Event::End`]. Head and end of a response
    /// without a body come from two calls, and the second needs no bytes.
    ///
    /// Data may stand before an error in one buffer: it is handed out first,
    /// and the error comes from the next call.
    ///
    /// # Errors
    ///
    /// [`Error`] when the bytes are no response, or pass a limit. The
    /// connection must be closed.
    pub fn receive(&mut self, input: &mut BytesMut) -> Result<Option<Event>, Error> {
        let received = match &mut self.receiving {
            Receiving::Head(reader) => match reader.read(input, &self.limits) {
                Ok(Some(head)) => self.accept(head).map(Some),
                Ok(None) => Ok(None),
                Err(error) => Err(error),
            },
            Receiving::Body(body) => match body.read(input, &self.limits) {
                Ok(BodyStep::More) => Ok(None),
                Ok(BodyStep::Data(data)) => Ok(Some(Event::Data(data))),
                Ok(BodyStep::Trailers(trailers)) => Ok(Some(Event::Trailers(trailers))),
                Ok(BodyStep::End) => Ok(Some(self.end())),
                Err(error) => Err(error),
            },
            Receiving::Done | Receiving::Upgraded => Ok(None),
            Receiving::Failed => Err(Error::AfterError),
        };
        if received.is_err() {
            self.receiving = Receiving::Failed;
        }
        received
    }

    /// As [`receive`](Self::receive), when no more bytes will come: the
    /// connection ended in good order. Call it until it gives
    /// [`Event::End`] or an error.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`], [`Error::HeadTruncated`] and
    /// [`Error::BodyTruncated`] when the response is not over, and what
    /// [`receive`](Self::receive) gives.
    pub fn receive_eof(&mut self, input: &mut BytesMut) -> Result<Option<Event>, Error> {
        if let Some(event) = self.receive(input)? {
            return Ok(Some(event));
        }
        let ended = match &self.receiving {
            Receiving::Head(reader) => Err(reader.end(input, &self.limits)),
            Receiving::Body(body) => body.end(),
            Receiving::Done | Receiving::Upgraded | Receiving::Failed => return Ok(None),
        };
        match ended {
            Ok(()) => Ok(Some(self.end())),
            Err(error) => {
                self.receiving = Receiving::Failed;
                Err(error)
            }
        }
    }

    /// Whether the request is complete.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.sending == Sending::Done
    }

    /// Whether a body is still to be sent in chunks, which no server of HTTP/1.0
    /// understands.
    #[must_use]
    pub const fn is_chunking(&self) -> bool {
        matches!(
            self.sending,
            Sending::Waiting(Body::Chunked) | Sending::Body(Body::Chunked)
        )
    }

    /// Whether the body is held back until 100 (Continue) comes, or
    /// [`proceed`](Self::proceed) is called.
    #[must_use]
    pub const fn is_waiting(&self) -> bool {
        matches!(self.sending, Sending::Waiting(_))
    }

    /// Whether the response ended HTTP/1 on this connection: a tunnel was
    /// opened, or the protocol switched. What is left in the input belongs to
    /// that.
    #[must_use]
    pub const fn is_upgraded(&self) -> bool {
        matches!(
            self.receiving,
            Receiving::Upgraded | Receiving::Body(BodyReader::HandOver)
        )
    }

    /// What is known of the rest of the response's body.
    #[must_use]
    pub const fn body_remaining(&self) -> Remaining {
        match self.receiving {
            Receiving::Body(BodyReader::Length(left)) if left > 0 => Remaining::Known(left),
            Receiving::Head(_)
            | Receiving::Body(BodyReader::Chunked(_) | BodyReader::UntilClose) => {
                Remaining::Unknown
            }
            Receiving::Body(_) | Receiving::Done | Receiving::Upgraded | Receiving::Failed => {
                Remaining::Nothing
            }
        }
    }

    /// What becomes of the connection: decided here and nowhere else, from
    /// proof. `leftover` is what is in the input behind the response.
    #[must_use]
    pub fn outcome(&self, leftover: &[u8]) -> Outcome {
        match (self.receiving, self.close) {
            (Receiving::Head(_) | Receiving::Body(_), _) => Outcome::NotYet,
            (Receiving::Failed, _) => Outcome::Close(CloseReason::Error),
            (Receiving::Upgraded, _) => Outcome::Close(CloseReason::Upgraded),
            (Receiving::Done, Some(reason)) => Outcome::Close(reason),
            (Receiving::Done, None) if self.sending != Sending::Done => {
                Outcome::Close(CloseReason::RequestUnfinished)
            }
            (Receiving::Done, None) if !leftover.is_empty() => {
                Outcome::Close(CloseReason::Leftover)
            }
            (Receiving::Done, None) => Outcome::Reusable,
        }
    }

    /// What is known already to speak against using the connection again; the
    /// [`outcome`](Self::outcome) at the end may know more.
    #[must_use]
    pub const fn close_reason(&self) -> Option<CloseReason> {
        self.close
    }

    /// What the response said of how long the connection will be kept.
    #[must_use]
    pub const fn keep_alive(&self) -> KeepAlive {
        self.keep_alive
    }

    fn accept(&mut self, head: Head) -> Result<Event, Error> {
        let status = head.response.status;
        if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
            return self.accept_informational(head);
        }
        let Head {
            response, steering, ..
        } = head;
        let framing = framing::of_response(&response, &steering, &self.asked, &self.limits)?;
        let reason = framing::close_reason(response.version, &steering, framing);
        self.keep_alive = steering.keep_alive;
        self.close = self.close.or(reason);
        self.receiving = Receiving::Body(BodyReader::start(framing));
        Ok(Event::Head(response))
    }

    /// RFC 9110 §15.2: any number of them; without bound, nobody could wait
    /// for the end.
    fn accept_informational(&mut self, head: Head) -> Result<Event, Error> {
        self.informational.count += 1;
        if self.informational.count > self.limits.informational {
            return Err(Error::TooManyInformational {
                limit: self.limits.informational as usize,
            });
        }
        let bytes = u32::try_from(head.bytes).unwrap_or(u32::MAX);
        self.informational.bytes = self.informational.bytes.saturating_add(bytes);
        if self.informational.bytes > self.limits.head_bytes {
            return Err(Error::InformationalTooLarge {
                limit: self.limits.head_bytes as usize,
            });
        }
        if head.response.status == StatusCode::CONTINUE {
            self.proceed();
        }
        // RFC 9112 §9.6 does not except informational responses.
        if head.steering.connection.close {
            self.close = self.close.or(Some(CloseReason::ResponseClose));
        }
        self.receiving = Receiving::Head(HeadReader::default());
        Ok(Event::Informational(head.response))
    }

    fn end(&mut self) -> Event {
        self.receiving = match self.receiving {
            Receiving::Body(BodyReader::HandOver) => Receiving::Upgraded,
            _ => Receiving::Done,
        };
        Event::End
    }
}

fn asked(head: &RequestHead<'_>) -> Asked {
    if *head.method == Method::HEAD {
        Asked::Head
    } else if *head.method == Method::CONNECT {
        Asked::Connect
    } else if head.headers.contains_key(UPGRADE) {
        let offered = head.headers.get_all(UPGRADE).iter();
        let offered = offered.map(|value| (UPGRADE, value.clone())).collect();
        Asked::Upgrade(Box::new(offered))
    } else {
        Asked::Usual
    }
}
