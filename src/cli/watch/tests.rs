//! The view as it is drawn, and what its keys do.

mod keys;
mod pictures;
mod screens;
mod support;
