//! The command line's words, one after another.

use std::str::FromStr;

use crate::Failure;

pub(super) struct Words<I>(I);

impl<I: Iterator<Item = String>> Words<I> {
    pub(super) fn new(words: I) -> Self {
        Self(words)
    }

    pub(super) fn next(&mut self) -> Option<String> {
        self.0.next()
    }

    pub(super) fn word(&mut self) -> Result<String, Failure> {
        self.next()
            .ok_or_else(|| "a word is missing at the end".into())
    }

    pub(super) fn value<T: FromStr>(&mut self) -> Result<T, Failure> {
        let word = self.word()?;
        word.parse()
            .map_err(|_| format!("{word} is out of place").into())
    }

    pub(super) fn positive(&mut self) -> Result<usize, Failure> {
        match self.value()? {
            0 => Err("0 is too few".into()),
            number => Ok(number),
        }
    }
}

pub(super) fn unknown(option: &str) -> Failure {
    format!("what is {option}? see --help").into()
}
