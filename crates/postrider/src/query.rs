//! Adding to a URL's query.

use http::Uri;

use crate::body::BoxError;

/// A name and a value for [`RequestBuilder::query`](crate::RequestBuilder::query): a pair of texts, or a
/// reference to one.
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
    let mut form = form_urlencoded::Serializer::new(&mut query);
    for pair in pairs {
        form.append_pair(pair.name(), pair.value());
    }
    form.finish();
    let mut parts = url.clone().into_parts();
    let mark = if query.is_empty() { "" } else { "?" };
    parts.path_and_query = Some(format!("{}{mark}{query}", url.path()).try_into()?);
    Ok(Uri::from_parts(parts)?)
}
