//! The `Authorization` field: Basic, Bearer, and what a URL says.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use percent_encoding::percent_decode_str;
use protocol::UserInfo;

use crate::error::Cause;
use crate::fields::set;

/// User-info in a URL becomes Basic authorization, unless there is some already.
pub(crate) fn authorize(headers: &mut HeaderMap, user_info: &UserInfo<'_>) -> Result<(), Cause> {
    if headers.contains_key(AUTHORIZATION) {
        return Ok(());
    }
    let decode = |text| Cow::from(percent_decode_str(text));
    let user = decode(user_info.user);
    let password = user_info.password.map(decode).unwrap_or_default();
    set(headers, AUTHORIZATION, basic(&user, &password)?)
}

/// The value of a Basic `Authorization` field.
pub(crate) fn basic(user: &[u8], password: &[u8]) -> Result<HeaderValue, Cause> {
    // RFC 7617 §2: the first colon ends the user-id.
    if user.contains(&b':') {
        return Err(Cause::Header("a user-id for Basic has no colon".into()));
    }
    if user.iter().chain(password).any(u8::is_ascii_control) {
        return Err(Cause::Header(
            "a user-id or password has no control characters".into(),
        ));
    }
    sensitive(&format!(
        "Basic {}",
        STANDARD.encode([user, b":", password].concat())
    ))
}

/// The value of a Bearer `Authorization` field.
pub(crate) fn bearer(token: &str) -> Result<HeaderValue, Cause> {
    sensitive(&format!("Bearer {token}"))
}

/// It never appears in `Debug`, errors or traces.
fn sensitive(text: &str) -> Result<HeaderValue, Cause> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|error| Cause::Header(format!("{AUTHORIZATION}: {error}").into()))?;
    value.set_sensitive(true);
    Ok(value)
}
