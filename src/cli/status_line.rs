//! The line at the bottom of a terminal while an answer is awaited.

use std::net::SocketAddr;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::explain::{settled, subject};
use super::language::text;
use super::words::remark;
use crate::client::Progress;

/// The line at the bottom of a terminal that tells what is waited for. A pipe gets none.
pub(super) struct StatusLine {
    bar: Option<ProgressBar>,
    timeout: Duration,
    attempt: u32,
    left: Duration,
    /// Where nobody listened, the last two times.
    refused: [Option<SocketAddr>; 2],
}

impl StatusLine {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { bar: None, timeout, attempt: 1, left: timeout, refused: [None; 2] }
    }

    pub(super) fn show(&mut self, progress: &Progress, refused_at: Option<SocketAddr>) {
        match progress {
            &Progress::Retrying { attempt, left } => {
                self.attempt = attempt;
                self.left = left;
                self.refused = [self.refused[1], None];
                self.draw();
            }
            Progress::Refused => {
                self.refused[1] = refused_at;
                self.draw();
            }
            Progress::Settled { operation, answer } => {
                self.clear();
                let (operation, outcome) = (subject(operation), settled(answer));
                remark(text!("from-before", operation, outcome));
            }
            Progress::Abandoned { operation } => {
                self.clear();
                remark(text!("from-before-unknown", operation = subject(operation)));
            }
        }
    }

    fn draw(&mut self) {
        let message = self.message();
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            // As wide as the terminal, so that it never goes on in a second line.
            bar.set_style(ProgressStyle::with_template("{wide_msg}").expect("a valid template"));
            bar
        });
        bar.set_message(message);
    }

    fn message(&self) -> String {
        let (attempt, left) = (self.attempt, self.left.as_secs_f64().ceil());
        match self.refused[1].or(self.refused[0]) {
            Some(address) => text!("waiting-refused", address, attempt, left),
            None => text!("waiting", attempt, left),
        }
    }

    pub(super) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        *self = Self::new(self.timeout);
    }
}
