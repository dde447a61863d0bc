//! Places at which a test can kill the process.
//!
//! `HEARKEN_FAILPOINT=pass.claimed:3` makes a debug build die, as by SIGKILL,
//! when it comes to the place named for the third time, and
//! `HEARKEN_FAILPOINT=doorbell.no_last_look` leaves out a step of the protocol,
//! so that a test can show what it is for. A release build has no failpoints.

/// The named steps of a pass, in order.
pub const STEPS: [&str; 5] =
    ["pass.begun", "pass.claimed", "pass.planned", "pass.committed", "ticks.planned"];

/// Leaves out the look after the grant of the doorbell's lock (step 7), and those
/// before it (step 6).
pub const NO_LAST_LOOK: &str = "doorbell.no_last_look";

/// Delays the request for the doorbell's lock (step 5).
pub const SLOW_ASK: &str = "doorbell.slow_ask";

/// Waits for a third of a second, if the environment says so.
pub async fn delay(name: &str) {
    if leaves_out(name) {
        tokio::time::sleep(std::time::Duration::from_millis(333)).await;
    }
}

/// Whether the environment says that a step is to be left out.
#[must_use]
pub fn leaves_out(name: &str) -> bool {
    cfg!(debug_assertions) && std::env::var("HEARKEN_FAILPOINT").is_ok_and(|wanted| wanted == name)
}

/// Dies here, if the environment says so.
#[cfg(debug_assertions)]
pub fn hit(name: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};
    static WANTED: OnceLock<Option<(String, u32)>> = OnceLock::new();
    static HITS: AtomicU32 = AtomicU32::new(0);
    let wanted = WANTED.get_or_init(|| {
        let text = std::env::var("HEARKEN_FAILPOINT").ok()?;
        let (name, count) = text.split_once(':').unwrap_or((&text, "1"));
        Some((name.to_owned(), count.parse().ok()?))
    });
    if let Some((wanted, count)) = wanted
        && wanted == name
        && HITS.fetch_add(1, Ordering::Relaxed) + 1 == *count
    {
        let _ = nix::sys::signal::kill(nix::unistd::getpid(), nix::sys::signal::Signal::SIGKILL);
    }
}

/// Does nothing in a release build.
#[cfg(not(debug_assertions))]
pub fn hit(_: &str) {}
