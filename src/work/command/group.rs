//! The process group of a command.

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::Child;

/// The group of which a command is the head. Killed when it is dropped, unless it
/// was let go.
#[derive(Debug)]
pub(super) struct Group {
    id: Option<Pid>,
}

impl Group {
    /// The group of a child which was made the head of one.
    pub(super) fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        Self { id }
    }

    /// Sends a signal to all who are left of it.
    pub(super) fn tell(&self, signal: Signal) {
        if let Some(id) = self.id {
            // Nobody left is no trouble.
            let _ = killpg(id, signal);
        }
    }

    /// It has ended: its number may be somebody else's from now on.
    pub(super) fn let_go(&mut self) {
        self.id = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.tell(Signal::SIGKILL);
    }
}
