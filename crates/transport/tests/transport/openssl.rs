//! Against OpenSSL's own server, which must be installed.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use postrider_transport::{
    ConnectErrorKind, Connector, Probe, Stream, TlsErrorKind, TlsSettingsBuilder, TlsVersion,
};
use rcgen::SerialNumber;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::authority::{Authority, Identity, expired, not_yet_valid, revocation_list, server};
use crate::support::{failure, knowing, soon};
use crate::tls_server::{tls, trusting_by};

/// `openssl s_server`, which answers each line with its reverse.
struct OpenSsl {
    child: Child,
    addr: SocketAddr,
    files: PathBuf,
}

impl OpenSsl {
    fn start(authority: &Authority, identity: &Identity, options: &[&str]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("postrider-openssl-{}-{name}", std::process::id());
        let files = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&files).unwrap();
        std::fs::write(files.join("authority.pem"), authority.pem()).unwrap();
        std::fs::write(files.join("certificate.pem"), &identity.certificate_pem).unwrap();
        std::fs::write(files.join("key.pem"), identity.key.serialize_pem()).unwrap();
        let mut child = Command::new("openssl")
            .current_dir(&files)
            .args(["s_server", "-rev", "-accept", "127.0.0.1:0"])
            .args(["-cert", "certificate.pem", "-key", "key.pem"])
            .args(["-CAfile", "authority.pem"])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl should be installed");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let addr = lines
            .find_map(|line| line.unwrap().strip_prefix("ACCEPT ")?.parse().ok())
            .expect("openssl should tell its address");
        // It must not be stopped by a pipe that nobody reads.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, addr, files }
    }

    fn good(options: &[&str]) -> (Self, TlsSettingsBuilder) {
        let authority = Authority::new();
        let server = Self::start(&authority, &authority.identity("a.test"), options);
        (server, trusting_by(&authority))
    }

    fn connector(&self, settings: TlsSettingsBuilder) -> Connector {
        knowing(&[self.addr]).tls(settings.build().unwrap()).build()
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.files);
    }
}

async fn assert_reverses(stream: &mut Stream) {
    stream.write_all(b"ping\n").await.unwrap();
    stream.flush().await.unwrap();
    let mut room = [0; 5];
    soon(stream.read_exact(&mut room)).await.unwrap();
    assert_eq!(&room, b"gnip\n");
}

#[tokio::test]
async fn both_versions_are_spoken_probed_and_resumed() {
    for (option, version) in [
        ("-tls1_2", TlsVersion::Tls12),
        ("-tls1_3", TlsVersion::Tls13),
    ] {
        let (server, settings) = OpenSsl::good(&[option]);
        let connector = server.connector(settings);
        for is_again in [false, true] {
            let connected = soon(connector.connect(&tls("a.test"))).await.unwrap();
            let facts = connected.facts.tls.unwrap();
            assert_eq!((facts.version, facts.resumed), (version, is_again));
            let mut stream = connected.stream;
            for care in [Probe::Flag, Probe::Kernel] {
                assert_reverses(&mut stream).await;
                assert!(stream.is_alive(care));
            }
            // This ends the server's side in an orderly way.
            stream.write_all(b"CLOSE\n").await.unwrap();
            stream.flush().await.unwrap();
            assert_eq!(soon(stream.read(&mut [0])).await.unwrap(), 0);
            assert!(!stream.is_alive(Probe::Kernel));
        }
    }
}

/// What a client says to a server of this identity.
async fn failure_with(
    authority: &Authority,
    identity: &Identity,
    settings: TlsSettingsBuilder,
) -> (ConnectErrorKind, String) {
    let server = OpenSsl::start(authority, identity, &[]);
    let error = failure(&server.connector(settings), &tls("a.test")).await;
    let text = error.to_string();
    let words = text.strip_prefix("TLS handshake with a.test:443 failed: ");
    // Without the list of addresses, of which port and time vary.
    let words = words.unwrap().split(" (127.0.0.1:").next().unwrap();
    (error.kind(), words.to_owned())
}

#[tokio::test]
async fn a_certificate_that_will_not_do_is_refused_in_words() {
    let authority = Authority::new();
    let good = || server(&["a.test"]);
    let self_signed = Identity::self_signed(good());
    for (identity, kind, words) in [
        (
            authority.issue(expired(good())),
            TlsErrorKind::Expired,
            "the certificate has expired ",
        ),
        (
            authority.issue(not_yet_valid(good())),
            TlsErrorKind::NotYetValid,
            "the certificate is not yet valid for ",
        ),
        (
            self_signed,
            TlsErrorKind::UnknownIssuer,
            "the certificate's issuer is not trusted",
        ),
        (
            Authority::new().identity("a.test"),
            TlsErrorKind::UnknownIssuer,
            "the certificate's issuer is not trusted",
        ),
        (
            authority.identity("b.test"),
            TlsErrorKind::WrongName,
            "the certificate is for other names: b.test",
        ),
    ] {
        let told = failure_with(&authority, &identity, trusting_by(&authority)).await;
        assert_eq!(told.0, ConnectErrorKind::Tls(kind), "{}", told.1);
        assert!(told.1.starts_with(words), "{}", told.1);
    }
}

#[tokio::test]
async fn a_certificate_on_the_list_was_revoked() {
    let authority = Authority::new();
    let mut params = server(&["a.test"]);
    params.serial_number = Some(SerialNumber::from(7));
    let identity = authority.issue(params);
    let listing = |serial| {
        let list = revocation_list(&authority, &[serial], 2090);
        trusting_by(&authority).add_revocation_list_der(list)
    };
    let (kind, words) = failure_with(&authority, &identity, listing(7)).await;
    assert_eq!(kind, ConnectErrorKind::Tls(TlsErrorKind::Revoked));
    assert_eq!(words, "the certificate was revoked");

    let server = OpenSsl::start(&authority, &identity, &[]);
    let connector = server.connector(listing(8));
    soon(connector.connect(&tls("a.test"))).await.unwrap();
}

#[tokio::test]
async fn a_version_older_than_allowed_is_refused() {
    let (server, settings) = OpenSsl::good(&["-tls1_2"]);
    let settings = settings.oldest_version(TlsVersion::Tls13);
    let error = failure(&server.connector(settings), &tls("a.test")).await;
    let kind = ConnectErrorKind::Tls(TlsErrorKind::Incompatible);
    assert_eq!(error.kind(), kind, "{error}");
}

#[tokio::test]
async fn an_old_version_is_refused_in_words() {
    let (server, settings) = OpenSsl::good(&["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]);
    let error = failure(&server.connector(settings), &tls("a.test")).await;
    let kind = ConnectErrorKind::Tls(TlsErrorKind::Incompatible);
    assert_eq!(error.kind(), kind, "{error}");
    let words = "TLS handshake with a.test:443 failed: no version or cipher in common: ";
    assert!(error.to_string().starts_with(words), "{error}");
}

#[tokio::test]
async fn a_server_of_h2_only_is_refused() {
    let (server, settings) = OpenSsl::good(&["-alpn", "h2"]);
    let error = failure(&server.connector(settings), &tls("a.test")).await;
    assert_eq!(error.kind(), ConnectErrorKind::AlpnMismatch, "{error}");
}

#[tokio::test]
async fn http_1_1_is_agreed_on() {
    let (server, settings) = OpenSsl::good(&["-alpn", "h2,http/1.1"]);
    let connected = server.connector(settings).connect(&tls("a.test")).await;
    let facts = connected.unwrap().facts.tls.unwrap();
    assert_eq!(facts.alpn, Some("http/1.1"));
}

#[tokio::test]
async fn a_client_certificate_is_accepted_and_its_absence_is_not() {
    let authority = Authority::new();
    let identity = authority.identity("a.test");
    let client = authority.client();
    for option in ["-tls1_2", "-tls1_3"] {
        let options = [option, "-Verify", "1", "-verify_return_error"];
        let server = OpenSsl::start(&authority, &identity, &options);
        let settings = trusting_by(&authority)
            .client_certificate_pem(client.certificate_pem.clone(), client.key.serialize_pem());
        let connected = server.connector(settings).connect(&tls("a.test")).await;
        assert_reverses(&mut connected.unwrap().stream).await;
    }
    // RFC 5246 §7.4.6: the alert is that of nothing in common.
    let options = ["-tls1_2", "-Verify", "1", "-verify_return_error"];
    let server = OpenSsl::start(&authority, &identity, &options);
    let connector = server.connector(trusting_by(&authority));
    let error = failure(&connector, &tls("a.test")).await;
    let kind = ConnectErrorKind::Tls(TlsErrorKind::Incompatible);
    assert_eq!(error.kind(), kind, "{error}");
    let words =
        "failed: no version or cipher in common, or no client certificate: HandshakeFailure";
    assert!(error.to_string().contains(words), "{error}");
}

#[tokio::test]
async fn a_server_that_has_no_cipher_of_ours_is_told_so() {
    for options in [
        ["-tls1_2", "-cipher", "AES128-SHA"],
        ["-tls1_3", "-groups", "brainpoolP256r1"],
    ] {
        let (server, settings) = OpenSsl::good(&options);
        let error = failure(&server.connector(settings), &tls("a.test")).await;
        let kind = ConnectErrorKind::Tls(TlsErrorKind::Incompatible);
        assert_eq!(error.kind(), kind, "{error}");
    }
}

#[tokio::test]
async fn key_exchange_with_p_256_is_agreed_on() {
    let (server, settings) = OpenSsl::good(&["-groups", "P-256"]);
    let connected = server.connector(settings).connect(&tls("a.test")).await;
    let facts = connected.unwrap().facts.tls.unwrap();
    assert_eq!(facts.key_exchange, Some("secp256r1"));
    assert!(!facts.resumed, "a second hello is no earlier session");
}
