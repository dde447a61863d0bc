//! A proxy between a daemon and the database, which can swallow what passes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

/// A Unix socket like PostgreSQL's, which passes everything on until it is told
/// to swallow.
pub struct Proxy {
    folder: tempfile::TempDir,
    swallow: Arc<AtomicBool>,
}

impl Proxy {
    /// A proxy before the socket of a cluster.
    pub fn start(cluster_socket_folder: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("hp").tempdir_in("/tmp").expect("a folder");
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).expect("a socket");
        let swallow = Arc::new(AtomicBool::new(false));
        let flag = swallow.clone();
        let target = cluster_socket_folder.join(".s.PGSQL.5432");
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = UnixStream::connect(&target).await else { continue };
                let (near_read, near_write) = near.into_split();
                let (far_read, far_write) = far.into_split();
                tokio::spawn(pass_on(near_read, far_write, flag.clone()));
                tokio::spawn(pass_on(far_read, near_write, flag.clone()));
            }
        });
        Self { folder, swallow }
    }

    /// The folder of its socket.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// From now on nothing passes, and nothing is closed either.
    pub fn swallow(&self) {
        self.swallow.store(true, Ordering::SeqCst);
    }

    /// New connections pass again; the old ones have lost what was swallowed.
    pub fn heal(&self) {
        self.swallow.store(false, Ordering::SeqCst);
    }
}

async fn pass_on(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    swallow: Arc<AtomicBool>,
) {
    let mut buffer = vec![0; 16 * 1024];
    let mut poisoned = false;
    while let Ok(count) = from.read(&mut buffer).await {
        if count == 0 {
            break;
        }
        // A stream with a hole would be garbage: once swallowed, always.
        poisoned |= swallow.load(Ordering::SeqCst);
        if !poisoned && to.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
