//! Text of others, made fit for a log.

use std::fmt::{self, Display, Write};

/// Text that a peer or a user's code may have had a hand in, made fit for one line of a log:
/// at most 120 characters, printable ASCII, everything else escaped.
pub(crate) struct Bounded<T>(pub(crate) T);

impl<T: Display> Display for Bounded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut excerpt = Excerpt { left: MOST, out: f };
        match write!(excerpt, "{}", self.0) {
            Err(_) if excerpt.left == 0 => f.write_str("..."),
            outcome => outcome,
        }
    }
}

const MOST: usize = 120;

/// A writer that escapes, and fails when it is full.
struct Excerpt<'a, 'f> {
    left: usize,
    out: &'a mut fmt::Formatter<'f>,
}

impl Write for Excerpt<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                ' '..='~' => {
                    self.spend(1)?;
                    self.out.write_char(c)?;
                }
                _ => {
                    let escaped = c.escape_default();
                    self.spend(escaped.len())?;
                    write!(self.out, "{escaped}")?;
                }
            }
        }
        Ok(())
    }
}

impl Excerpt<'_, '_> {
    fn spend(&mut self, length: usize) -> fmt::Result {
        let left = self.left.checked_sub(length);
        self.left = left.unwrap_or(0);
        left.map(|_| ()).ok_or(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::Bounded;

    #[test]
    fn control_and_foreign_characters_are_escaped() {
        assert_eq!(
            Bounded("a\r\nb\u{1b}\u{e9}").to_string(),
            r"a\r\nb\u{1b}\u{e9}"
        );
    }

    #[test]
    fn text_of_exactly_the_limit_is_whole_and_longer_text_is_cut() {
        assert_eq!(Bounded("x".repeat(120)).to_string(), "x".repeat(120));
        assert_eq!(
            Bounded("x".repeat(121)).to_string(),
            "x".repeat(120) + "..."
        );
        let escaped = Bounded("\u{e9}".repeat(100)).to_string();
        assert_eq!(escaped, r"\u{e9}".repeat(20) + "...");
    }
}
