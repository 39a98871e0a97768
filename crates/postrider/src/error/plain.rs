//! Text that others have had a hand in, made fit for one line of a log.

use http::{Method, Uri};

/// `GET http://host/path`: no user-info, no query, printable, not endless.
pub(crate) fn describe(method: &Method, uri: &Uri) -> String {
    let host = uri.authority().map_or("", |authority| {
        let text = authority.as_str();
        text.rsplit_once('@').map_or(text, |(_, host)| host)
    });
    let scheme = uri.scheme_str().unwrap_or_default();
    let mark = if scheme.is_empty() { "" } else { "://" };
    let (host, path) = if has_port_of_digits(host) {
        (host, uri.path())
    } else {
        ("...", "")
    };
    let request = format!("{method} {scheme}{mark}{host}{path}");
    plain(&request, 256)
}

/// Whether nothing but digits stand behind the colon, if there is one. Else it may
/// be the user-info's: one of `/`, `?` and `#` in a password, unless it is encoded,
/// makes the rest of the password part of the path or query.
fn has_port_of_digits(host: &str) -> bool {
    let behind = host.rsplit_once(']').map_or(host, |(_, behind)| behind);
    let port = behind.split_once(':').map_or("", |(_, port)| port);
    port.bytes().all(|byte| byte.is_ascii_digit())
}

/// Makes a text printable, and about as long as `most` characters at most.
pub(super) fn plain(text: &str, most: usize) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        if plain.len() >= most {
            plain.push_str("...");
            break;
        }
        match c {
            ' '..='~' => plain.push(c),
            _ => plain.extend(c.escape_default()),
        }
    }
    plain
}
