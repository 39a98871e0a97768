//! Large bodies: collected, streamed and sent.

use super::small_get::small;
use crate::answer::Answer;
use crate::load::Action;
use crate::scenario::{Case, Door, Scenario, WarmUp};

pub(crate) fn collect() -> Scenario {
    let action = Action::Collect;
    Scenario::new(
        "collect",
        "GET of a large body into one new piece of memory",
        sizes(|case| Case { action, ..case }),
    )
}

pub(crate) fn download() -> Scenario {
    Scenario::new(
        "download",
        "GET of a large body, read in pieces that are dropped",
        sizes(streamed),
    )
}

pub(crate) fn tls_download() -> Scenario {
    let door = Door::Tls;
    Scenario::new(
        "tls-download",
        "GET of a large body over TLS 1.3, read in pieces that are dropped",
        sizes(|case| Case {
            door,
            ..streamed(case)
        }),
    )
}

pub(crate) fn upload() -> Scenario {
    let case = |name, bytes, warm_up, rounds, requests| Case {
        action: Action::Upload { bytes },
        warm_up,
        rounds,
        requests,
        ..small(name)
    };
    Scenario::new(
        "upload",
        "PUT of a large body from pieces of 64 KiB, its length known",
        vec![
            case("64 MiB", MANY, WarmUp::Once, 7, 8),
            case("1 GiB", VERY_MANY, WarmUp::None, 3, 1),
        ],
    )
}

fn streamed(case: Case) -> Case {
    Case {
        action: Action::Stream,
        ..case
    }
}

fn sizes(shape: impl Fn(Case) -> Case) -> Vec<Case> {
    let cases = [
        Case {
            requests: 8,
            warm_up: WarmUp::Once,
            ..Case::get("64 MiB", "/body/64MiB", || Answer::Long(MANY), MANY)
        },
        Case {
            requests: 1,
            rounds: 3,
            warm_up: WarmUp::None,
            ..Case::get("1 GiB", "/body/1GiB", || Answer::Long(VERY_MANY), VERY_MANY)
        },
    ];
    cases.into_iter().map(shape).collect()
}

const MANY: u64 = 64 << 20;
const VERY_MANY: u64 = 1 << 30;
