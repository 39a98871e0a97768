//! Against what others wrote: Debian's nginx as a server, and other readers of
//! the same bytes. A program that is missing fails the tests that need it.

mod differential;
mod gibibyte;
mod nginx;
mod requests;
