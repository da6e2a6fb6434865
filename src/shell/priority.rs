//! Threads that may wait: the loop comes before them.

/// The nice value of such a thread, from 0 to 19 (the lowest priority).
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Lowers the priority of this thread; if that cannot be done, the log tells what goes on as before.
#[cfg(target_os = "linux")]
pub(super) fn lower_priority(what: &str) {
    // On Linux each thread has a priority of its own; elsewhere this would be that of the process.
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!("{what} with the priority of everything else: {error}");
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn lower_priority(_: &str) {}
