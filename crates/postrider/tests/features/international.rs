//! Names outside ASCII, as the server gets to see them.

use postrider::{Client, Error, ErrorKind};
use testing::{Authority, Script, Server};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn host_and_server_name_are_in_ascii() -> Result<(), Error> {
    let authority = Authority::new();
    let identity = authority.issue(&["xn--bcher-kva.example", "xn--fsq.example"]);
    let server = Server::start_tls(identity, [Script::respond_always(OK)]);
    let port = server.addr().port();
    let client = Client::builder()
        .only_root_certificates(authority.ca_pem())
        .resolve("b\u{fc}cher.example", [server.addr()])
        .build()?;

    let url = format!("https://B\u{dc}CHER.example:{port}/\u{e4}");
    client.get(&url).send().await?.text().await?;
    let named = client.get(&url).server_name("\u{4f8b}.example");
    named.send().await?.text().await?;

    for (connection, name) in ["xn--bcher-kva.example", "xn--fsq.example"]
        .iter()
        .enumerate()
    {
        let shown = server.peer(connection).tls.unwrap();
        assert_eq!(shown.server_name.as_deref(), Some(*name));
        let received = String::from_utf8(server.received(connection)).unwrap();
        let host = format!("\r\nhost: xn--bcher-kva.example:{port}\r\n");
        assert!(received.contains(&host), "{received}");
    }
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_mapped_is_told_for_what_it_is() {
    // Full-width digits: an address in disguise.
    let disguised = "\u{ff11}\u{ff12}\u{ff17}.0.0.1";
    let words = "the host is no internationalized domain name";
    let request = Client::new().get("https://a.test/").server_name(disguised);
    let error = request.send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Request);
    let text = format!("GET https://a.test/: invalid server name: {words}");
    assert_eq!(error.to_string(), text);

    let error = Client::builder().resolve(disguised, []).build();
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Builder);
    assert!(error.to_string().ends_with(words), "{error}");
}
