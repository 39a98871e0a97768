//! Where aws-lc-rs is the only provider.

use std::sync::Arc;

use postrider_transport::{Endpoint, Host, Security, TlsSettings};
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use crate::support::{knowing, listen, soon};

#[tokio::test]
async fn the_only_provider_is_used() {
    let own = rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let key = own.signing_key.serialize_der().try_into().unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let (listener, addr) = listen().await;
    let serving = tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let mut far = acceptor.accept(socket).await.unwrap();
        far.write_all(b"x").await.unwrap();
        far.flush().await.unwrap();
    });
    let settings = TlsSettings::builder()
        .add_root_der(own.cert.der().to_vec())
        .only_added_roots()
        .build()
        .unwrap();
    let connector = knowing(&[addr]).tls(settings).build();
    let endpoint = Endpoint::new(Host::Name("a.test".into()), 443, Security::Tls);
    let connected = soon(connector.connect(&endpoint)).await.unwrap();
    let facts = connected.facts.tls.unwrap();
    assert_eq!(facts.key_exchange, Some("X25519MLKEM768"));
    let mut stream = connected.stream;
    soon(stream.read_exact(&mut [0])).await.unwrap();
    serving.await.unwrap();
}
