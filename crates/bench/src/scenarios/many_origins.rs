use super::small_get::small;
use crate::scenario::{Case, Door, LeftOut, Scenario, WarmUp};

/// Connections to many places: what looking them up costs, and opening them.
pub(crate) fn scenario() -> Scenario {
    let ureq = LeftOut {
        client: "ureq",
        because: "its pool counts each host's connections anew with each return: 10 ms a request",
    };
    Scenario {
        left_out: Some(ureq),
        ..Scenario::new(
            "many-origins",
            "1,000 origins are asked for a 100-byte body 10 times each; connecting included; \
             postrider looks at a connection that rested before it sends on it: one system call \
             more",
            vec![Case {
                door: Door::Everywhere,
                origins: 1000,
                // It divides the number of origins, so that no two in flight are of one origin.
                in_flight: 50,
                warm_up: WarmUp::None,
                requests: 10_000,
                ..small("50 at a time")
            }],
        )
    }
}
