//! The case of field names on the wire.

use std::fmt;

use http::header::{HeaderName, InvalidHeaderName};

/// How field names are spelled on the wire. Their case means nothing, but some
/// servers take it for something.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Spelling<'a> {
    /// `content-type`.
    Lower,
    /// `Content-Type`: a capital at the start and after each hyphen.
    Title,
    /// As given, names that were not given in lower case.
    Given(&'a Spellings),
}

impl Spelling<'_> {
    pub(crate) fn write(&self, name: &HeaderName, out: &mut Vec<u8>) {
        match self {
            Self::Lower => out.extend_from_slice(name.as_str().as_bytes()),
            Self::Title => write_title(name.as_str(), out),
            Self::Given(given) => out.extend_from_slice(given.of(name).as_bytes()),
        }
    }
}

/// Field names with the case they were given in.
///
/// ```
/// use postrider_protocol::Spellings;
///
/// let mut spellings = Spellings::default();
/// spellings.insert("X-API-Key")?;
/// # Ok::<(), http::header::InvalidHeaderName>(())
/// ```
#[derive(Clone, Default)]
pub struct Spellings(Vec<(HeaderName, Box<str>)>);

impl Spellings {
    /// Remembers how a name is spelled; the last spelling of a name counts.
    ///
    /// # Errors
    ///
    /// When the text is no field name.
    pub fn insert(&mut self, name: &str) -> Result<(), InvalidHeaderName> {
        let key = HeaderName::from_bytes(name.as_bytes())?;
        self.0.retain(|(known, _)| *known != key);
        self.0.push((key, name.into()));
        Ok(())
    }

    fn of<'a>(&'a self, name: &'a HeaderName) -> &'a str {
        match self.0.iter().find(|(known, _)| known == name) {
            Some((_, given)) => given,
            None => name.as_str(),
        }
    }
}

impl fmt::Debug for Spellings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.0.iter().map(|(_, given)| given))
            .finish()
    }
}

fn write_title(name: &str, out: &mut Vec<u8>) {
    let mut at_start = true;
    out.extend(name.bytes().map(|byte| {
        let spelled = if at_start {
            byte.to_ascii_uppercase()
        } else {
            byte
        };
        at_start = byte == b'-';
        spelled
    }));
}
