//! The promises that the types make.

use std::sync::Arc;

use postrider::{Body, Client, Error, ErrorKind, Pending, Phase, Response, ResponseBody};
use testing::{Script, Server};

use crate::support::{client_of, ok, received};

fn is_send<T: Send>(_: &T) {}
fn is_send_and_sync<T: Send + Sync>() {}
fn is_send_type<T: Send>() {}

#[test]
fn the_client_is_shared_and_everything_public_can_change_threads() {
    is_send_and_sync::<Client>();
    is_send_and_sync::<Error>();
    is_send_type::<Body>();
    is_send_type::<Pending>();
    is_send_type::<Response>();
    is_send_type::<ResponseBody>();
}

#[test]
fn every_public_future_can_change_threads() {
    async fn all(client: &Client) -> Result<(), Error> {
        let response = async || client.get("http://a.test/").send().await;
        let mut first = response().await?;
        is_send(&first.chunk());
        let second = response().await?;
        is_send(&second.bytes());
        let third = response().await?;
        is_send(&third.text());
        let fourth = response().await?;
        is_send(&fourth.json::<serde_json::Value>());
        let fifth = response().await?;
        is_send(&fifth.discard());
        Ok(())
    }
    let client = Client::new();
    is_send(&client.get("http://a.test/").send());
    is_send(&client.execute(http::Request::new("body")));
    drop(all(&client));
}

#[test]
fn a_request_under_way_fits_into_a_kibibyte_and_an_error_into_a_pointer() {
    assert!(
        size_of::<Pending>() <= 1024,
        "{} bytes",
        size_of::<Pending>()
    );
    assert_eq!(size_of::<Error>(), size_of::<usize>());
    assert_eq!(size_of::<Client>(), size_of::<usize>());
}

#[test]
fn a_client_can_be_made_outside_a_runtime() {
    static CLIENT: std::sync::LazyLock<Client> = std::sync::LazyLock::new(Client::new);
    assert_eq!(CLIENT.stats().totals.connections(), 0);
}

#[test]
fn a_request_polled_outside_a_runtime_is_an_error() {
    let mut pending = Box::pin(Client::new().get("http://127.0.0.1:1/").send());
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Err(error)) = pending.as_mut().poll(&mut cx) else {
        panic!("it must fail at once");
    };
    assert_eq!(error.kind(), ErrorKind::Runtime);
    assert_eq!(
        error.to_string(),
        "GET http://127.0.0.1:1/: no tokio runtime is running here"
    );
}

#[tokio::test]
async fn a_bad_url_is_an_error_at_send_and_never_a_wrong_port() {
    let client = Client::new();
    for (url, says) in [
        ("http://h:65536/", "port"),
        ("http://h:8x/", "port"),
        ("http://[a.test]/", "host"),
        ("http://a@b@c.test/", ""),
        ("ftp://h/", "neither http nor https"),
        ("/only/a/path", "neither http nor https"),
        ("not a url", "invalid"),
        ("", "empty"),
    ] {
        let error = client.get(url).send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Request, "{url}: {error}");
        assert_eq!(error.phase(), Phase::Prepare, "{url}: {error}");
        assert!(!error.is_retry_safe());
        assert!(error.to_string().contains("invalid URL"), "{url}: {error}");
        assert!(error.to_string().contains(says), "{url}: {error}");
    }
    assert_eq!(client.stats().counters.dials, 0);
}

#[tokio::test]
async fn a_url_may_be_anything_that_parses_to_one() {
    let server = Arc::new(Server::in_memory([Script::respond_always(ok(""))]));
    let client = client_of(&server);
    for request in [
        client.get("http://a.test/x"),
        client.get(String::from("http://a.test/x")),
        client.get(http::Uri::from_static("http://a.test/x")),
        client.get(b"http://a.test/x".as_slice()),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(response.url(), "http://a.test/x");
    }
    assert_eq!(
        received(&server, 0).matches("GET /x HTTP/1.1\r\n").count(),
        4
    );
}

#[test]
fn roots_beside_whole_tls_settings_are_an_error_and_throw_nothing_away() {
    let settings = || postrider::TlsSettings::builder().build().unwrap();
    let roots = testing::Authority::new().ca_pem();
    for builder in [
        Client::builder()
            .tls(settings())
            .add_root_certificates(roots.clone()),
        Client::builder()
            .add_root_certificates(roots.clone())
            .tls(settings()),
        Client::builder()
            .connector(|connector| connector.tls(settings()))
            .add_root_certificates(roots.clone()),
        Client::builder()
            .only_root_certificates(roots)
            .connector(|connector| connector.tls(settings())),
        Client::builder()
            .tls(settings())
            .connector(|connector| connector.tls(settings())),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Builder);
        assert!(
            error
                .to_string()
                .contains("TLS settings were given in two ways"),
            "{error}"
        );
    }
}

#[test]
fn of_whole_tls_settings_given_twice_the_last_count() {
    let settings = || postrider::TlsSettings::builder().build().unwrap();
    let builder = Client::builder().tls(settings()).tls(settings());
    assert!(builder.build().is_ok());
}

/// A rule that holds for no connection would be taken for one that does.
#[test]
fn an_address_filter_beside_a_connect_function_is_an_error() {
    let connect = |_| async { Ok(tokio::io::empty()) };
    for builder in [
        Client::builder()
            .connect_with(connect)
            .connector(|it| it.address_filter(|_, _| true)),
        Client::builder()
            .connector(|it| it.address_filter(|_, _| true))
            .connect_with(connect),
        Client::builder().connector(|it| it.address_filter(|_, _| true).connect_with(connect)),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Builder);
        assert_eq!(
            error.to_string(),
            "the client can't be built: the address filter would never be asked: \
             a connect function takes the network's place, and no address is known to it"
        );
    }
}

#[test]
fn what_a_builder_was_given_wrong_is_told_when_it_builds() {
    let error = Client::builder()
        .user_agent("two\nlines")
        .build()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Builder);
    assert_eq!(
        error.to_string(),
        "the client can't be built: the user agent: failed to parse header value"
    );

    let error = Client::builder()
        .only_root_certificates("no certificate")
        .build()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Builder);
    assert!(
        error.to_string().starts_with("the client can't be built: "),
        "{error}"
    );
}
