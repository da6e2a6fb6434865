//! The `HELLO`s that wait for the worker: bounded, each address once, and when there are too many one of
//! them is dropped at random, so that nobody can keep the queue for himself.

use std::collections::VecDeque;

use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::limits::{HELLO_PRESSURE, HELLOS_QUEUED_MAX, HELLOS_UNPROVED_MAX};
use crate::seal::Hello;
use crate::time::Instant;

/// The queue.
pub(super) struct Hellos<P> {
    waiting: VecDeque<(P, Hello)>,
    /// Until when addresses have to prove themselves.
    pressed_until: Instant,
}

impl<P: Eq> Hellos<P> {
    /// Whether addresses have to prove themselves.
    pub(super) fn under_pressure(&mut self, now: Instant) -> bool {
        if self.waiting.len() > HELLOS_UNPROVED_MAX {
            self.pressed_until = now.after(HELLO_PRESSURE);
        }
        now < self.pressed_until
    }

    /// Takes one more. False if the same address waits already: its later `HELLO` takes the place of
    /// the earlier one.
    pub(super) fn push(&mut self, rng: &mut StdRng, path: P, hello: Hello) -> bool {
        // R-HELLO-5
        if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.0 == path) {
            waiting.1 = hello;
            return false;
        }
        if self.waiting.len() < HELLOS_QUEUED_MAX {
            self.waiting.push_back((path, hello));
        } else {
            let place = rng.random_range(0..self.waiting.len());
            self.waiting[place] = (path, hello);
        }
        true
    }
}

impl<P> Hellos<P> {
    pub(super) fn new() -> Self {
        Self { waiting: VecDeque::new(), pressed_until: Instant::ZERO }
    }

    pub(super) fn pop(&mut self) -> Option<(P, Hello)> {
        self.waiting.pop_front()
    }
}
