//! An HTTP server on localhost which behaves as it is told, mostly badly, and remembers
//! what it was sent.

mod speak;

use self::speak::{Then, behave, read};
use rustls::ServerConfig;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

/// What an endpoint does with a request.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// Answers.
    Answer {
        /// With this status.
        status: u16,
        /// These headers, besides `content-length`.
        headers: Vec<(String, String)>,
        /// And this body.
        body: Vec<u8>,
    },
    /// Leaves the connection to the system's queue.
    Deaf,
    /// Takes the connection so late, and answers 200.
    Late(Duration),
    /// Reads the request and says nothing.
    Hang,
    /// Reads the request and throws the connection away.
    Reset,
    /// Reads the request and closes the connection.
    Close,
    /// Answers 200, and of the body a byte each time.
    Drip(Duration),
    /// Writes the head of an answer, a byte each time.
    DripHead(Duration),
    /// Promises a longer body than it sends.
    Short,
    /// Answers in another language.
    Garbage,
    /// Writes one header, as long as somebody reads.
    EndlessHead,
    /// Answers 200 and writes a body as long as somebody reads.
    EndlessBody,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// `POST`, mostly.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The headers in their order; the names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, byte by byte.
    pub body: Vec<u8>,
}

/// A server which ends when it is dropped.
pub struct Endpoint {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    /// What is done with the next request, and the ones after. The last one stays.
    script: Mutex<VecDeque<Behaviour>>,
    changed: Notify,
    received: Mutex<Vec<Received>>,
    connections: AtomicUsize,
    open: AtomicUsize,
    tls: Option<TlsAcceptor>,
}

impl Behaviour {
    /// Answers 200.
    pub fn ok() -> Self {
        Self::status(200)
    }

    /// Answers with this status and a short body.
    pub fn status(status: u16) -> Self {
        Self::Answer { status, headers: Vec::new(), body: b"said so".to_vec() }
    }

    /// Answers with this status and one header.
    pub fn with_header(status: u16, name: &str, value: &str) -> Self {
        Self::Answer { status, headers: vec![(name.to_owned(), value.to_owned())], body: Vec::new() }
    }

    /// Answers 302 with an address.
    pub fn redirect(location: &str) -> Self {
        Self::with_header(302, "location", location)
    }

    /// Answers 200 with so many bytes.
    pub fn huge(bytes: usize) -> Self {
        Self::Answer { status: 200, headers: Vec::new(), body: vec![b'a'; bytes] }
    }
}

impl Received {
    /// The value of a header, the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

impl Endpoint {
    /// A server on a free port of 127.0.0.1.
    pub fn start(behaviour: Behaviour) -> Self {
        Self::listen((Ipv4Addr::LOCALHOST, 0).into(), vec![behaviour], None)
    }

    /// One which does something else with each request, and the last with all further ones.
    pub fn scripted(script: Vec<Behaviour>) -> Self {
        Self::listen((Ipv4Addr::LOCALHOST, 0).into(), script, None)
    }

    /// One at this address and port.
    pub fn at(ip: IpAddr, port: u16, behaviour: Behaviour) -> Self {
        Self::listen((ip, port).into(), vec![behaviour], None)
    }

    /// One which speaks TLS.
    pub fn secure(behaviour: Behaviour, config: ServerConfig) -> Self {
        let tls = TlsAcceptor::from(Arc::new(config));
        Self::listen((Ipv4Addr::LOCALHOST, 0).into(), vec![behaviour], Some(tls))
    }

    fn listen(address: SocketAddr, script: Vec<Behaviour>, tls: Option<TlsAcceptor>) -> Self {
        let listener = std::net::TcpListener::bind(address).expect("a port");
        listener.set_nonblocking(true).expect("a listener which does not block");
        let listener = TcpListener::from_std(listener).expect("a listener");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            script: Mutex::new(script.into()),
            changed: Notify::new(),
            received: Mutex::default(),
            connections: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            tls,
        });
        let task = tokio::spawn(accept(listener, shared.clone()));
        Self { address, shared, task }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The address of its hook, without TLS.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// From the next request on it behaves like this.
    pub fn change(&self, behaviour: Behaviour) {
        *self.shared.script.lock().expect("a script") = VecDeque::from([behaviour]);
        self.shared.changed.notify_one();
    }

    /// What has arrived so far.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().expect("requests").clone()
    }

    /// Waits until so many requests have arrived.
    pub async fn wait_for(&self, count: usize) -> Vec<Received> {
        super::until("requests at an endpoint", || async {
            let received = self.received();
            (received.len() >= count).then_some(received)
        })
        .await
    }

    /// How many connections it has taken.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many of them are still open.
    pub fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn front(&self) -> Behaviour {
        let script = self.script.lock().expect("a script");
        script.front().cloned().unwrap_or_else(Behaviour::ok)
    }

    fn next(&self) -> Behaviour {
        let mut script = self.script.lock().expect("a script");
        match script.len() {
            0 | 1 => script.front().cloned().unwrap_or_else(Behaviour::ok),
            _ => script.pop_front().unwrap_or_else(Behaviour::ok),
        }
    }
}

/// Takes connections; they end with it.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut conversations = JoinSet::new();
    loop {
        match shared.front() {
            Behaviour::Deaf => {
                shared.changed.notified().await;
                continue;
            }
            Behaviour::Late(pause) => sleep(pause).await,
            _ => {}
        }
        let Ok((stream, _)) = listener.accept().await else { continue };
        shared.connections.fetch_add(1, Ordering::SeqCst);
        conversations.spawn(connection(stream, shared.clone()));
        while conversations.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    shared.open.fetch_add(1, Ordering::SeqCst);
    if matches!(shared.front(), Behaviour::Reset) {
        // Then closing it throws away what is under way, and says so.
        let _ = stream.set_zero_linger();
    }
    match &shared.tls {
        None => converse(stream, &shared).await,
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                converse(stream, &shared).await;
            }
        }
    }
    shared.open.fetch_sub(1, Ordering::SeqCst);
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, shared: &Shared) {
    let mut buffer = Vec::new();
    while let Some(received) = read(&mut stream, &mut buffer).await {
        shared.received.lock().expect("requests").push(received);
        match behave(&mut stream, shared.next()).await {
            Ok(Then::Stays) => {}
            Ok(Then::Goes) | Err(_) => return,
        }
    }
}
