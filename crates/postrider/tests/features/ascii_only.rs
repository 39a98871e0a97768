//! Names outside ASCII in a build that can't map them.

use postrider::{Client, ErrorKind};

const WORDS: &str = "the host name is not in ASCII; the feature `idna` would map it";

#[tokio::test]
async fn a_server_name_that_would_have_to_be_mapped_names_the_feature() {
    let request = Client::new().get("https://a.test/");
    let request = request.server_name("b\u{fc}cher.example").send();
    let error = request.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Request);
    let text = format!("GET https://a.test/: invalid server name: {WORDS}");
    assert_eq!(error.to_string(), text);
}

#[test]
fn so_does_a_name_that_is_given_addresses() {
    let builder = Client::builder().resolve("b\u{fc}cher.example", []);
    let error = builder.build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Builder);
    let name = r#""b\u{fc}cher.example""#;
    assert_eq!(
        error.to_string(),
        format!("the client can't be built: no addresses for {name}: {WORDS}")
    );
}
