//! TLS in a build without any provider.

use postrider::{Client, ConnectErrorKind, ErrorKind, Phase};

#[tokio::test]
async fn a_secure_url_is_a_clear_error_before_anything_is_dialled() {
    let request = Client::new().get("https://127.0.0.1:9/");
    let error = request.send().await.unwrap_err();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Tls, Phase::Tls));
    assert_eq!(error.connect_kind(), Some(ConnectErrorKind::NoTlsProvider));
    assert!(error.attempts().is_empty() && !error.is_retry_safe());
    assert_eq!(
        error.to_string(),
        "GET https://127.0.0.1:9/: TLS handshake with 127.0.0.1:9 failed: \
         this build has no TLS provider (feature `tls-ring` or `tls-aws-lc-rs`), \
         and no TLS settings were given"
    );
}

#[test]
fn roots_for_it_are_an_error_of_the_builder() {
    let roots = testing::Authority::new().ca_pem();
    let builder = Client::builder().only_root_certificates(roots);
    let error = builder.build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Builder);
    assert_eq!(
        error.to_string(),
        "the client can't be built: \
         this build has no TLS provider (feature `tls-ring` or `tls-aws-lc-rs`)"
    );
}

#[tokio::test]
async fn a_url_in_the_clear_needs_none() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let server = testing::Server::start([testing::Script::respond(answer)]);
    let response = Client::new().get(server.url("/")).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "ok");
}
