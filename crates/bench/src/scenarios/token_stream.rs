use std::time::Duration;

use crate::answer::Answer;
use crate::load::Action;
use crate::scenario::{Case, Scenario, Shown, Tracing, WarmUp};
use crate::tally::TOKEN_BYTES;

/// How long after the server's write a token is with the caller.
pub(crate) fn scenario() -> Scenario {
    Scenario {
        shown: Shown::Latency,
        ..Scenario::new(
            "token-stream",
            "server-sent tokens, 100 a response, one every 5 ms; latency is each token's, from \
                before the server's write to the caller",
            vec![Case {
                action: Action::Tokens,
                in_flight: 32,
                warm_up: WarmUp::Once,
                rounds: 7,
                requests: 64,
                tracing: Tracing::Spared,
                ..Case::get("32 streams", "/tokens", answer, BODY)
            }],
        )
    }
}

fn answer() -> Answer {
    Answer::Tokens {
        count: COUNT,
        pause: Duration::from_millis(5),
    }
}

const COUNT: usize = 100;
const BODY: u64 = (COUNT * TOKEN_BYTES) as u64;
