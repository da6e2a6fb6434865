//! The contrast with TCP and with a bare UDP echo, measured.

mod batch;
mod echo;
mod press;
mod press_tcp;

use std::net::SocketAddr;

use clap::Parser as _;

#[derive(clap::Parser)]
enum Role {
    /// The bare echo.
    Echo { listen: SocketAddr, reply_bytes: usize },
    /// The load over UDP.
    Press(press::Press),
    /// The load over TCP.
    PressTcp(press_tcp::PressTcp),
}

fn main() -> std::io::Result<()> {
    match Role::parse() {
        Role::Echo { listen, reply_bytes } => echo::serve(listen, reply_bytes),
        Role::Press(it) => press::press(&it),
        Role::PressTcp(it) => press_tcp::press(&it),
    }
}
