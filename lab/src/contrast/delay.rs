//! A link that takes its time: two interfaces whose packets come out of the other one after half the
//! round trip. It drops, reorders and limits nothing.
//!
//! It runs in a process of its own, so that both interfaces are gone when that ends, whatever became
//! of the namespaces that they were moved to.

use std::io::{self, Read as _};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tun_rs::{DeviceBuilder, Layer, SyncDevice};

/// No packet is longer: this is what the interfaces announce.
const PACKET_MAX_BYTES: usize = 1_500;
/// An interface that is just being moved or configured is asked again after so long.
const NOT_READY: Duration = Duration::from_millis(1);

/// What is to be joined.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Delay {
    /// The interfaces that are made.
    left: String,
    right: String,
    /// How long a packet takes in each direction, in milliseconds.
    #[arg(long)]
    millis: u64,
}

/// What it prints when both interfaces are there.
pub(crate) const READY: &str = "ready";

/// Passes packets on until standard input ends, which it does with whoever began this.
pub(crate) fn forward(delay: &Delay) -> io::Result<()> {
    let (left, right) = (interface(&delay.left)?, interface(&delay.right)?);
    let time = Duration::from_millis(delay.millis);
    carry(Arc::clone(&left), Arc::clone(&right), time);
    carry(right, left, time);
    println!("{READY}");
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}

fn interface(name: &str) -> io::Result<Arc<SyncDevice>> {
    let mtu = u16::try_from(PACKET_MAX_BYTES).expect("a short packet");
    DeviceBuilder::new().name(name).layer(Layer::L3).mtu(mtu).build_sync().map(Arc::new)
}

/// One direction: one thread takes packets and notes when they are due, the other waits until then.
fn carry(from: Arc<SyncDevice>, to: Arc<SyncDevice>, time: Duration) {
    let (taken, due) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut space = [0; PACKET_MAX_BYTES];
        loop {
            match from.recv(&mut space) {
                Ok(length) if taken.send((now() + time, space[..length].to_vec())).is_err() => {
                    return;
                }
                Ok(_) => {}
                Err(_) => thread::sleep(NOT_READY),
            }
        }
    });
    thread::spawn(move || {
        for (when, packet) in due {
            thread::sleep(when.saturating_duration_since(now()));
            // An interface that is not up yet loses it, as an unplugged cable would.
            let _ = to.send(&packet);
        }
    });
}

fn now() -> Instant {
    Instant::now()
}
