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

    /// Who waits, once the handler is installed. It stays installed to the end of the process, because one
    /// that is taken away would leave the signal ignored.
    static WAITING: Mutex<Option<Crowd>> = Mutex::new(None);

    struct Crowd {
        count: usize,
        /// Whether nobody does: what the handler looks at.
        idle: Arc<AtomicBool>,
    }

    /// Changes how many wait.
    fn count(change: impl FnOnce(usize) -> usize) {
        if let Some(waiting) = &mut *WAITING.lock().unwrap_or_else(PoisonError::into_inner) {
            waiting.count = change(waiting.count);
            waiting.idle.store(waiting.count == 0, Ordering::SeqCst);
        }
    }

    /// Ctrl-C as an event source.
    pub(in crate::shell) struct Interrupts {
        signals: Signals,
    }

    /// Somebody waits, until this is dropped.
    pub(in crate::shell) struct Waiting(());

    impl Interrupts {
        pub(in crate::shell) fn register(registry: &Registry, token: Token) -> io::Result<Self> {
            install()?;
            let mut signals = Signals::new([SIGINT])?;
            signals.register(registry, token, Interest::READABLE)?;
            Ok(Self { signals })
        }

        /// From now on Ctrl-C is told.
        #[expect(clippy::unused_self, reason = "who waits hears of it")]
        pub(in crate::shell) fn wait_begins(&self) -> Waiting {
            count(|it| it + 1);
            Waiting(())
        }

        /// Whether Ctrl-C was pressed.
        pub(in crate::shell) fn arrived(&mut self) -> bool {
            self.signals.pending().next().is_some()
        }
    }

    impl Drop for Waiting {
        fn drop(&mut self) {
            count(|it| it - 1);
        }
    }

    pub(super) fn raise() {
        let _ = signal_hook::low_level::emulate_default_handler(SIGINT);
    }

    pub(super) fn is_awaited() -> bool {
        let waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.as_ref().is_some_and(|it| it.count > 0)
    }

    fn install() -> io::Result<()> {
        let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.is_none() {
            let idle = Arc::new(AtomicBool::new(true));
            register_conditional_default(SIGINT, Arc::clone(&idle))?;
            *waiting = Some(Crowd { count: 0, idle });
        }
        Ok(())
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

    pub(super) fn is_awaited() -> bool {
        false
    }
}

pub(super) use imp::Interrupts;

/// Ends the process as Ctrl-C does, unless somebody waits who sees to it: for who was told of it beside others.
pub(crate) fn end_unless_awaited() {
    if !imp::is_awaited() {
        end_process()
    }
}

/// Ends the process as Ctrl-C does: for somebody who reads keys one by one and sees that one.
pub(crate) fn end_process() -> ! {
    imp::raise();
    std::process::exit(130)
}
