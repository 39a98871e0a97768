//! How connections come about, as the client's user sees it: names, addresses,
//! sockets, trust, and what is told when one of them fails.

mod attempts;
mod filters;
mod handshakes;
mod hosts;
mod identities;
#[cfg(target_os = "linux")]
mod kernel;
mod names;
mod out_of_time;
mod racing;
mod retry_safety;
mod sockets;
mod trust;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use postrider::{Answers, Client, Error, Resolve, TlsSettings, TlsSettingsBuilder};
use testing::{Authority, Script};

use crate::support::ok;

/// A resolver that is a function.
struct Asking<F>(F);

impl<F: Fn(&str) -> Answers + Send + Sync + 'static> Resolve for Asking<F> {
    fn resolve(&self, name: &str) -> Answers {
        (self.0)(name)
    }
}

pub(crate) fn always(body: &str) -> [Script; 1] {
    [Script::respond_always(ok(body))]
}

/// One answer for each connection, which the server then closes in order.
fn closing(body: &str) -> [Script; 1] {
    let answer = ok(body).replacen("\r\n", "\r\nConnection: close\r\n", 1);
    [Script::respond(answer).close()]
}

async fn get(client: &Client, url: &str) -> Result<String, Error> {
    client.get(url).send().await?.text().await
}

/// The error of a `GET`, after which nothing of the pool is taken up.
async fn failure(client: &Client, url: &str) -> Error {
    let error = get(client, url).await.unwrap_err();
    let totals = client.stats().totals;
    assert_eq!((totals.connections(), totals.waiting), (0, 0), "{error}");
    error
}

/// Settings of TLS that trust this authority and no other.
fn trusting(authority: &Authority) -> TlsSettingsBuilder {
    TlsSettings::builder()
        .add_root_der(authority.ca_der())
        .only_added_roots()
}

/// An address at which nobody listens.
fn closed_port() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap()
}
