//! What the end-to-end tests are built without: `.ci/other-builds` runs these.

#[cfg(all(feature = "idna", feature = "tls-ring"))]
mod international;
#[cfg(not(any(feature = "tls-ring", feature = "tls-aws-lc-rs")))]
mod no_provider;
