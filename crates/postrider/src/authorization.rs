//! The `Authorization` field: Basic, Bearer, and what a URL says.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use percent_encoding::percent_decode_str;
use protocol::UserInfo;

use crate::error::Cause;

/// User-info in a URL becomes Basic authorization, unless there is some already.
pub(crate) fn authorize(headers: &mut HeaderMap, user_info: &UserInfo<'_>) -> Result<(), Cause> {
    if headers.contains_key(AUTHORIZATION) {
        return Ok(());
    }
    let decode = |text| percent_decode_str(text).decode_utf8_lossy();
    let user = decode(user_info.user);
    let password = user_info.password.map(decode).unwrap_or_default();
    headers.insert(AUTHORIZATION, basic(&user, &password)?);
    Ok(())
}

/// The value of a Basic `Authorization` field.
pub(crate) fn basic(user: &str, password: &str) -> Result<HeaderValue, Cause> {
    // RFC 7617 §2: the first colon ends the user-id.
    if user.contains(':') {
        return Err(Cause::Header("a user-id for Basic has no colon".into()));
    }
    if user.chars().chain(password.chars()).any(char::is_control) {
        return Err(Cause::Header(
            "a user-id or password has no control characters".into(),
        ));
    }
    sensitive(&format!(
        "Basic {}",
        STANDARD.encode(format!("{user}:{password}"))
    ))
}

/// The value of a Bearer `Authorization` field.
pub(crate) fn bearer(token: &str) -> Result<HeaderValue, Cause> {
    sensitive(&format!("Bearer {token}"))
}

/// It never appears in `Debug`, errors or traces.
fn sensitive(text: &str) -> Result<HeaderValue, Cause> {
    let mut value = HeaderValue::from_str(text).map_err(|error| Cause::Header(error.into()))?;
    value.set_sensitive(true);
    Ok(value)
}
