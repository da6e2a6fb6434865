//! The client core for a page in a browser.
//!
//! [`Phone`] is a [`LinkedClient`] with the clocks, the dice and the network of whoever owns it: the page. Each
//! call is told the time; after each, [`Phone::poll`] gives what is to be done until there is nothing more.
//! Events are JSON, so that the page needs no types of ours; a datagram is bytes.

mod event;

use std::time::Duration;

use rollcall::access::RoomCode;
use rollcall::client::LinkedClient;
use rollcall::exchange::Operation;
use rollcall::ids::{ClassId, StudentNumber};
use rollcall::seal::{Channel, Link, PublicKey, SecretKey};
use rollcall::time::{Instant, Now, WallTime};
use rollcall::wire::Datagram;
use wasm_bindgen::prelude::wasm_bindgen;

/// What is wrong with what a person typed, in one word, which the page has texts for.
type Wrong = &'static str;

/// A device and what it asks its server.
#[wasm_bindgen]
pub struct Phone {
    client: LinkedClient,
    device: String,
    space: Datagram,
}

/// JavaScript has one kind of number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what is no number and what is below zero is zero, what is too large the largest"
)]
fn whole(number: f64) -> u64 {
    number.round() as u64
}

fn now(now: f64, wall: f64) -> Now {
    // As fine as `next_timeout` tells it: rounded down it would lie before what it waits for.
    let instant = Instant::from_micros(whole(now * 1_000.0));
    Now { instant, wall: WallTime::from_millis(whole(wall)) }
}

fn seed(bytes: &[u8]) -> Result<[u8; 32], Wrong> {
    bytes.try_into().map_err(|_| "seed")
}

#[wasm_bindgen]
impl Phone {
    /// A device with this secret key of 32 bytes, which knows the server by the text behind `#` of a join
    /// link; with 64 bytes of fresh randomness.
    ///
    /// # Errors
    /// `key`: the text is no key. `seed`: other lengths.
    #[wasm_bindgen(constructor)]
    pub fn new(key: &str, secret: &[u8], fresh: &[u8]) -> Result<Phone, Wrong> {
        let server: PublicKey = key.parse().map_err(|_| "key")?;
        let secret = SecretKey::from_bytes(seed(secret)?);
        let device = format!("{:?}", secret.public().device());
        let (of_channel, of_client) = fresh.split_at_checked(32).ok_or("seed")?;
        let channel = Channel::new(server, secret, seed(of_channel)?);
        let client = LinkedClient::new(seed(of_client)?, Link::Sealed(Box::new(channel)));
        Ok(Self { client, device, space: Datagram::new() })
    }

    /// Says `HELLO` before anybody waits.
    pub fn connect(&mut self, now_ms: f64, wall_ms: f64) {
        self.client.connect(now(now_ms, wall_ms));
    }

    /// Marks a student, and asks until there is an answer or the deadline passes. The code may be empty.
    ///
    /// # Errors
    /// `class`, `student`, `code`: that is none. `busy`: something is under way.
    pub fn mark(
        &mut self,
        now_ms: f64,
        wall_ms: f64,
        class: f64,
        student: &str,
        code: &str,
        deadline_ms: f64,
    ) -> Result<(), Wrong> {
        let (class, student, code) = read(class, student, code)?;
        let operation = Operation::Mark { class, student, code };
        self.perform(now(now_ms, wall_ms), operation, deadline_ms)
    }

    /// The same of a press that was kept, so long ago.
    ///
    /// # Errors
    /// As [`Phone::mark`].
    #[expect(clippy::too_many_arguments, reason = "JavaScript has no structs of ours")]
    pub fn deliver(
        &mut self,
        now_ms: f64,
        wall_ms: f64,
        class: f64,
        student: &str,
        code: &str,
        delay_ms: f64,
        deadline_ms: f64,
    ) -> Result<(), Wrong> {
        let (class, student, code) = read(class, student, code)?;
        let delay_ms = u32::try_from(whole(delay_ms)).unwrap_or(u32::MAX);
        let operation = Operation::Deliver { class, student, code, delay_ms };
        self.perform(now(now_ms, wall_ms), operation, deadline_ms)
    }

    fn perform(&mut self, now: Now, operation: Operation, deadline: f64) -> Result<(), Wrong> {
        if !self.client.client().is_idle() {
            return Err("busy");
        }
        self.client.perform(now, operation, Duration::from_millis(whole(deadline)));
        Ok(())
    }

    /// Takes what a relay brought. False: it does not open, so that it is not from the server.
    pub fn handle(&mut self, now_ms: f64, wall_ms: f64, datagram: &[u8]) -> bool {
        self.client.handle_datagram(now(now_ms, wall_ms), datagram)
    }

    /// Time has passed.
    pub fn timeout(&mut self, now_ms: f64, wall_ms: f64) {
        self.client.handle_timeout(now(now_ms, wall_ms));
    }

    /// When [`Phone::timeout`] wants to be called, by the clock of `now_ms`.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "exact for three centuries of microseconds")]
    pub fn next_timeout(&self) -> Option<f64> {
        self.client.poll_timeout().map(|at| at.as_micros() as f64 / 1_000.0)
    }

    /// What happened, or is to be done; JSON.
    #[must_use]
    pub fn poll(&mut self, now_ms: f64, wall_ms: f64) -> Option<String> {
        if self.client.poll_hello(&mut self.space) {
            return Some(event::SEND.to_owned());
        }
        let output = self.client.poll_output(now(now_ms, wall_ms), &mut self.space)?;
        Some(event::json(&output))
    }

    /// The datagram of the last `send`.
    #[must_use]
    pub fn take_datagram(&self) -> Vec<u8> {
        self.space.as_bytes().to_vec()
    }

    /// The name of the device.
    #[must_use]
    pub fn device(&self) -> String {
        self.device.clone()
    }

    /// Whether the handshake is done.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.client.link().is_ready()
    }
}

type Typed = (ClassId, StudentNumber, Option<RoomCode>);

fn read(class: f64, student: &str, code: &str) -> Result<Typed, Wrong> {
    let is_whole = class.fract() == 0.0 && class > 0.0;
    let number = u32::try_from(whole(class)).ok().filter(|_| is_whole);
    let class = number.and_then(ClassId::new).ok_or("class")?;
    let student = student.parse().map_err(|_| "student")?;
    let code = if code.is_empty() { None } else { Some(code.parse().map_err(|_| "code")?) };
    Ok((class, student, code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone() -> Phone {
        let key = SecretKey::from_bytes([7; 32]).public().to_string();
        Phone::new(&key, &[1; 32], &[2; 64]).expect("a phone")
    }

    fn wrong(result: Result<(), Wrong>) -> Wrong {
        result.expect_err("it is refused")
    }

    #[test]
    fn what_is_typed_wrongly_is_told_in_one_word() {
        let key = SecretKey::from_bytes([7; 32]).public().to_string();
        assert_eq!(Phone::new("nonsense", &[1; 32], &[2; 64]).err(), Some("key"));
        assert_eq!(Phone::new(&key[1..], &[1; 32], &[2; 64]).err(), Some("key"));
        assert_eq!(Phone::new(&key, &[1; 31], &[2; 64]).err(), Some("seed"));
        assert!(Phone::new(&key.to_uppercase(), &[1; 32], &[2; 64]).is_ok(), "as it is scanned");
        let mut phone = phone();
        for class in [0.0, -1.0, 0.5, 4_294_967_296.0, f64::NAN, f64::INFINITY] {
            assert_eq!(wrong(phone.mark(0.0, 0.0, class, "10", "", 1e3)), "class", "{class}");
        }
        for student in ["", "a b", "é", &"1".repeat(33)] {
            assert_eq!(wrong(phone.mark(0.0, 0.0, 1.0, student, "", 1e3)), "student");
        }
        for code in ["12", "1234567", "abcdef", "12345a"] {
            assert_eq!(wrong(phone.mark(0.0, 0.0, 1.0, "10", code, 1e3)), "code", "{code}");
        }
        assert_eq!(phone.mark(0.0, 0.0, 1.0, "042191010", "204137", 1e3), Ok(()));
        assert_eq!(wrong(phone.deliver(0.0, 0.0, 1.0, "10", "", 5.0, 1e3)), "busy");
    }

    #[test]
    fn nobody_answers_and_it_ends() {
        let mut phone = phone();
        phone.connect(0.0, 1.8e12);
        phone.mark(0.0, 1.8e12, 1.0, "10", "", 10_000.0).expect("it begins");
        let (mut sent, mut now, mut ended) = (0, 0.0, None);
        // At each time at most a few things are done, and time goes on.
        for _ in 0..1_000 {
            for _ in 0..10 {
                let Some(event) = phone.poll(now, 1.8e12 + now) else { break };
                if event == event::SEND {
                    assert_eq!(phone.take_datagram().len(), 256);
                    assert!(!phone.handle(now, 1.8e12 + now, b"<html>sign in</html>"));
                    sent += 1;
                }
                if event.contains("unanswered") {
                    ended = Some(now);
                }
            }
            assert!(phone.poll(now, 1.8e12 + now).is_none(), "it has said all");
            let Some(next) = phone.next_timeout() else { break };
            assert!(next > now, "time goes on: {next} after {now}, {ended:?}");
            now = next;
            phone.timeout(now, 1.8e12 + now);
        }
        assert!(
            phone.next_timeout().is_none(),
            "it waits for nothing more: {sent} {now} {ended:?}"
        );
        assert!(sent > 3 && ended == Some(10_000.0), "{sent} until {ended:?}");
        assert!(!phone.is_ready());
    }
}
