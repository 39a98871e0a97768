use super::small_get::small;
use crate::scenario::{Case, Door, Scenario, WarmUp};

/// Connections to many places: what looking them up costs, and opening them.
pub(crate) fn scenario() -> Scenario {
    Scenario {
        name: "many-origins",
        about: "1,000 origins are asked for a 100-byte body 10 times each; connecting included",
        cases: vec![Case {
            door: Door::Everywhere,
            origins: 1000,
            // It divides the number of origins, so that no two in flight are of one origin.
            in_flight: 50,
            warm_up: WarmUp::None,
            requests: 10_000,
            ..small("50 at a time")
        }],
    }
}
