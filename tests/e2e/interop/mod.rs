//! Against real servers: Debian's nginx. A program that is missing fails the
//! tests that need it.

mod gibibyte;
mod nginx;
mod requests;
