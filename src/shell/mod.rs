//! Where the core meets the world: the only place with a socket, a clock, entropy or a signal.
//!
//! [`serve`] runs the server's loop, [`call`] a client's, [`download`] that of one who fetches sheets
//! and files, and [`rehearse`] that of a crowd of clients; each is one thread around one [`mio::Poll`].

pub mod admin_invites;
pub mod call;
pub mod clock;
mod crowd;
pub mod download;
mod drops;
mod folder;
mod handshake_worker;
pub(crate) mod interrupt;
mod journal_worker;
pub mod kept_marks;
pub mod keys;
mod log;
mod outbox;
mod priority;
pub mod rehearse;
pub mod serve;
mod server_name;
mod signals;
mod socket;
pub mod trust;
