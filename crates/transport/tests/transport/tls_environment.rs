//! What TLS takes from a process's environment, where it is told to.

use std::path::{Path, PathBuf};
use std::process::Command;

#[cfg(all(feature = "platform-verifier", target_os = "linux"))]
use postrider_transport::{ConnectErrorKind, TlsErrorKind, TlsSettings};

use crate::authority::Authority;
#[cfg(all(feature = "platform-verifier", target_os = "linux"))]
use crate::authority::{expired, server};
use crate::tls_server::{both_versions, trusting_by};
use crate::tls_settings::connect_to;
#[cfg(all(feature = "platform-verifier", target_os = "linux"))]
use crate::tls_settings::kind;

#[test]
fn keys_are_logged_on_request_only() {
    let file = temporary_file("keys");
    let run = |test: &str| run_child(test, ("SSLKEYLOGFILE", &file));
    run("tls_environment::child_that_logs_no_keys");
    assert!(!file.exists());
    run("tls_environment::child_that_logs_keys");
    let logged = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(logged.contains("CLIENT_TRAFFIC_SECRET_0 "), "{logged}");
}

#[tokio::test]
#[ignore = "run by keys_are_logged_on_request_only, with a variable in its environment"]
async fn child_that_logs_keys() {
    let authority = Authority::new();
    let settings = trusting_by(&authority).log_keys_to_file().build().unwrap();
    let config = both_versions(&authority.identity("a.test"));
    connect_to(config, settings).await.unwrap();
}

#[tokio::test]
#[ignore = "run by keys_are_logged_on_request_only, with a variable in its environment"]
async fn child_that_logs_no_keys() {
    let authority = Authority::new();
    let settings = trusting_by(&authority).build().unwrap();
    let config = both_versions(&authority.identity("a.test"));
    connect_to(config, settings).await.unwrap();
}

#[cfg(all(feature = "platform-verifier", target_os = "linux"))]
#[test]
fn the_platform_judges_by_the_roots_that_it_has() {
    let file = temporary_file("roots");
    run_child(
        "tls_environment::child_that_asks_the_platform",
        ("SSL_CERT_FILE", &file),
    );
    std::fs::remove_file(&file).unwrap();
}

#[cfg(all(feature = "platform-verifier", target_os = "linux"))]
#[tokio::test]
#[ignore = "run by the test above, with a variable in its environment"]
async fn child_that_asks_the_platform() {
    let (authority, added) = (Authority::new(), Authority::new());
    let file = std::env::var("SSL_CERT_FILE").unwrap();
    std::fs::write(file, authority.pem()).unwrap();
    let platform = || TlsSettings::builder().platform_verifier();
    let settings = platform().add_root_der(added.der()).build().unwrap();
    for authority in [&authority, &added] {
        let config = both_versions(&authority.identity("a.test"));
        connect_to(config, settings.clone()).await.unwrap();
    }
    let stale = authority.issue(expired(server(&["a.test"])));
    let outcome = connect_to(both_versions(&stale), settings.clone()).await;
    let expected = ConnectErrorKind::Tls(TlsErrorKind::Expired);
    assert_eq!(kind(outcome), expected);
    let stranger = Authority::new().identity("a.test");
    let outcome = connect_to(both_versions(&stranger), settings).await;
    let expected = ConnectErrorKind::Tls(TlsErrorKind::UnknownIssuer);
    assert_eq!(kind(outcome), expected);

    let mut params = server(&["a.test"]);
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let client = authority.issue(params);
    let outcome = connect_to(both_versions(&client), platform().build().unwrap()).await;
    let expected = ConnectErrorKind::Tls(TlsErrorKind::WrongPurpose);
    assert_eq!(kind(outcome), expected);

    let error = platform().add_revocation_list_der([1]).build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the platform verifier takes no revocation lists"
    );
}

fn temporary_file(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("postrider-{name}-{}", std::process::id()))
}

/// Runs an ignored test of this program in a process of its own.
fn run_child(test: &str, (variable, value): (&str, &Path)) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", test])
        .env(variable, value)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && told.contains("1 passed"),
        "{told}"
    );
}
