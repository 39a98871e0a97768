//! Both providers linked at once, without a panic, and the stronger one used.

use std::sync::Arc;

use rustls::ServerConfig;

use crate::authority::Authority;
use crate::tls_server::Server;

#[tokio::test]
async fn post_quantum_key_exchange_is_preferred_where_the_server_has_it() {
    let authority = Authority::new();
    let identity = authority.identity("a.test");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = identity.key.serialize_der().try_into().unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.certificate.into()], key)
        .unwrap();
    let server = Server::with(&authority, config).await;
    let (connected, _far) = server.connect().await;
    let facts = connected.facts.tls.unwrap();
    assert_eq!(facts.key_exchange, Some("X25519MLKEM768"));
}
