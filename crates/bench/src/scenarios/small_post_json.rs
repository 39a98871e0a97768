use crate::answer::Answer;
use crate::load::Action;
use crate::scenario::{Case, Scenario};

/// A small request body on top of a small answer.
pub(crate) fn scenario() -> Scenario {
    Scenario::new(
        "small-post-json",
        "POST of a 97-byte JSON document, a small one comes back; postrider looks at an idle \
         connection before it sends on it what it could not repeat: one system call more",
        vec![Case {
            action: Action::Post,
            in_flight: 64,
            requests: 40_000,
            ..Case::get("64 at a time", "/orders", answer, BODY.len() as u64)
        }],
    )
}

fn answer() -> Answer {
    Answer::whole("application/json", BODY)
}

const BODY: &[u8] = br#"{"id":48151623,"status":"accepted"}"#;
