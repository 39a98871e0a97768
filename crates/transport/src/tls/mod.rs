//! TLS by rustls. Its types leave the crate by one escape hatch only, `TlsSettings::from_rustls`.

mod broken;
mod error;
mod handshake;
mod name;
mod pem;
#[cfg(feature = "platform-verifier")]
mod platform;
mod provider;
mod settings;
mod settings_error;
mod trust;
mod verifiers;

pub(crate) use self::broken::in_words;
pub use self::broken::tls_error;
pub use self::error::TlsErrorKind;
pub(crate) use self::handshake::Handshake;
pub use self::name::ServerName;
pub use self::settings::{TlsSettings, TlsSettingsBuilder};
pub use self::settings_error::TlsSettingsError;
