//! The operating system's resolver.

use std::io;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::{Answers, Resolve};
use crate::interface::no_such_interface;

/// The operating system's resolver, `getaddrinfo`: hosts file, name service switch and all.
///
/// It blocks, so it runs on tokio's threads for blocking work, at most 64 lookups at once. A
/// lookup cannot be interrupted: one that nobody waits for any more still occupies its thread until
/// the system answers.
///
/// That there is no such name is told from other failures by the C library's words for it. A program
/// that has them translated, by `setlocale`, gets [`Resolve`](crate::ConnectErrorKind::Resolve) for
/// [`NameNotFound`](crate::ConnectErrorKind::NameNotFound).
#[derive(Debug)]
pub struct SystemResolver {
    room: Arc<Semaphore>,
}

/// Well under the 512 threads that tokio has for blocking work, so that a resolver that hangs
/// leaves room for files and the rest.
const MOST_AT_ONCE: usize = 64;

impl SystemResolver {
    /// Makes a resolver with its own limit of lookups at once.
    pub fn new() -> Self {
        Self {
            room: Arc::new(Semaphore::new(MOST_AT_ONCE)),
        }
    }
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self::new()
    }
}

impl Resolve for SystemResolver {
    fn resolve(&self, name: &str) -> Answers {
        let room = Arc::clone(&self.room);
        let name = name.to_owned();
        Answers::from_lookup(async move {
            let seat = room.acquire_owned().await.map_err(io::Error::other)?;
            on_a_thread(move || {
                let _seat = seat;
                look_up(&name)
            })
            .await
        })
    }
}

/// A link-local address with the zone as the system numbers it. Only the system knows the
/// interface that a name stands for.
pub(super) fn zoned(ip: Ipv6Addr, zone: &str) -> Answers {
    if !ip.is_unicast_link_local() {
        let words = "only a link-local address has a zone";
        return Answers::failed(io::Error::new(io::ErrorKind::InvalidInput, words));
    }
    if let Some(scope) = numeric_zone(zone) {
        return Answers::ready([SocketAddrV6::new(ip, 0, 0, scope).into()]);
    }
    let zone = zone.to_owned();
    Answers::from_lookup(on_a_thread(move || look_up_zoned(ip, &zone)))
}

fn look_up_zoned(ip: Ipv6Addr, zone: &str) -> io::Result<Vec<SocketAddr>> {
    look_up(&format!("{ip}%{zone}")).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => no_such_interface(zone),
        _ => error,
    })
}

fn numeric_zone(zone: &str) -> Option<u32> {
    // Digits only: `parse` alone would take a sign.
    let is_number = !zone.is_empty() && zone.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| zone.parse().ok()).flatten()
}

async fn on_a_thread(
    work: impl FnOnce() -> io::Result<Vec<SocketAddr>> + Send + 'static,
) -> io::Result<Vec<SocketAddr>> {
    let work = tokio::task::spawn_blocking(work);
    work.await
        .unwrap_or_else(|stopped| Err(io::Error::other(stopped)))
}

fn look_up(name: &str) -> io::Result<Vec<SocketAddr>> {
    match (name, 0).to_socket_addrs() {
        Ok(addrs) => Ok(addrs.collect()),
        Err(error) if says_no_such_name(&error) => {
            Err(io::Error::new(io::ErrorKind::NotFound, error))
        }
        Err(error) => Err(error),
    }
}

/// The standard library keeps of `getaddrinfo`'s code only the text. These are the texts of
/// EAI_NONAME and EAI_NODATA.
#[cfg(not(windows))]
fn says_no_such_name(error: &io::Error) -> bool {
    const TEXTS: [&str; 9] = [
        // glibc.
        "Name or service not known",
        "No address associated with hostname",
        // musl, FreeBSD.
        "Name does not resolve",
        "Name has no usable address",
        // macOS.
        "nodename nor servname provided",
        "No address associated with nodename",
        // NetBSD, Android, older FreeBSD.
        "hostname nor servname provided",
        // OpenBSD.
        "name or service is not known",
        "no address associated with name",
    ];

    let text = error.to_string();
    TEXTS.iter().any(|known| text.contains(known))
}

#[cfg(windows)]
fn says_no_such_name(error: &io::Error) -> bool {
    const WSAHOST_NOT_FOUND: i32 = 11001;
    const WSANO_DATA: i32 = 11004;

    matches!(error.raw_os_error(), Some(WSAHOST_NOT_FOUND | WSANO_DATA))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_of_digits_are_numbers_and_nothing_else_is() {
        assert_eq!(numeric_zone("7"), Some(7));
        assert_eq!(numeric_zone("+7"), None);
        assert_eq!(numeric_zone("eth0"), None);
        assert_eq!(numeric_zone(""), None);
        assert_eq!(numeric_zone("99999999999"), None);
    }

    #[tokio::test]
    async fn a_zone_can_be_an_interfaces_name_or_number() {
        for zone in ["lo", "1"] {
            let answer = zoned("fe80::1".parse().unwrap(), zone).next().await;
            let addrs = answer.unwrap().unwrap();
            assert!(matches!(addrs[..], [SocketAddr::V6(addr)] if addr.scope_id() == 1));
        }
    }

    #[tokio::test]
    async fn an_unknown_zone_is_an_error() {
        for (ip, zone, words) in [
            ("fe80::1", "nosuchif0", r#"no such interface: "nosuchif0""#),
            ("::1", "lo", "only a link-local address has a zone"),
            ("::1", "1", "only a link-local address has a zone"),
        ] {
            let answer = zoned(ip.parse().unwrap(), zone).next().await;
            assert_eq!(answer.unwrap().unwrap_err().to_string(), words);
        }
    }

    #[tokio::test]
    async fn a_name_that_cannot_exist_is_not_found() {
        let mut answers = SystemResolver::new().resolve("no such name.invalid");
        let error = answers.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound, "{error}");
        assert!(answers.next().await.is_none());
    }

    #[cfg(not(windows))]
    #[test]
    fn the_words_of_every_c_library_are_understood() {
        let says = |words: &str| {
            let text = format!("failed to lookup address information: {words}");
            says_no_such_name(&io::Error::other(text))
        };
        for words in [
            "Name or service not known",
            "No address associated with hostname",
            "Name does not resolve",
            "Name has no usable address",
            "nodename nor servname provided, or not known",
            "No address associated with nodename",
            "hostname nor servname provided, or not known",
            "name or service is not known",
            "no address associated with name",
        ] {
            assert!(says(words), "{words}");
        }
        for words in [
            "Temporary failure in name resolution",
            "Non-recoverable failure in name resolution",
            "Name could not be resolved at this time",
            "Try again",
            "System error",
        ] {
            assert!(!says(words), "{words}");
        }
    }

    #[tokio::test]
    async fn a_lookup_waits_while_64_are_under_way() {
        let resolver = SystemResolver::new();
        let others = Arc::clone(&resolver.room).acquire_many_owned(64);
        let mut others = others.await.unwrap();
        let mut answers = resolver.resolve("localhost");
        let moment = std::time::Duration::from_millis(20);
        let waiting = tokio::time::timeout(moment, answers.next());
        assert!(waiting.await.is_err());
        drop(others.split(1));
        assert!(answers.next().await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn localhost_is_loopback() {
        let answer = SystemResolver::new().resolve("localhost").next().await;
        let addrs = answer.unwrap().unwrap();
        assert!(!addrs.is_empty());
        assert!(addrs.iter().all(|addr| addr.ip().is_loopback()));
    }
}
