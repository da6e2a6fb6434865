//! The laboratory: what measures rollcall and what it is compared with. The package itself needs none
//! of it, so that neither its build nor its tests compile what is here.
//!
//! | part | what it is |
//! |---|---|
//! | [`contrast`], `bin/contrast.rs` | measures everything and writes `docs/contrast.md`; on Linux only |
//! | `bin/tcp_twin.rs`, `bin/tcp_files.rs` | the same services over TCP, to be compared with |
//! | [`drive`], `bin/hot_path.rs` | the core by itself: what a mark allocates, and its instructions |
//! | `benches/hot_path.rs` | the steps of a mark, each timed by itself |

#[cfg(target_os = "linux")]
pub mod contrast;
pub mod drive;
