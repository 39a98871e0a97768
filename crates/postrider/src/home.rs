//! What a client shares with its connections and dials.

use crate::left_behind::LeftBehind;
use crate::rotation::Rotation;
use crate::stats::Tally;

/// What connections and dials know of their client. It lives until the last of
/// them has gone.
#[derive(Debug, Default)]
pub(crate) struct Home {
    pub(crate) tally: Tally,
    pub(crate) rotation: Rotation,
    pub(crate) left_behind: LeftBehind,
}
