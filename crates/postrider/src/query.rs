//! Adding to a URL's query.

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::body::BoxError;

/// A name and a value for [`RequestBuilder::query`](crate::RequestBuilder::query):
/// a pair of texts, or a reference to one.
pub trait QueryPair {
    /// The name.
    fn name(&self) -> &str;
    /// The value.
    fn value(&self) -> &str;
}

impl<N: AsRef<str>, V: AsRef<str>> QueryPair for (N, V) {
    fn name(&self) -> &str {
        self.0.as_ref()
    }

    fn value(&self) -> &str {
        self.1.as_ref()
    }
}

impl<P: QueryPair> QueryPair for &P {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn value(&self) -> &str {
        (**self).value()
    }
}

/// `url` with the pairs added to its query, encoded as in a form.
pub(crate) fn with_query<P: QueryPair>(
    url: &Uri,
    pairs: impl IntoIterator<Item = P>,
) -> Result<Uri, BoxError> {
    let mut query = url.query().unwrap_or_default().to_owned();
    for pair in pairs {
        if !query.is_empty() {
            query.push('&');
        }
        push_encoded(&mut query, pair.name());
        query.push('=');
        push_encoded(&mut query, pair.value());
    }
    let mut parts = url.clone().into_parts();
    let mark = if query.is_empty() { "" } else { "?" };
    parts.path_and_query = Some(format!("{}{mark}{query}", url.path()).try_into()?);
    Ok(Uri::from_parts(parts)?)
}

/// All but these bytes, and the blank, are percent-encoded (WHATWG URL §5.2).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'*')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_');

fn push_encoded(query: &mut String, text: &str) {
    for (at, word) in text.split(' ').enumerate() {
        if at > 0 {
            query.push('+');
        }
        query.extend(utf8_percent_encode(word, ENCODED));
    }
}

#[cfg(test)]
mod tests {
    use super::with_query;

    #[test]
    fn pairs_are_added_as_a_form_would_encode_them() {
        let ascii: String = ('\0'..='\u{7f}').collect();
        let pairs = [("a b", "ü&="), ("", ""), ("all", &ascii)];
        let encoded = "a+b=%C3%BC%26%3D&=&all=\
            %00%01%02%03%04%05%06%07%08%09%0A%0B%0C%0D%0E%0F\
            %10%11%12%13%14%15%16%17%18%19%1A%1B%1C%1D%1E%1F\
            +%21%22%23%24%25%26%27%28%29*%2B%2C-.%2F0123456789%3A%3B%3C%3D%3E%3F\
            %40ABCDEFGHIJKLMNOPQRSTUVWXYZ%5B%5C%5D%5E_%60abcdefghijklmnopqrstuvwxyz%7B%7C%7D%7E%7F";
        for (url, front) in [("http://h/p", ""), ("http://h/p?q=1", "q=1&")] {
            let url = with_query(&url.parse().unwrap(), pairs).unwrap();
            assert_eq!(url.query(), Some(&*format!("{front}{encoded}")));
            assert_eq!(url.path(), "/p");
        }
    }
}
