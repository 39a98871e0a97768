//! What many tests need.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RecordType;
use postrider_hickory::HickoryResolver;
use transport::Resolve;

use crate::server::{Answer, Server};

/// Nothing here takes that long; a test that waits for it has failed.
pub(crate) const SOON: Duration = Duration::from_secs(5);

pub(crate) type Piece = io::Result<Vec<SocketAddr>>;

/// Everything that the resolver says of a name, in the order of its coming.
pub(crate) async fn all(resolver: &HickoryResolver, name: &str) -> Vec<Piece> {
    let mut answers = resolver.resolve(name);
    let mut pieces = Vec::new();
    while let Some(piece) = tokio::time::timeout(SOON, answers.next())
        .await
        .expect("this should not take so long")
    {
        pieces.push(piece);
    }
    pieces
}

/// Every address, whatever the order of the pieces.
pub(crate) async fn addresses(resolver: &HickoryResolver, name: &str) -> Vec<String> {
    let pieces = all(resolver, name).await;
    let addrs = pieces.into_iter().flat_map(Result::unwrap);
    let mut texts: Vec<_> = addrs.map(|addr| addr.to_string()).collect();
    texts.sort();
    texts
}

/// Knows `a.test` by an address of each family.
pub(crate) fn both_families(name: &str, family: RecordType) -> Answer {
    match (name, family) {
        ("a.test", RecordType::A) => Answer::addresses(["192.0.2.1"]),
        ("a.test", RecordType::AAAA) => Answer::addresses(["2001:db8::1"]),
        _ => ResponseCode::NXDomain.into(),
    }
}

pub(crate) fn asking(server: &Server) -> HickoryResolver {
    HickoryResolver::from_servers([server.addr])
        .timeout(Duration::from_secs(2))
        .retries(0)
}
