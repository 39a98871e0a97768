//! What hangs on features: `.ci/other-builds` runs these by several sets of them.

#[cfg(not(feature = "idna"))]
mod ascii_only;
#[cfg(all(feature = "idna", feature = "tls-ring"))]
mod international;
#[cfg(not(any(feature = "tls-ring", feature = "tls-aws-lc-rs")))]
mod no_provider;
