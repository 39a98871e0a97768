//! Against what others wrote: Debian's nginx and Apache as servers, and other
//! readers of the same bytes. A program that is missing fails the tests that
//! need it.

mod apache;
mod differential;
mod gibibyte;
mod networks;
mod nginx;
mod posts;
mod program;
mod requests;
mod servers;
mod slow_names;
mod vanishing;
