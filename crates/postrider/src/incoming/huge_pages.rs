//! The memory of a large body that is collected.
//!
//! From 32 MiB on glibc asks the kernel for new memory each time, and most of
//! what a collected body costs is to be given it, 4 KiB at a time. In huge pages
//! it comes 2 MiB at a time: 64 MiB take half of the CPU.

use bytes::Bytes;
use memmap2::{Advice, MmapMut, MmapOptions};

/// Below, glibc hands out what was freed before, which costs next to nothing.
const LARGE: u64 = 32 * 1024 * 1024;

/// A length that is only declared is not trusted with a huge page: the first
/// comes when so many bytes have come.
const TRUSTED: usize = 256 * 1024;

/// Memory for a body of known length.
pub(super) struct HugePages {
    memory: MmapMut,
    filled: usize,
}

impl HugePages {
    /// Room for a body, if it is large and the system has the room. It is
    /// address space alone, and becomes memory as it is filled.
    pub(super) fn of(length: u64) -> Option<Self> {
        if length < LARGE {
            return None;
        }
        let mut options = MmapOptions::new();
        let options = options.len(usize::try_from(length).ok()?).no_reserve_swap();
        Some(Self {
            memory: options.map_anon().ok()?,
            filled: 0,
        })
    }

    /// Puts a piece behind those before it. Together they are no longer than the
    /// body.
    pub(super) fn push(&mut self, piece: &[u8]) {
        let filled = self.filled + piece.len();
        if (self.filled..filled).contains(&TRUSTED) {
            // A system without huge pages gives its ordinary ones.
            let _ = self.memory.advise(Advice::HugePage);
        }
        self.memory[self.filled..filled].copy_from_slice(piece);
        self.filled = filled;
    }

    pub(super) fn freeze(self) -> Bytes {
        Bytes::from_owner(self.memory).slice(..self.filled)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::FileExt;

    use super::{HugePages, LARGE, TRUSTED};

    #[test]
    fn a_declared_length_takes_no_memory_before_its_bytes_have_come() {
        let mut pages = HugePages::of(4 * LARGE).unwrap();
        assert_eq!(resident(&pages), 0);
        pages.push(&[7; 100_000]);
        // Unasked, the system may have given a huge page.
        let most = if system_says("[always]") {
            2 << 20
        } else {
            128 << 10
        };
        assert!((100_000..=most).contains(&resident(&pages)));
        let bytes = pages.freeze();
        assert!(bytes.len() == 100_000 && bytes.iter().all(|byte| *byte == 7));
    }

    #[test]
    fn a_body_that_comes_is_given_huge_pages_where_there_are_any() {
        let mut pages = HugePages::of(LARGE).unwrap();
        pages.push(&[7; TRUSTED]);
        assert!(!is_advised(&pages));
        pages.push(&[7]);
        assert_eq!(is_advised(&pages), system_says("["));
    }

    #[test]
    fn a_small_body_is_not_worth_it_and_an_immense_one_has_no_room() {
        assert!(HugePages::of(LARGE - 1).is_none());
        assert!(HugePages::of(u64::MAX).is_none());
    }

    /// How many bytes of the address space are memory, by the kernel's list of
    /// its pages.
    fn resident(pages: &HugePages) -> usize {
        const PAGE: usize = 4096;
        let first = pages.memory.as_ptr() as usize / PAGE;
        let mut list = vec![0; pages.memory.len() / PAGE * 8];
        let pagemap = File::open("/proc/self/pagemap").unwrap();
        pagemap.read_exact_at(&mut list, 8 * first as u64).unwrap();
        let present = list.chunks_exact(8).filter(|entry| entry[7] & 0x80 != 0);
        present.count() * PAGE
    }

    /// Whether the kernel's list of mappings has the one that begins there as to be
    /// in huge pages.
    fn is_advised(pages: &HugePages) -> bool {
        let start = format!("{:x}-", pages.memory.as_ptr() as usize);
        let maps = fs::read_to_string("/proc/self/smaps").unwrap();
        let ours = maps.split_once(&format!("\n{start}"));
        let flags =
            ours.and_then(|(_, ours)| ours.lines().find(|line| line.starts_with("VmFlags")));
        flags.is_some_and(|flags| flags.contains(" hg"))
    }

    fn system_says(word: &str) -> bool {
        let said = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled");
        said.is_ok_and(|said| said.contains(word))
    }
}
