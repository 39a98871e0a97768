//! However the bytes are cut, they are read as the same.

use super::drive::{HELD, Then, exchange, read};

/// The first byte chooses the request, the second the cuts, and the rest is
/// what the peer sends.
pub fn check(data: &[u8]) {
    let [choice, seed, text @ ..] = data else {
        return;
    };
    let whole = read(exchange(*choice), HELD, [text], Then::Close);
    let bytes = read(exchange(*choice), HELD, text.chunks(1), Then::Close);
    assert_eq!(whole, bytes);
    let cut = read(exchange(*choice), HELD, cuts(text, *seed), Then::Close);
    assert_eq!(whole, cut);
}

/// Pieces of pseudo-random lengths, most of them short.
pub fn cuts(text: &[u8], seed: u8) -> impl Iterator<Item = &[u8]> {
    let mut state = u32::from(seed) | 1;
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let bits = (state >> 24) as usize;
        let len = if bits & 1 == 0 { bits >> 5 } else { bits };
        let (piece, after) = rest.split_at(len.clamp(1, rest.len()));
        rest = after;
        Some(piece)
    })
}
