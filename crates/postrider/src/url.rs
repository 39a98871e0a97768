//! URLs as callers write them.

use std::borrow::Cow;
use std::ops::Range;

use http::Uri;
use http::uri::InvalidUri;

use crate::body::BoxError;
use crate::error::{Cause, Error};
use crate::phase::Phase;

/// What a request can be sent to: a text, its bytes, or the `http` crate's
/// [`Uri`].
///
/// A URL of your own type becomes one by the text that it stands for:
///
/// ```
/// use http::Uri;
/// use postrider::{Error, IntoUrl};
///
/// struct Endpoint(&'static str);
///
/// impl IntoUrl for &Endpoint {
///     fn into_url(self) -> Result<Uri, Error> {
///         format!("https://api.internal/v1/{}", self.0).into_url()
///     }
/// }
/// ```
pub trait IntoUrl {
    /// The URL.
    ///
    /// A host outside ASCII (`bücher.example`) is mapped to its ASCII form
    /// (`xn--bcher-kva.example`) by the feature `idna` (RFC 5891, as browsers do
    /// it: UTS #46), and an error without it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Request`](crate::ErrorKind::Request) for what is no URL.
    fn into_url(self) -> Result<Uri, Error>;
}

impl IntoUrl for Uri {
    fn into_url(self) -> Result<Uri, Error> {
        Ok(self)
    }
}

impl IntoUrl for &Uri {
    fn into_url(self) -> Result<Uri, Error> {
        Ok(self.clone())
    }
}

impl IntoUrl for &str {
    fn into_url(self) -> Result<Uri, Error> {
        let text = in_ascii(self).map_err(wrong)?;
        Uri::try_from(text.as_ref()).map_err(|error| no_url(error, text.as_bytes()))
    }
}

impl IntoUrl for String {
    fn into_url(self) -> Result<Uri, Error> {
        self.as_str().into_url()
    }
}

impl IntoUrl for &String {
    fn into_url(self) -> Result<Uri, Error> {
        self.as_str().into_url()
    }
}

impl IntoUrl for &[u8] {
    fn into_url(self) -> Result<Uri, Error> {
        match str::from_utf8(self) {
            Ok(text) => text.into_url(),
            Err(_) => Uri::try_from(self).map_err(|error| no_url(error, self)),
        }
    }
}

/// A host's name in ASCII. What is so already is left alone, so that the feature
/// changes nothing for it.
pub(crate) fn host_in_ascii(name: &str) -> Result<Cow<'_, str>, BoxError> {
    if name.is_ascii() {
        Ok(Cow::Borrowed(name))
    } else {
        mapped(name).map(Cow::Owned)
    }
}

/// The URL with its host in ASCII.
fn in_ascii(text: &str) -> Result<Cow<'_, str>, Cause> {
    let Some(range) = host(text) else {
        return Ok(Cow::Borrowed(text));
    };
    let (before, after) = (&text[..range.start], &text[range.end..]);
    Ok(match host_in_ascii(&text[range]).map_err(Cause::Url)? {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(host) => Cow::Owned(format!("{before}{host}{after}")),
    })
}

/// Where the host's name stands, if there is one.
fn host(text: &str) -> Option<Range<usize>> {
    let start = text.find("://")? + 3;
    let end = text[start..].find(['/', '?', '#']);
    let end = end.map_or(text.len(), |length| start + length);
    let start = text[start..end]
        .rfind('@')
        .map_or(start, |at| start + at + 1);
    let colon = text[start..end].find(':');
    Some(start..colon.map_or(end, |length| start + length))
}

#[cfg(not(feature = "idna"))]
fn mapped(_: &str) -> Result<String, BoxError> {
    Err("the host name is not in ASCII; the feature `idna` would map it".into())
}

/// Which characters a host may have in ASCII is checked when it is read as one.
/// A mapping that gives an address is a number in disguise.
#[cfg(feature = "idna")]
fn mapped(host: &str) -> Result<String, BoxError> {
    match idna::domain_to_ascii_cow(host.as_bytes(), idna::AsciiDenyList::URL) {
        Ok(name) if name.parse::<std::net::Ipv4Addr>().is_err() => Ok(name.into_owned()),
        _ => Err("the host is no internationalized domain name".into()),
    }
}

fn wrong(cause: Cause) -> Error {
    Error::new(cause, Phase::Prepare)
}

/// Names what is most often wrong with a text from elsewhere: a line end behind it,
/// a space that is not encoded. No more of it, which may be a secret.
fn no_url(error: InvalidUri, text: &[u8]) -> Error {
    let is_odd = |byte: &u8| *byte == b' ' || byte.is_ascii_control();
    wrong(Cause::Url(match text.iter().position(is_odd) {
        Some(at) => format!("{error} {:?} at byte {at}", char::from(text[at])).into(),
        None => error.into(),
    }))
}

#[cfg(test)]
mod tests {
    use super::IntoUrl;

    fn text(url: &str) -> String {
        match url.into_url() {
            Ok(url) => url.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_is_in_ascii_stays_as_it_is() {
        for url in [
            "http://a.test/",
            "https://user:p%40ss@A.test:8443/path?query=a:b/@",
            "http://[::1]:80/",
            "http://127.0.0.1/\u{e4}",
            "http://xn--example-.org/",
            "http://a.xn--/",
            "/no/host",
        ] {
            assert_eq!(text(url), url);
        }
    }

    #[test]
    fn what_was_read_with_its_line_end_says_so() {
        for (url, why) in [
            ("http://a.test/\n", "invalid uri character '\\n' at byte 14"),
            ("http://a.test/a b", "invalid uri character ' ' at byte 15"),
            ("http://a.test/<", "invalid uri character"),
        ] {
            assert_eq!(text(url), format!("invalid URL: {why}"));
        }
    }

    #[cfg(feature = "idna")]
    #[test]
    fn a_host_outside_ascii_is_mapped_and_nothing_else_is() {
        for (url, mapped) in [
            (
                "https://me@b\u{fc}cher.example:8443/\u{e4}?q=\u{f6}",
                "https://me@xn--bcher-kva.example:8443/\u{e4}?q=\u{f6}",
            ),
            ("http://FA\u{df}.de/", "http://xn--fa-hia.de/"),
            ("http://\u{4f8b}\u{3048}.jp", "http://xn--r8jz45g.jp/"),
            ("http://a_b.\u{4f8b}.jp/", "http://a_b.xn--fsq.jp/"),
        ] {
            assert_eq!(text(url), mapped);
            assert_eq!(text(mapped), mapped);
            assert_eq!(String::from(url).into_url().unwrap().to_string(), mapped);
        }
    }

    #[cfg(feature = "idna")]
    #[test]
    fn names_that_look_like_others_by_punycode_are_refused() {
        for url in [
            "http://xn--example-.b\u{fc}cher.org/",
            "http://\u{e4}.xn--/",
            "http://\u{ff11}\u{ff12}\u{ff17}.0.0.1/",
        ] {
            assert_eq!(
                text(url),
                "invalid URL: the host is no internationalized domain name",
                "{url}"
            );
        }
    }

    #[cfg(not(feature = "idna"))]
    #[test]
    fn a_host_outside_ascii_is_an_error_that_names_the_feature() {
        for url in ["https://b\u{fc}cher.example/", "http://me@\u{4f8b}.jp:80"] {
            assert_eq!(
                text(url),
                "invalid URL: the host name is not in ASCII; the feature `idna` would map it",
            );
        }
    }
}
