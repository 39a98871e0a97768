//! The system's hosts file.

use std::fs;
use std::path::PathBuf;

use hickory_resolver::Hosts;

/// What the system's hosts file says. A system may do without one.
pub(crate) fn of_system() -> Hosts {
    parse(&fs::read(path()).unwrap_or_default())
}

/// Comments are of whatever encoding their author had. hickory alone would take nothing from a
/// file in which a single byte is no UTF-8, not even the lines before it.
fn parse(file: &[u8]) -> Hosts {
    let mut hosts = Hosts::default();
    // Memory can always be read.
    let _ = hosts.read_hosts_conf(String::from_utf8_lossy(file).as_bytes());
    hosts
}

#[cfg(not(windows))]
fn path() -> PathBuf {
    "/etc/hosts".into()
}

#[cfg(windows)]
fn path() -> PathBuf {
    let system = std::env::var_os("SystemRoot").unwrap_or_else(|| "C:\\Windows".into());
    PathBuf::from(system).join("System32\\drivers\\etc\\hosts")
}

#[cfg(test)]
mod tests {
    use hickory_resolver::proto::op::Query;
    use hickory_resolver::proto::rr::{Name, RecordType};

    use super::*;

    #[test]
    fn a_comment_of_another_encoding_hides_no_line() {
        let hosts = parse(
            b"192.0.2.1 before.test\n\
              192.0.2.2 with.test # f\xfcr uns\n\
              192.0.2.3 b\xfcro.test\n\
              192.0.2.4 after.test",
        );
        let ip = |name: &str| {
            let query = Query::query(Name::from_ascii(name).unwrap(), RecordType::A);
            hosts.lookup_static_host(&query)?.answers()[0]
                .data
                .ip_addr()
        };
        for (name, last) in [("before.test", 1), ("with.test", 2), ("after.test", 4)] {
            assert_eq!(ip(name), Some([192, 0, 2, last].into()), "{name}");
        }
    }
}
