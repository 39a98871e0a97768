//! The error for a network interface that is not there.

use std::error::Error;
use std::fmt;
use std::io;

/// The failure of whatever was to go through a network interface that is not there.
pub(crate) fn no_such_interface(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, NoSuchInterface(name.into()))
}

pub(crate) fn is_no_such_interface(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(|inner| inner.is::<NoSuchInterface>())
}

#[derive(Debug)]
struct NoSuchInterface(Box<str>);

impl fmt::Display for NoSuchInterface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no such interface: {:?}", self.0)
    }
}

impl Error for NoSuchInterface {}
