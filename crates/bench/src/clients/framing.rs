//! The least that finds a response's end; for the bare socket.

/// What of the body is still to come, in any framing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Rest {
    /// So many bytes, then nothing.
    Bytes(usize),
    /// A chunk's size, as far as it was read.
    Size(usize),
    /// So many bytes of a chunk.
    Chunk(usize),
    /// So many bytes of a line's end, behind a chunk's data.
    ChunkEnd(usize),
    /// So many bytes of the line's end behind the last chunk.
    LastEnd(usize),
}

impl Rest {
    /// As the head says.
    pub(super) fn of(head: &[u8]) -> Self {
        content_length(head).map_or(Self::Size(0), Self::Bytes)
    }

    pub(super) fn is_over(self) -> bool {
        matches!(self, Self::Bytes(0) | Self::LastEnd(0))
    }

    /// Takes the framing away and hands on the data.
    pub(super) fn take(&mut self, mut read: &[u8], mut data: impl FnMut(&[u8])) {
        while !read.is_empty() && !self.is_over() {
            if let (Self::Size(0), Some((piece, rest))) = (&*self, whole_chunk(read)) {
                data(piece);
                read = rest;
                continue;
            }
            match self {
                Self::Bytes(left) => {
                    let (piece, rest) = read.split_at(read.len().min(*left));
                    data(piece);
                    *left -= piece.len();
                    read = rest;
                }
                Self::Chunk(left) => {
                    let (piece, rest) = read.split_at(read.len().min(*left));
                    data(piece);
                    *left -= piece.len();
                    if *left == 0 {
                        *self = Self::ChunkEnd(2);
                    }
                    read = rest;
                }
                Self::Size(size) => {
                    match (read[0], *size) {
                        (b'\r', _) => {}
                        (b'\n', 0) => *self = Self::LastEnd(2),
                        (b'\n', size) => *self = Self::Chunk(size),
                        (digit, _) => *size = *size << 4 | hex(digit),
                    }
                    read = &read[1..];
                }
                Self::ChunkEnd(left) | Self::LastEnd(left) => {
                    let (end, rest) = read.split_at(read.len().min(*left));
                    *left -= end.len();
                    if matches!(self, Self::ChunkEnd(0)) {
                        *self = Self::Size(0);
                    }
                    read = rest;
                }
            }
        }
    }
}

/// The data of a chunk that was read from its size to its end, and what follows. Not of the last.
fn whole_chunk(read: &[u8]) -> Option<(&[u8], &[u8])> {
    let digits = read.iter().take_while(|byte| byte.is_ascii_hexdigit());
    let (length, size) = digits.fold((0, 0), |(length, size), &digit| {
        (length + 1, size << 4 | hex(digit))
    });
    let (piece, rest) = read.get(length + 2..)?.split_at_checked(size)?;
    let rest = rest.get(2..)?;
    (size > 0).then_some((piece, rest))
}

pub(super) fn head_end(read: &[u8]) -> Option<usize> {
    find(read, b"\r\n\r\n").map(|at| at + 4)
}

fn content_length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"\r\nContent-Length: ";
    let digits = &head[find(head, NAME)? + NAME.len()..];
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |length, &digit| length * 10 + usize::from(digit - b'0')))
}

fn hex(digit: u8) -> usize {
    usize::from(match digit {
        b'0'..=b'9' => digit - b'0',
        digit => (digit | 0x20) - b'a' + 10,
    })
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|at| at == needle)
}

#[cfg(test)]
mod tests {
    use super::{Rest, head_end};
    use crate::answer::Answer;
    use crate::scenario;

    #[test]
    fn every_answer_is_read_to_its_end_at_any_split() {
        let scenarios = scenario::all();
        for case in scenarios.iter().flat_map(|scenario| &scenario.cases) {
            let (Answer::Whole(answer) | Answer::Last(answer)) = (case.answer)() else {
                continue;
            };
            let (head, framed) = answer.split_at(head_end(&answer).unwrap());
            for piece in [1, 7, 4096, framed.len()] {
                let mut body = 0;
                let mut rest = Rest::of(head);
                for read in framed.chunks(piece) {
                    assert!(!rest.is_over(), "{}: over too early", case.name);
                    rest.take(read, |data| body += data.len() as u64);
                }
                assert!(rest.is_over(), "{}: not over", case.name);
                assert_eq!(body, case.body, "{}", case.name);
            }
        }
    }
}
