//! Where the core meets the world: the only place with a socket, a clock, entropy or a signal.
//!
//! [`serve`] runs the server's loop and [`call`] a client's; both are one thread around one
//! [`mio::Poll`].

pub mod call;
pub mod clock;
pub mod serve;
mod signals;
mod socket;
