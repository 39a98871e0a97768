//! Large bodies: collected, streamed and sent.

use super::small_get::small;
use crate::answer::Answer;
use crate::load::{Action, Copies};
use crate::scenario::{Case, Door, Scenario, Tracing, WarmUp};

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
        sizes(|case| streamed(case).judged()),
    )
}

pub(crate) fn tls_download() -> Scenario {
    let mut cases = sizes(|case| Case {
        door: Door::Tls,
        ..streamed(case)
    });
    cases.push(Case {
        name: "64 MiB, copied without rep movsb",
        copies: Copies::WithoutRepMovsb,
        tracing: Tracing::Spared,
        ..cases[0].clone()
    });
    Scenario::new(
        "tls-download",
        "GET of a large body over TLS 1.3, read in pieces that are dropped",
        cases,
    )
}

pub(crate) fn upload() -> Scenario {
    let case = |bytes, like: Case| Case {
        action: Action::Upload { bytes },
        ..like
    };
    Scenario::new(
        "upload",
        "PUT of a large body from pieces of 64 KiB, its length known",
        vec![
            case(MANY, large(small("64 MiB"))),
            case(VERY_MANY, very_large(small("1 GiB")).judged()),
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
    let many = || Answer::Long(MANY);
    let very_many = || Answer::Long(VERY_MANY);
    let cases = [
        large(Case::get("64 MiB", "/body/64MiB", many, MANY)),
        very_large(Case::get("1 GiB", "/body/1GiB", very_many, VERY_MANY)),
    ];
    cases.into_iter().map(shape).collect()
}

fn large(case: Case) -> Case {
    Case {
        requests: 6,
        warm_up: WarmUp::Once,
        ..case.judged()
    }
}

fn very_large(case: Case) -> Case {
    Case {
        requests: 1,
        rounds: 3,
        warm_up: WarmUp::None,
        tracing: Tracing::Spared,
        ..case
    }
}

const MANY: u64 = 64 << 20;
const VERY_MANY: u64 = 1 << 30;
