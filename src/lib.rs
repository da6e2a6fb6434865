//! Roll call over UDP.
//!
//! TODO map
pub mod hashing;
pub mod ids;
pub mod limits;
pub mod operation;
pub mod record;
pub mod roll;
pub mod server;
pub mod stats;
pub mod time;
pub mod wire;
