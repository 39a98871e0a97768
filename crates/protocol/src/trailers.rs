//! The trailer section of a chunked response.

use bytes::BytesMut;
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

use crate::error::Error;
use crate::limits::Limits;
use crate::response::take;
use crate::sending::is_forbidden_trailer;

/// Reads the trailer section of a chunked body, up to its empty line
/// (RFC 9112 §7.1.2).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct TrailerReader {
    /// Bytes that were looked at.
    scanned: u32,
    /// Bytes of the line that they end in.
    line: u32,
}

impl TrailerReader {
    /// Takes the section off the input once it is complete.
    pub(crate) fn read(
        &mut self,
        input: &mut BytesMut,
        limits: &Limits,
    ) -> Result<Option<HeaderMap>, Error> {
        let Some(len) = self.find_end(input, limits)? else {
            return Ok(None);
        };
        let section = take(input, len);
        parse(&section, limits).map(Some)
    }

    /// The length of the section, its empty line included.
    fn find_end(&mut self, input: &[u8], limits: &Limits) -> Result<Option<usize>, Error> {
        let limit = limits.trailer_bytes;
        let from = self.scanned as usize;
        for (at, byte) in input.iter().enumerate().skip(from) {
            // Here, as in the chunks, only both make a line end.
            let is_after_cr = at.checked_sub(1).and_then(|at| input.get(at)) == Some(&b'\r');
            match (byte, is_after_cr) {
                (b'\n', true) if self.line == 1 => return Ok(Some(at + 1)),
                (b'\n', true) => self.line = 0,
                (b'\n', false) | (_, true) => return Err(Error::Trailer),
                _ => self.line += 1,
            }
            self.scanned += 1;
            if self.scanned >= limit {
                return Err(Error::TrailersTooLarge {
                    limit: limit as usize,
                });
            }
        }
        Ok(None)
    }
}

/// Fields that must not be in a trailer are left out: they have no effect
/// (RFC 9110 §6.5.1).
fn parse(section: &[u8], limits: &Limits) -> Result<HeaderMap, Error> {
    let allowed = limits.trailer_fields as usize;
    // A field takes three bytes and a line end at least.
    let mut fields = vec![httparse::EMPTY_HEADER; allowed.min(section.len() / 4 + 1)];
    let fields = match httparse::parse_headers(section, &mut fields) {
        Ok(httparse::Status::Complete((_, fields))) => fields,
        Err(httparse::Error::TooManyHeaders) => {
            return Err(Error::TooManyTrailers { limit: allowed });
        }
        Ok(httparse::Status::Partial) | Err(_) => return Err(Error::Trailer),
    };
    let mut trailers = HeaderMap::new();
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| Error::Trailer)?;
        let value = HeaderValue::from_bytes(field.value).map_err(|_| Error::Trailer)?;
        if !is_forbidden_trailer(&name) && trailers.try_append(name, value).is_err() {
            return Err(Error::TooManyTrailers { limit: allowed });
        }
    }
    Ok(trailers)
}
