//! Signals to a running server. Whatever is Unix only about this program is here.

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// End in order (SIGTERM, SIGINT).
    Stop,
    /// Log the counters (SIGUSR1).
    ShowCounters,
}

#[cfg(unix)]
mod imp {
    use std::io;

    use mio::event::Source;
    use mio::{Interest, Registry, Token};
    use signal_hook::consts::signal::{SIGINT, SIGTERM, SIGUSR1};
    use signal_hook_mio::v1_0::Signals;

    use super::Signal;

    /// Signals as an event source.
    pub(in crate::shell) struct SignalSource {
        signals: Signals,
    }

    impl SignalSource {
        pub(in crate::shell) fn register(registry: &Registry, token: Token) -> io::Result<Self> {
            let mut signals = Signals::new([SIGTERM, SIGINT, SIGUSR1])?;
            signals.register(registry, token, Interest::READABLE)?;
            Ok(Self { signals })
        }

        pub(in crate::shell) fn pending(&mut self) -> impl Iterator<Item = Signal> {
            let meaning =
                |signal| if signal == SIGUSR1 { Signal::ShowCounters } else { Signal::Stop };
            self.signals.pending().map(meaning)
        }
    }
}

#[cfg(not(unix))]
mod imp {
    use std::io;

    use mio::{Registry, Token};

    use super::Signal;

    /// No signals here: Ctrl-C ends the process at once, which loses nothing, because whatever was
    /// acknowledged is in the journal.
    pub(in crate::shell) struct SignalSource;

    impl SignalSource {
        pub(in crate::shell) fn register(_: &Registry, _: Token) -> io::Result<Self> {
            Ok(Self)
        }

        pub(in crate::shell) fn pending(&mut self) -> impl Iterator<Item = Signal> {
            std::iter::empty()
        }
    }
}

pub(super) use imp::SignalSource;
