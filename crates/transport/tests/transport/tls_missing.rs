//! TLS in a build without any provider.

use std::error::Error;

use postrider_transport::{
    ConnectErrorKind, Connector, Endpoint, Phase, Security, TlsSettings, TlsSettingsError,
};

use crate::support::{closed_port, failure, plain_at};

#[tokio::test]
async fn a_secure_endpoint_is_a_clear_error_before_anything_is_dialled() {
    let addr = closed_port().await;
    let endpoint = Endpoint::new(plain_at(addr).host, addr.port(), Security::Tls);
    let error = failure(&Connector::builder().build(), &endpoint).await;
    assert_eq!(error.kind(), ConnectErrorKind::NoTlsProvider);
    assert_eq!(error.phase(), Phase::Tls);
    assert!(error.source().is_none());
    assert_eq!(
        error.to_string(),
        format!(
            "TLS handshake with {addr} failed: this build has no TLS provider \
             (feature `tls-ring` or `tls-aws-lc-rs`), and no TLS settings were given"
        )
    );
}

#[test]
fn settings_cannot_be_built() {
    let error = TlsSettings::builder().build().unwrap_err();
    assert!(matches!(error, TlsSettingsError::NoProvider));
    assert_eq!(
        error.to_string(),
        "this build has no TLS provider (feature `tls-ring` or `tls-aws-lc-rs`)"
    );
}
