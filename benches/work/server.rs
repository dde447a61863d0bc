//! An endpoint: the smallest server which keeps connections open, reads each request
//! whole and answers 200 at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
/// More than any request here has.
const REQUEST_BYTES_MAX: usize = 64 << 10;

/// What has arrived.
pub struct Arrivals {
    began: Instant,
    requests: AtomicUsize,
    signed: AtomicUsize,
    now: AtomicUsize,
    most: AtomicUsize,
    first_us: AtomicU64,
    last_us: AtomicU64,
}

impl Arrivals {
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// Those with a signature.
    pub fn signed(&self) -> usize {
        self.signed.load(Ordering::Relaxed)
    }

    /// How many connections were open at most.
    pub fn connections(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    /// Requests a second, from the first to the last.
    pub fn rate(&self) -> f64 {
        let between = self.last_us.load(Ordering::Relaxed) - self.first_us.load(Ordering::Relaxed);
        (self.requests() as f64 - 1.0) / (between as f64 / 1e6)
    }

    fn note(&self, head: &str) {
        let at = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.first_us.fetch_min(at, Ordering::Relaxed);
        self.last_us.fetch_max(at, Ordering::Relaxed);
        if head.to_ascii_lowercase().contains("\r\nwebhook-signature: v1,") {
            self.signed.fetch_add(1, Ordering::Relaxed);
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
    }
}

/// Serves on a port of the loopback until the runtime ends; returns the port.
pub async fn serve() -> anyhow::Result<(u16, Arc<Arrivals>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let arrivals = Arc::new(Arrivals {
        began: Instant::now(),
        requests: AtomicUsize::new(0),
        signed: AtomicUsize::new(0),
        now: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
        first_us: AtomicU64::new(u64::MAX),
        last_us: AtomicU64::new(0),
    });
    let shared = arrivals.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let arrivals = shared.clone();
            tokio::spawn(async move {
                let open = arrivals.now.fetch_add(1, Ordering::Relaxed) + 1;
                arrivals.most.fetch_max(open, Ordering::Relaxed);
                // A client may go away at any time.
                let _ = answer(stream, &arrivals).await;
                arrivals.now.fetch_sub(1, Ordering::Relaxed);
            });
        }
    });
    Ok((port, arrivals))
}

async fn answer(mut stream: TcpStream, arrivals: &Arrivals) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut read = Vec::with_capacity(4096);
    loop {
        while let Some((head, whole)) = request(&read) {
            arrivals.note(&String::from_utf8_lossy(&read[..head]));
            read.drain(..whole);
            stream.write_all(ANSWER).await?;
        }
        if read.len() > REQUEST_BYTES_MAX || stream.read_buf(&mut read).await? == 0 {
            return Ok(());
        }
    }
}

/// The lengths of the first request's head and of the whole of it, once all of it is
/// there. Bodies have a length: none is sent in pieces here.
fn request(read: &[u8]) -> Option<(usize, usize)> {
    let head = read.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&read[..head]).to_ascii_lowercase();
    let body = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .and_then(|length| length.trim().parse::<usize>().ok())
        .unwrap_or(0);
    (read.len() >= head + body).then_some((head, head + body))
}
