use crate::answer::Answer;
use crate::load::Keeping;
use crate::scenario::{Case, Door, Scenario};

/// What a connection costs beside the request on it. Each case fails unless the server has seen the
/// connections and handshakes that it asks for.
pub(crate) fn scenario() -> Scenario {
    let case = |name, door, requests| Case {
        door,
        keeping: Keeping::Fresh,
        in_flight: 8,
        requests,
        ..Case::get(name, "/last", answer, BODY.len() as u64)
    };
    Scenario::new(
        "fresh-connections",
        "a new connection for every GET; bare is connect and the same exchange",
        vec![
            case("TCP", Door::Plain, 4000),
            case("TLS, full handshake", Door::Forgetful, 1000),
            case("TLS, resumed", Door::Tls, 1500),
        ],
    )
}

fn answer() -> Answer {
    Answer::last("text/plain", BODY)
}

const BODY: &[u8] = b"ok";
