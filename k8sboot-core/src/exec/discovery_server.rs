//! The discovery endpoint as a server: cluster-info over plain HTTP, signed for the token that is named.
//!
//! Threads and sockets of the standard library. Whoever connects is a stranger: their number, time and bytes are bounded.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::CancelToken;
use crate::discovery::{
    DiscoveryError,
    served::{LONGEST_HEAD, Reply, Request, Tokens, request},
};

/// How soon a stop is seen.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// What strangers may take of a [`DiscoveryServer`].
#[derive(Clone, Copy, Debug)]
pub struct ServeLimits {
    connections: usize,
    time: Duration,
}

impl Default for ServeLimits {
    /// 64 connections at a time, each for at most 5 s.
    fn default() -> Self {
        Self { connections: 64, time: Duration::from_secs(5) }
    }
}

impl ServeLimits {
    /// How many connections are served at a time; as many again are told 503, further ones nothing.
    #[must_use]
    pub const fn connections(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }

    /// How long a connection may last.
    #[must_use]
    pub const fn time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }
}

/// A running discovery endpoint. It ends with this value, and nothing is asked of its tokens after that.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::{discovery::served::Lookup, exec::{DiscoveryServer, ServeLimits}, token::{BootstrapToken, ClusterInfo, TokenId}};
/// let info = ClusterInfo::new("https://192.0.2.10:6443", "-----BEGIN CERTIFICATE-----");
/// let token: BootstrapToken = "abcdef.0123456789abcdef".parse()?;
/// let tokens = move |id: &TokenId| match id == token.id() {
///     true => Lookup::found(info.clone(), token.clone()),
///     false => Lookup::Unknown,
/// };
/// let server = DiscoveryServer::start("127.0.0.1:0", tokens, ServeLimits::default())?;
/// assert_ne!(server.address().port(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct DiscoveryServer {
    address: SocketAddr,
    stop: CancelToken,
    connections: Arc<Connections>,
    acceptor: Option<JoinHandle<()>>,
}

impl DiscoveryServer {
    /// Listens at an address, for example `0.0.0.0:9898`, and answers from then on.
    ///
    /// # Errors
    ///
    /// [`DiscoveryError::Serve`] if the address cannot be had.
    pub fn start(
        address: impl ToSocketAddrs + std::fmt::Debug,
        tokens: impl Tokens + 'static,
        limits: ServeLimits,
    ) -> Result<Self, DiscoveryError> {
        let named = format!("{address:?}").trim_matches('"').to_owned();
        let failed = |error: std::io::Error| DiscoveryError::Serve {
            address: named.clone(),
            problem: error.to_string(),
        };
        let listener = TcpListener::bind(address).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        // Who connected may be gone again before it is accepted.
        listener.set_nonblocking(true).map_err(failed)?;
        let stop = CancelToken::default();
        let connections = Arc::new(Connections::default());
        let acceptor = {
            let (stop, connections) = (stop.clone(), Arc::clone(&connections));
            let work = move || accept(&listener, &Arc::new(tokens), limits, &stop, &connections);
            thread::Builder::new().name("k8sboot-serve".to_owned()).spawn(work).map_err(failed)?
        };
        Ok(Self { address, stop, connections, acceptor: Some(acceptor) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it, and every connection; the same as dropping it.
    pub fn stop(self) {}
}

impl Drop for DiscoveryServer {
    fn drop(&mut self) {
        self.stop.trigger();
        if let Some(acceptor) = self.acceptor.take() {
            // A panic of the thread was printed by its hook; there is nobody to tell here.
            let _ = acceptor.join();
        }
        self.connections.end();
    }
}

fn accept<T: Tokens + 'static>(
    listener: &TcpListener,
    tokens: &Arc<T>,
    limits: ServeLimits,
    stop: &CancelToken,
    connections: &Arc<Connections>,
) {
    while !stop.is_triggered() {
        let mut ready = [PollFd::new(listener, PollFlags::IN)];
        let waited = poll(&mut ready, Some(&LOOK));
        match listener.accept() {
            Ok((stream, _)) => serve(stream, tokens, limits, connections),
            // Out of descriptors, for example: poll would come back at once, again and again.
            Err(_) if waited.is_ok_and(|count| count > 0) => thread::sleep(Duration::from_millis(10)),
            Err(_) => {}
        }
    }
}

fn serve<T: Tokens + 'static>(
    stream: TcpStream,
    tokens: &Arc<T>,
    limits: ServeLimits,
    connections: &Arc<Connections>,
) {
    let Some((place, others)) = Connections::take(connections, &stream, limits.connections) else {
        return;
    };
    let tokens = Arc::clone(tokens);
    let work = move || {
        let _place = place;
        if others < limits.connections {
            answer(&stream, tokens.as_ref(), limits.time);
        } else {
            reply(&stream, &Reply::status(503, "too many connections"), false, limits.time);
        }
    };
    // Without a thread the connection is closed; the node asks again.
    drop(thread::Builder::new().name("k8sboot-serve".to_owned()).spawn(work));
}

/// Reads one request, answers and closes. What hinders it is the stranger's, who sees the connection end.
fn answer(mut stream: &TcpStream, tokens: &impl Tokens, time: Duration) {
    let until = Instant::now() + time;
    let Ok(()) = stream.set_nonblocking(false) else { return };
    let mut bytes = Vec::new();
    let mut buffer = [0_u8; 1024];
    let read = loop {
        match request(&bytes) {
            Request::Incomplete => {}
            complete => break complete,
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || bytes.len() > LONGEST_HEAD {
            break Request::Refused { code: 408, why: "the request took too long" };
        }
        if stream.set_read_timeout(Some(left)).is_err() {
            return;
        }
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => bytes.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            Err(error)
                if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => return,
        }
    };
    let (said, head) = match read {
        Request::ClusterInfo { id, head } => (tokens.look_up(&id).reply(), head),
        Request::Health => (Reply::status(200, "ok"), false),
        Request::Refused { code, why } => (Reply::status(code, why), false),
        Request::Incomplete => return,
    };
    reply(stream, &said, head, time);
}

fn reply(mut stream: &TcpStream, said: &Reply, head: bool, time: Duration) {
    let ready = stream.set_nonblocking(false).and_then(|()| stream.set_write_timeout(Some(time)));
    if ready.is_ok() && stream.write_all(&said.to_bytes(head)).is_ok() {
        close(stream);
    }
}

/// Closes such that the answer arrives although there may be bytes of the request that nobody read.
fn close(mut stream: &TcpStream) {
    let patience = Some(Duration::from_millis(200));
    if stream.shutdown(Shutdown::Write).is_ok() && stream.set_read_timeout(patience).is_ok() {
        let mut rest = [0_u8; 4096];
        // Once: whoever sends more than this is not owed the whole answer.
        let _ = stream.read(&mut rest);
    }
}

/// The connections that are served now.
#[derive(Debug, Default)]
struct Connections {
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    open: BTreeMap<u64, Option<TcpStream>>,
}

/// A place among the connections; free again when dropped, also by a panic.
struct Place {
    connections: Arc<Connections>,
    number: u64,
}

impl Connections {
    /// A place, and how many are taken by others. There are as many again for those who are only told to come back; who
    /// comes after them is told nothing.
    fn take(connections: &Arc<Self>, stream: &TcpStream, most: usize) -> Option<(Place, usize)> {
        let mut state = connections.state();
        let others = state.open.len();
        if others >= most.saturating_mul(2) {
            return None;
        }
        let number = state.next;
        state.next = number.wrapping_add(1);
        state.open.insert(number, stream.try_clone().ok());
        Some((Place { connections: Arc::clone(connections), number }, others))
    }

    /// Ends all, and waits until their threads are through with the tokens.
    fn end(&self) {
        let mut state = self.state();
        for stream in state.open.values().flatten() {
            // It may have ended by itself.
            let _ = stream.shutdown(Shutdown::Both);
        }
        while !state.open.is_empty() {
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.state().open.remove(&self.number);
        self.connections.freed.notify_all();
    }
}
