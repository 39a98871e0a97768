mod error;
mod handshake;
mod name;
#[cfg(feature = "platform-verifier")]
mod platform;
mod provider;
mod settings;
mod trust;

pub use self::error::{TlsErrorKind, TlsSettingsError};
pub(crate) use self::handshake::Handshake;
pub use self::name::ServerName;
pub use self::settings::{TlsSettings, TlsSettingsBuilder};
