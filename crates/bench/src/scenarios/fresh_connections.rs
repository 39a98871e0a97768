use crate::answer::Answer;
use crate::load::Keeping;
use crate::scenario::{Case, Difference, Door, Scenario};

/// What a connection costs beside the request on it. The same exchange over kept connections is
/// measured as often: what is left without it is the connection's own share. Each case
/// fails unless the server has seen the connections and handshakes that it asks for.
pub(crate) fn scenario() -> Scenario {
    Scenario {
        differences: vec![
            share("a TCP connection", "TCP", "TCP, kept"),
            share("a full TLS handshake", "TLS, full handshake", "TLS, kept"),
            share("a resumed TLS session", "TLS, resumed", "TLS, kept"),
        ],
        ..Scenario::new(
            "fresh-connections",
            "GETs of 2 bytes, each over a new connection that is closed behind it; where the case \
             says kept, the same over kept connections",
            vec![
                fresh("TCP", Door::Plain, 2000),
                kept("TCP, kept", Door::Plain),
                fresh("TLS, full handshake", Door::Forgetful, 500),
                fresh("TLS, resumed", Door::Tls, 750),
                kept("TLS, kept", Door::Tls),
            ],
        )
    }
}

fn fresh(name: &'static str, door: Door, requests: usize) -> Case {
    let last = || Answer::last("text/plain", BODY);
    Case {
        door,
        keeping: Keeping::Fresh,
        in_flight: 8,
        requests,
        ..Case::get(name, "/last", last, BODY.len() as u64).judged()
    }
}

fn kept(name: &'static str, door: Door) -> Case {
    let whole = || Answer::whole("text/plain", BODY);
    Case {
        door,
        in_flight: 8,
        requests: 8000,
        ..Case::get(name, "/not-last", whole, BODY.len() as u64).judged()
    }
}

fn share(name: &'static str, of: &'static str, less: &'static str) -> Difference {
    Difference { name, of, less }
}

const BODY: &[u8] = b"ok";
