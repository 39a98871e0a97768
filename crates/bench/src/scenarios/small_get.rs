use crate::answer::Answer;
use crate::scenario::{Case, Door, Scenario, Tracing};

/// What a client costs when the network and the server cost next to nothing.
pub(crate) fn scenario() -> Scenario {
    let case = |name, in_flight, threads, requests| Case {
        in_flight,
        threads,
        requests,
        tracing: Tracing::Spared,
        ..small(name).judged()
    };
    Scenario::new(
        "small-get",
        "GET of a 100-byte body, connections kept alive; system calls are counted in the first \
         case alone: they differ little in the others",
        vec![
            Case {
                tracing: Tracing::Counted,
                ..case("64 at a time", 64, 1, 40_000)
            },
            case("one at a time", 1, 1, 6000),
            case("512 at a time", 512, 1, 40_000),
            case("64 at a time, two threads", 64, 2, 20_000),
            case("one at a time, two threads", 1, 2, 6000),
            case("512 at a time, two threads", 512, 2, 40_000),
        ],
    )
}

/// The first case, for a server of others.
pub(crate) fn scenario_at_nginx() -> Scenario {
    let about = "small-get asked at nginx: a check that our own server flatters nobody";
    first_case(AT_NGINX, about)
}

/// The first case, for clients that are programs of their own.
pub(crate) fn scenario_with_peers() -> Scenario {
    let about = "small-get with clients that are programs of their own: heap and system calls \
                 beside CPU only where they can be counted";
    first_case(WITH_PEERS, about)
}

fn first_case(name: &'static str, about: &'static str) -> Scenario {
    let mut scenario = scenario();
    scenario.cases.truncate(1);
    for case in &mut scenario.cases {
        case.rounds = 5;
    }
    Scenario {
        name,
        about,
        ..scenario
    }
}

pub(crate) const AT_NGINX: &str = "small-get-nginx";
pub(crate) const WITH_PEERS: &str = "small-get-peers";

/// The same inside TLS.
pub(crate) fn tls_scenario() -> Scenario {
    let case = |name, in_flight, requests| Case {
        door: Door::Tls,
        in_flight,
        requests,
        ..small(name).judged()
    };
    Scenario::new(
        "tls-small-get",
        "GET of a 100-byte body over TLS 1.3, connections kept alive",
        vec![
            case("64 at a time", 64, 20_000),
            case("one at a time", 1, 6000),
        ],
    )
}

pub(super) fn small(name: &'static str) -> Case {
    Case::get(name, "/small", answer, BODY as u64)
}

fn answer() -> Answer {
    Answer::whole("text/plain", &[b'x'; BODY])
}

const BODY: usize = 100;
