//! When a command starts: this program itself is the command, and tells the time over a
//! socket as the first thing it does.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The argument by which the command knows what it is to do; the socket's path follows.
pub const PART: &str = "stamp";

/// Tells the time to who listens at the socket.
pub fn send(socket: &str) -> anyhow::Result<()> {
    let now = now();
    UnixDatagram::unbound()?.send_to(&now.to_le_bytes(), socket)?;
    Ok(())
}

/// Nanoseconds since 1970, by a clock which all processes of the machine share.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Milliseconds from one such time to a later one.
pub fn milliseconds(from: u64, to: u64) -> f64 {
    to.saturating_sub(from) as f64 / 1e6
}

/// Where the commands' times arrive.
pub struct Stamps {
    socket: tokio::net::UnixDatagram,
    path: PathBuf,
}

impl Stamps {
    pub fn listen(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("stamps");
        Ok(Self { socket: tokio::net::UnixDatagram::bind(&path)?, path })
    }

    /// The command, with its arguments, which tells us.
    pub fn command(&self) -> anyhow::Result<Vec<String>> {
        let program = std::env::current_exe()?.display().to_string();
        Ok(vec![program, PART.to_owned(), self.path.display().to_string()])
    }

    /// When the next command started.
    pub async fn next(&self) -> anyhow::Result<u64> {
        let mut bytes = [0; 8];
        let received = tokio::time::timeout(Duration::from_secs(10), self.socket.recv(&mut bytes)).await;
        let length = received??;
        anyhow::ensure!(length == bytes.len(), "a time was cut off");
        Ok(u64::from_le_bytes(bytes))
    }
}
