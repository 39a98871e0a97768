//! A name server that is slow with one record type.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// How long it takes for what it is slow with.
pub(super) const SLOW: Duration = Duration::from_millis(1000);

const A: u8 = 1;
const AAAA: u8 = 28;

/// Knows every name by the loopback address of each family. It takes its time
/// for the record type after which a name is called: `slow-a...`, `slow-aaaa...`.
pub(super) struct SlowNames {
    addr: SocketAddr,
    serving: JoinHandle<()>,
}

impl SlowNames {
    pub(super) async fn start(addr: &str) -> Self {
        let socket = Arc::new(UdpSocket::bind(addr).await.unwrap());
        Self {
            addr: socket.local_addr().unwrap(),
            serving: tokio::spawn(serve(socket)),
        }
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for SlowNames {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(socket: Arc<UdpSocket>) {
    let mut query = [0; 512];
    while let Ok((length, from)) = socket.recv_from(&mut query).await {
        let Some((answer, delay)) = answer(&query[..length]) else {
            continue;
        };
        let socket = Arc::clone(&socket);
        tokio::spawn(async move {
            sleep(delay).await;
            let _ = socket.send_to(&answer, from).await;
        });
    }
}

/// RFC 1035 §4.1: a header of twelve bytes, one question, and to it at most one
/// answer.
fn answer(query: &[u8]) -> Option<(Vec<u8>, Duration)> {
    let id = query.get(..2)?;
    let question = query.get(12..)?;
    let name = question.iter().position(|byte| *byte == 0)?;
    let question = question.get(..name + 5)?;
    let [_, kind, ..] = question[name + 1..] else {
        return None;
    };
    let address: &[u8] = match kind {
        A => &[127, 0, 0, 1],
        AAAA => &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        _ => &[],
    };
    let mut answer = id.to_vec();
    // A response, authoritative; counts of questions and answers.
    answer.extend([0x84, 0, 0, 1, 0, u8::from(!address.is_empty()), 0, 0, 0, 0]);
    answer.extend(question);
    if !address.is_empty() {
        // The name of the question, the type, class IN, an hour, the address.
        answer.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0x0e, 0x10, 0]);
        answer.push(u8::try_from(address.len()).ok()?);
        answer.extend(address);
    }
    let first_label = question.get(1..)?.get(..usize::from(*question.first()?))?;
    let is_slow = match kind {
        A => first_label.starts_with(b"slow-a") && !first_label.starts_with(b"slow-aaaa"),
        AAAA => first_label.starts_with(b"slow-aaaa"),
        _ => false,
    };
    let delay = if is_slow { SLOW } else { Duration::ZERO };
    Some((answer, delay))
}
