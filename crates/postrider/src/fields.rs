//! Header fields: put together without a panic, shown without credentials.

use std::fmt;

use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::error::Cause;

/// Sets a field. A map holds some ten thousand at most.
pub(crate) fn set(
    fields: &mut HeaderMap,
    name: HeaderName,
    value: HeaderValue,
) -> Result<(), Cause> {
    let replaced = fields.try_insert(name, value);
    replaced
        .map(drop)
        .map_err(|error| Cause::Header(error.into()))
}

/// Adds a field behind those of its name.
pub(crate) fn add(
    fields: &mut HeaderMap,
    name: HeaderName,
    value: HeaderValue,
) -> Result<(), Cause> {
    let appended = fields.try_append(name, value);
    appended
        .map(drop)
        .map_err(|error| Cause::Header(error.into()))
}

/// Each name in `new` takes the place of what there was under it.
pub(crate) fn set_all(fields: &mut HeaderMap, new: HeaderMap) -> Result<(), Cause> {
    let mut current = None;
    for (name, value) in new {
        match (name, &current) {
            (Some(name), _) => {
                set(fields, name.clone(), value)?;
                current = Some(name);
            }
            // A further value of the name before it.
            (None, Some(name)) => add(fields, name.clone(), value)?,
            (None, None) => {}
        }
    }
    Ok(())
}

/// Fields as `Debug` may show them: without credentials, whether their values are
/// marked sensitive or not.
pub(crate) struct Shown<'a>(pub(crate) &'a HeaderMap);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.0.iter().map(|(name, value)| {
            let mut value = value.clone();
            mark(name, &mut value);
            (name, value)
        });
        f.debug_map().entries(fields).finish()
    }
}

/// Marks the values of fields that are made for credentials.
pub(crate) fn mark_all(fields: &mut HeaderMap) {
    for (name, value) in fields {
        mark(name, value);
    }
}

fn mark(name: &HeaderName, value: &mut HeaderValue) {
    if [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE].contains(name) {
        value.set_sensitive(true);
    }
}
