//! End-to-end tests live in `e2e/`. Here, the README's example is compiled.

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
