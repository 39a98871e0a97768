//! Reading PEM wherever its sections begin.

use rustls::pki_types::pem::PemObject;

use super::settings_error::TlsSettingsError;

/// Everything of a kind in a text.
pub(super) fn all_in_pem<T: PemObject>(text: &[u8]) -> Result<Vec<T>, TlsSettingsError> {
    let all: Vec<T> = sections(text)
        .flat_map(T::pem_slice_iter)
        .collect::<Result<_, _>>()
        .map_err(|_| TlsSettingsError::BadPem)?;
    if all.is_empty() {
        return Err(TlsSettingsError::EmptyPem);
    }
    Ok(all)
}

/// The first of a kind that can be read.
pub(super) fn first_in_pem<T: PemObject>(text: &[u8]) -> Option<T> {
    sections(text).find_map(|section| T::from_pem_slice(section).ok())
}

/// From each beginning to the next. The reader of PEM passes over one that does not begin a line:
/// behind a byte order mark, or behind a file that has no newline at its end.
fn sections(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = from_beginning(text);
    std::iter::from_fn(move || {
        let section = rest?;
        rest = from_beginning(&section[BEGIN.len()..]);
        let behind = rest.map_or(0, <[u8]>::len);
        Some(&section[..section.len() - behind])
    })
}

const BEGIN: &[u8] = b"-----BEGIN ";

/// The text from the first beginning on.
fn from_beginning(text: &[u8]) -> Option<&[u8]> {
    let mut windows = text.windows(BEGIN.len());
    windows
        .position(|window| window == BEGIN)
        .map(|at| &text[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_section_is_found_wherever_it_begins() {
        let text = b"\xef\xbb\xbf-----BEGIN A-----\n-----END A----------BEGIN B-----\n\
                     -----END B-----\n# end";
        let found: Vec<_> = sections(text).collect();
        let expected: [&[u8]; 2] = [
            b"-----BEGIN A-----\n-----END A-----",
            b"-----BEGIN B-----\n-----END B-----\n# end",
        ];
        assert_eq!(found, expected);
        assert_eq!(sections(b"-----BEGIN").count(), 0);
        assert_eq!(sections(b"").count(), 0);
    }
}
