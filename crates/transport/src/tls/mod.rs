mod broken;
mod error;
mod handshake;
mod name;
#[cfg(feature = "platform-verifier")]
mod platform;
mod provider;
mod settings;
mod trust;

pub(crate) use self::broken::in_words;
pub use self::broken::tls_error;
pub use self::error::{TlsErrorKind, TlsSettingsError};
pub(crate) use self::handshake::Handshake;
pub use self::name::ServerName;
pub use self::settings::{TlsSettings, TlsSettingsBuilder};
