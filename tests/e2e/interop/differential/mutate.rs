//! Responses that are a little off: the corpus's, changed by chance from a seed.

use super::corpus::Case;

/// Larger cases are about limits, and tell nothing more when they are changed.
const LARGEST: usize = 8 * 1024;

/// The mutation `index` of a seed, always the same of the same cases.
pub(crate) fn mutation(cases: &[Case], seed: u64, index: u64) -> Case {
    let mut random = Random::new(seed, index);
    let case = small(cases, &mut random);
    let mut raw = case.raw.clone();
    for _ in 0..=random.below(3) {
        if random.below(12) == 0 {
            raw = splice(&raw, &small(cases, &mut random).raw, &mut random);
        } else {
            change(&mut raw, &mut random);
        }
    }
    Case {
        name: format!("{} (seed {seed}, index {index})", case.name),
        raw,
        ..case.clone()
    }
}

fn small<'a>(cases: &'a [Case], random: &mut Random) -> &'a Case {
    loop {
        let case = &cases[random.below(cases.len())];
        if case.raw.len() < LARGEST {
            return case;
        }
    }
}

/// Xorshift64*: small, and good enough to choose bytes by.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64, index: u64) -> Self {
        let mut random = Self((seed << 40 ^ index).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        // Neighbours are alike at first.
        for _ in 0..8 {
            random.next();
        }
        random
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }
}

type Change = fn(&mut Vec<u8>, &mut Random);

const CHANGES: [Change; 14] = [
    |raw, random| flip(raw, random),
    insert,
    insert,
    delete,
    double,
    cut_off,
    |raw, random| respell(raw, random),
    change_line_end,
    double_line,
    delete_line,
    move_line,
    insert_line,
    change_number,
    change_number,
];

/// Bytes that mean something somewhere in a response.
const TELLING: &[u8] = b"\r\n\r\n \t:;,=\"\\0159afAFx+-_.()[]\0\x0b\x0c\x7f\x80\xff";

fn change(raw: &mut Vec<u8>, random: &mut Random) {
    if raw.is_empty() {
        return insert(raw, random);
    }
    random.pick(&CHANGES)(raw, random);
}

fn flip(raw: &mut [u8], random: &mut Random) {
    let at = random.below(raw.len());
    raw[at] ^= 1 << random.below(8);
}

fn insert(raw: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(raw.len() + 1);
    raw.insert(at, random.pick(TELLING));
}

fn delete(raw: &mut Vec<u8>, random: &mut Random) {
    raw.remove(random.below(raw.len()));
}

fn double(raw: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(raw.len());
    raw.insert(at, raw[at]);
}

fn cut_off(raw: &mut Vec<u8>, random: &mut Random) {
    raw.truncate(random.below(raw.len()));
}

fn respell(raw: &mut [u8], random: &mut Random) {
    let at = random.below(raw.len());
    let end = raw.len().min(at + 1 + random.below(8));
    for byte in &mut raw[at..end] {
        if byte.is_ascii_alphabetic() {
            *byte ^= 0x20;
        }
    }
}

fn change_line_end(raw: &mut Vec<u8>, random: &mut Random) {
    let ends: [&[u8]; 6] = [b"\n", b"\r", b"\n\r", b"\r\r\n", b"\r\n ", b"\r\n\t"];
    let Some(line) = line_of(raw, random) else {
        return;
    };
    let start = line.end - usize::from(raw[..line.end].ends_with(b"\r\n")) - 1;
    raw.splice(start..line.end, random.pick(&ends).iter().copied());
}

fn double_line(raw: &mut Vec<u8>, random: &mut Random) {
    if let Some(line) = line_of(raw, random) {
        let copy = raw[line.clone()].to_vec();
        raw.splice(line.start..line.start, copy);
    }
}

fn delete_line(raw: &mut Vec<u8>, random: &mut Random) {
    if let Some(line) = line_of(raw, random) {
        raw.drain(line);
    }
}

fn move_line(raw: &mut Vec<u8>, random: &mut Random) {
    let (Some(line), Some(other)) = (line_of(raw, random), line_of(raw, random)) else {
        return;
    };
    let copy = raw[line].to_vec();
    raw.splice(other.start..other.start, copy);
}

/// A field that decides about framing, or something that is none.
fn insert_line(raw: &mut Vec<u8>, random: &mut Random) {
    let lines: [&[u8]; 14] = [
        b"Content-Length: 5\r\n",
        b"Content-Length: 2\r\n",
        b"Content-Length: 0\r\n",
        b"Content-Length: 5, 5\r\n",
        b"Content-Length:\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: identity\r\n",
        b"Transfer-Encoding:\r\n",
        b"transfer-encoding: Chunked , \r\n",
        b"Connection: close\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"0\r\n\r\n",
        b"X: y\r\n z\r\n",
        b"5;a=\"b\"\r\n",
    ];
    if let Some(line) = line_of(raw, random) {
        let new = random.pick(&lines);
        raw.splice(line.start..line.start, new.iter().copied());
    }
}

/// Writes a number otherwise, or another in its place.
fn change_number(raw: &mut Vec<u8>, random: &mut Random) {
    let from = random.below(raw.len());
    let is_digit = |byte: &u8| byte.is_ascii_hexdigit();
    let Some(start) = raw[from..].iter().position(is_digit) else {
        return;
    };
    let start = from + start;
    let len = raw[start..]
        .iter()
        .take_while(|byte| is_digit(byte))
        .count();
    let number = raw[start..start + len].to_vec();
    let prefixes: [&[u8]; 8] = [
        b"+",
        b"-",
        b"0",
        b"0x",
        b" ",
        b"0000000000000000000",
        b"1",
        b"_",
    ];
    let suffixes: [&[u8]; 8] = [b" ", b"\t", b"0", b"h", b".0", b"e0", b";", b", "];
    let others: [&[u8]; 8] = [
        b"",
        b"0",
        b"7fffffffffffffff",
        b"8000000000000000",
        b"10000000000000000",
        b"9223372036854775807",
        b"18446744073709551615",
        b"18446744073709551621",
    ];
    let new = match random.below(3) {
        0 => [random.pick(&prefixes), &number[..]].concat(),
        1 => [&number[..], random.pick(&suffixes)].concat(),
        _ => random.pick(&others).to_vec(),
    };
    raw.splice(start..start + len, new);
}

/// The start of one and the end of another.
fn splice(one: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let start = &one[..random.below(one.len() + 1)];
    let end = &other[random.below(other.len() + 1)..];
    [start, end].concat()
}

/// One of the lines, with its line feed.
fn line_of(raw: &[u8], random: &mut Random) -> Option<std::ops::Range<usize>> {
    let ends: Vec<usize> = (1..=raw.len())
        .filter(|end| raw[end - 1] == b'\n')
        .collect();
    if ends.is_empty() {
        return None;
    }
    let line = random.below(ends.len());
    let start = line.checked_sub(1).map_or(0, |before| ends[before]);
    Some(start..ends[line])
}
