//! Ctrl-C, for a client: while it waits for an answer it is told, so that it can say what is unknown;
//! at any other time Ctrl-C ends the process as usual. All that is Unix only about this is here.

#[cfg(unix)]
mod imp {
    use std::io;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex, PoisonError};

    use mio::event::Source;
    use mio::{Interest, Registry, Token};
    use signal_hook::consts::signal::SIGINT;
    use signal_hook::flag::register_conditional_default;
    use signal_hook_mio::v1_0::Signals;

    /// Whether nobody waits, once the handler is installed. It stays installed to the end of the
    /// process, because one that is taken away would leave the signal ignored.
    static IDLE: Mutex<Option<Arc<AtomicBool>>> = Mutex::new(None);

    /// Ctrl-C as an event source.
    pub(in crate::shell) struct Interrupts {
        signals: Signals,
        idle: Arc<AtomicBool>,
    }

    /// Somebody waits, until this is dropped.
    pub(in crate::shell) struct Waiting(Arc<AtomicBool>);

    impl Interrupts {
        pub(in crate::shell) fn register(registry: &Registry, token: Token) -> io::Result<Self> {
            let idle = idle()?;
            let mut signals = Signals::new([SIGINT])?;
            signals.register(registry, token, Interest::READABLE)?;
            Ok(Self { signals, idle })
        }

        /// From now on Ctrl-C is told.
        pub(in crate::shell) fn wait_begins(&self) -> Waiting {
            self.idle.store(false, Ordering::SeqCst);
            Waiting(Arc::clone(&self.idle))
        }

        /// Whether Ctrl-C was pressed.
        pub(in crate::shell) fn arrived(&mut self) -> bool {
            self.signals.pending().next().is_some()
        }
    }

    impl Drop for Waiting {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    pub(super) fn raise() {
        let _ = signal_hook::low_level::emulate_default_handler(SIGINT);
    }

    fn idle() -> io::Result<Arc<AtomicBool>> {
        let mut installed = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(idle) = &*installed {
            return Ok(Arc::clone(idle));
        }
        let idle = Arc::new(AtomicBool::new(true));
        register_conditional_default(SIGINT, Arc::clone(&idle))?;
        Ok(Arc::clone(installed.insert(idle)))
    }
}

#[cfg(not(unix))]
mod imp {
    use std::io;

    use mio::{Registry, Token};

    /// Ctrl-C ends the process at once.
    pub(in crate::shell) struct Interrupts;

    /// Somebody waits.
    pub(in crate::shell) struct Waiting;

    impl Interrupts {
        pub(in crate::shell) fn register(_: &Registry, _: Token) -> io::Result<Self> {
            Ok(Self)
        }

        pub(in crate::shell) fn wait_begins(&self) -> Waiting {
            Waiting
        }

        pub(in crate::shell) fn arrived(&mut self) -> bool {
            false
        }
    }

    pub(super) fn raise() {}
}

pub(super) use imp::Interrupts;

/// Ends the process as Ctrl-C does: for somebody who reads keys one by one and sees that one.
pub(crate) fn end_process() -> ! {
    imp::raise();
    std::process::exit(130)
}
