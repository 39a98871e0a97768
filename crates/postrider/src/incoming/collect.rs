//! The whole of a body in one piece.

use std::future::poll_fn;

use bytes::{Bytes, BytesMut};

#[cfg(target_os = "linux")]
use super::huge_pages::HugePages;
use super::{ResponseBody, State};
use crate::call::Underway;
use crate::error::{Cause, Error};
use crate::phase::Phase;

/// The memory that a collected body may come to lie in.
#[derive(Clone, Copy)]
pub(crate) enum Memory {
    Any,
    /// Where a `Vec` or `String` can take it over.
    Heap,
}

impl ResponseBody {
    /// The whole body, if it is not larger than the client's limit.
    pub(crate) async fn collect(
        &mut self,
        #[cfg_attr(not(target_os = "linux"), expect(unused_variables))] memory: Memory,
    ) -> Result<Bytes, Error> {
        let limit = self.call.max_collected;
        if self.remaining().is_some_and(|length| length > limit as u64) {
            return Err(self.too_large(limit));
        }
        #[cfg(target_os = "linux")]
        if let Some(mut pages) = self.huge_pages(memory) {
            while let Some(piece) = poll_fn(|cx| self.poll_data(cx)).await? {
                pages.push(&piece);
            }
            return Ok(pages.freeze());
        }
        if let State::Live(first) = &self.state
            && first.is_empty()
            && let Some(transfer) = self.call.underway.transfer_mut()
        {
            transfer.hold_whole_body();
        }
        let Some(first) = poll_fn(|cx| self.poll_data(cx)).await? else {
            return Ok(Bytes::new());
        };
        if first.len() > limit {
            return Err(self.too_large(limit));
        }
        let Some(second) = poll_fn(|cx| self.poll_data(cx)).await? else {
            return Ok(first);
        };
        let mut whole = BytesMut::from(first);
        let mut piece = second;
        loop {
            if whole.len() + piece.len() > limit {
                return Err(self.too_large(limit));
            }
            whole.extend_from_slice(&piece);
            match poll_fn(|cx| self.poll_data(cx)).await? {
                Some(next) => piece = next,
                None => return Ok(whole.freeze()),
            }
        }
    }

    #[cfg(target_os = "linux")]
    fn huge_pages(&self, memory: Memory) -> Option<HugePages> {
        match (memory, &self.state) {
            (Memory::Any, State::Live(_)) => HugePages::of(self.remaining()?),
            _ => None,
        }
    }

    /// The rest is not worth reading: it would be thrown away.
    fn too_large(&mut self, limit: usize) -> Error {
        let error = self.error(Cause::TooLarge { limit }, Phase::Body);
        self.state = State::Ended;
        self.call.underway = Underway::Nothing;
        error
    }
}
