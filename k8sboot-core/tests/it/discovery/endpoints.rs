//! Endpoints that misbehave: each has its cause, none takes long, none is waited for when another answers.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use k8sboot_core::{
    api::{DiscoverOptions, discover},
    discovery::{
        Cause, Discovered, Discovery, DiscoveryError, Endpoint,
        judge::CLUSTER_INFO_PATH,
        served::{Lookup, Reply},
    },
    entropy::System,
    error::{Code, Problem as _},
    exec::{CancelToken, DiscoveryServer, Run, ServeLimits},
    pki::{Ca, CertClass, CertSpec, Issuing, KeyAlgorithm, RandomKeys, Subject},
    time::Timestamp,
    token::{CaPin, ClusterInfo, TokenId},
};

use super::{authority, token};
use crate::{support::tools, tree::Scratch};

fn now() -> Timestamp {
    std::time::SystemTime::now().into()
}

fn quick() -> DiscoverOptions {
    let patience = Duration::from_millis(300);
    DiscoverOptions::default()
        .timeout(Duration::from_secs(5))
        .patience(patience)
        .attempt(Duration::from_secs(1))
}

fn ask(endpoints: &[&str], pins: &[CaPin], options: &DiscoverOptions) -> Result<Discovered, DiscoveryError> {
    let endpoints: Vec<Endpoint> = endpoints.iter().map(|endpoint| endpoint.parse().unwrap()).collect();
    let discovery = Discovery::token(token(), endpoints, pins.to_vec()).unwrap();
    discover(&discovery, options, &Run::default())
}

/// Answers everybody with the same bytes; ends with the test's process.
fn answering(bytes: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.set_read_timeout(Some(Duration::from_millis(200)));
            let _ = stream.read(&mut [0; 2048]);
            let _ = stream.write_all(&bytes);
        }
    });
    address
}

#[test]
fn every_misbehaviour_has_its_cause_within_seconds() {
    let (_, pin) = authority(now());
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let status = |code| Reply::status(code, "as asked").to_bytes(false);
    let http = |bytes: Vec<u8>| format!("http://{}", answering(bytes));
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (endpoint, want) in [
        (format!("http://{dead}"), Code::DISCOVERY_UNREACHABLE),
        (dead.to_string(), Code::DISCOVERY_UNREACHABLE),
        (format!("http://{}", silent.local_addr().unwrap()), Code::DISCOVERY_SILENT),
        (silent.local_addr().unwrap().to_string(), Code::DISCOVERY_SILENT),
        (
            answering(b"SSH-2.0-OpenSSH_9.2 and more than a header\r\n".to_vec()).to_string(),
            Code::DISCOVERY_ANSWER,
        ),
        (http(b"SSH-2.0-OpenSSH_9.2 and more than a header\r\n".to_vec()), Code::DISCOVERY_ANSWER),
        (http(Vec::new()), Code::DISCOVERY_ANSWER),
        (http(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull".to_vec()), Code::DISCOVERY_ANSWER),
        (http(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\ncut".to_vec()), Code::DISCOVERY_ANSWER),
        (http(status(500)), Code::DISCOVERY_SERVER),
        (http(status(503)), Code::DISCOVERY_SERVER),
        (http(status(429)), Code::DISCOVERY_BUSY),
        (http(status(401)), Code::DISCOVERY_ANONYMOUS),
        (http(status(403)), Code::DISCOVERY_ANONYMOUS),
        (http(status(404)), Code::DISCOVERY_UNKNOWN_TOKEN),
        (http(status(302)), Code::DISCOVERY_STATUS),
        // Rather a name that is none than one that a name server is asked for.
        ("no-such-host.invalid:6443".to_owned(), Code::DISCOVERY_UNREACHABLE),
    ] {
        let began = Instant::now();
        let error = ask(&[&endpoint], &[pin], &quick()).unwrap_err();
        let by_name = endpoint.starts_with("no-such-host");
        // Where a name server does not answer, that is all there is to say.
        assert!(
            error.code() == want || (by_name && error.code() == Code::DISCOVERY_SILENT),
            "{endpoint}: {error}"
        );
        assert!(began.elapsed() < Duration::from_secs(30), "{endpoint}: {:?}", began.elapsed());
        assert!(!error.to_string().contains("0123456789abcdef"), "{error}");
    }
}

#[test]
fn a_run_is_cancelled_at_once_whatever_the_endpoints_do() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoints = vec![silent.local_addr().unwrap().to_string().parse().unwrap()];
    let discovery = Discovery::token(token(), endpoints, vec![CaPin::new([0; 32])]).unwrap();
    let run = Run { cancel: CancelToken::default(), ..Run::default() };
    let cancel = run.cancel.clone();
    let began = Instant::now();
    let stopper = thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        cancel.trigger();
    });
    let error = discover(&discovery, &DiscoverOptions::default(), &run).unwrap_err();
    stopper.join().unwrap();
    assert!(matches!(error, DiscoveryError::Cancelled), "{error}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

/// A TLS server by OpenSSL that answers the path of cluster-info with bytes.
struct TlsServer {
    child: Child,
    port: u16,
    _scratch: Scratch,
}

impl TlsServer {
    /// A server whose certificate `ca` issued at `issued`.
    fn start(ca: &Ca, issued: Timestamp, answer: &[u8]) -> Self {
        let scratch = Scratch::new("tls");
        let mut spec = CertSpec::user("server", Subject::named("kube-apiserver"), KeyAlgorithm::EcdsaP256);
        spec.class = CertClass::Server;
        spec.ip_addresses = vec!["127.0.0.1".parse().unwrap()];
        spec.not_before = k8sboot_core::pki::NotBefore::Backdated;
        let keys = RandomKeys::new(&System);
        let issued = ca.issue(&spec, &Issuing { keys: &keys, entropy: &System, now: issued }).unwrap();
        let file = |name: &str| scratch.path().join(name);
        fs::write(file("tls.crt"), issued.certificate.to_pem()).unwrap();
        fs::write(file("tls.key"), issued.key.to_pem().expose()).unwrap();
        let page = scratch.path().join(CLUSTER_INFO_PATH.trim_start_matches('/'));
        fs::create_dir_all(page.parent().unwrap()).unwrap();
        fs::write(page, answer).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("openssl")
            .args(["s_server", "-quiet", "-HTTP", "-cert", "tls.crt", "-key", "tls.key", "-accept"])
            .arg(format!("127.0.0.1:{port}"))
            .current_dir(scratch.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, port, _scratch: scratch };
        let until = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "openssl s_server does not listen");
            thread::sleep(Duration::from_millis(10));
        }
        server
    }

    fn endpoint(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The whole answer of an API server with a signed document, and its clock if one is given.
fn signed(info: &ClusterInfo, date: &str) -> Vec<u8> {
    let reply = String::from_utf8(Reply::cluster_info(info, &token()).to_bytes(false)).unwrap();
    reply.replacen("\r\n", &format!("\r\n{date}"), 1).into_bytes()
}

#[test]
fn the_certificate_of_the_server_must_be_of_the_discovered_authority_and_in_time() {
    if !tools(&["openssl"]) {
        return;
    }
    let ((ca, pin), (other, _)) = (authority(now()), authority(now()));
    let info = |port: u16| ClusterInfo::new(&format!("https://127.0.0.1:{port}"), &ca.chain_pem());
    let options = quick().attempt(Duration::from_secs(2)).check_credentials(false);

    let right = TlsServer::start(&ca, now(), &signed(&info(6443), ""));
    let found = ask(&[&right.endpoint()], &[pin], &options).unwrap();
    assert_eq!(found.server(), "https://127.0.0.1:6443");

    // A copy of the document on a server that has no certificate of this authority.
    let impostor = TlsServer::start(&other, now(), &signed(&info(6443), ""));
    let error = ask(&[&impostor.endpoint()], &[pin], &options).unwrap_err();
    assert_eq!(error.code(), Code::DISCOVERY_CERTIFICATE, "{error}");
    // Of both, the one that is right counts.
    ask(&[&impostor.endpoint(), &right.endpoint()], &[pin], &options).unwrap();

    // A certificate that is not valid yet; with the server's clock beside it, a matter of clocks.
    let (early, early_pin) = authority(now().plus_seconds(-86_400));
    let tomorrow = now().plus_seconds(86_400);
    let info = ClusterInfo::new("https://127.0.0.1:6443", &early.chain_pem());
    let server = TlsServer::start(&early, tomorrow, &signed(&info, ""));
    let error = ask(&[&server.endpoint()], &[early_pin], &options).unwrap_err();
    assert_eq!(error.code(), Code::DISCOVERY_CERTIFICATE, "{error}");
    let server =
        TlsServer::start(&early, tomorrow, &signed(&info, "Date: Fri, 01 Jan 2100 00:00:00 GMT\r\n"));
    let error = ask(&[&server.endpoint()], &[early_pin], &options).unwrap_err();
    let Some(Cause::Clock { server: theirs, .. }) = error.cause() else { panic!("{error}") };
    assert_eq!(theirs.to_string(), "2100-01-01T00:00:00Z");
}

/// A discovery endpoint that knows the token of these tests.
fn serve(info: ClusterInfo, limits: ServeLimits) -> DiscoveryServer {
    let tokens = move |id: &TokenId| {
        if id == token().id() { Lookup::found(info.clone(), token()) } else { Lookup::Unknown }
    };
    DiscoveryServer::start("127.0.0.1:0", tokens, limits).unwrap()
}

#[test]
fn a_served_document_counts_if_its_server_has_a_certificate_of_its_authority() {
    if !tools(&["openssl"]) {
        return;
    }
    let (ca, pin) = authority(now());
    let api_server = TlsServer::start(&ca, now(), b"");
    let info = ClusterInfo::new(&format!("https://{}", api_server.endpoint()), &ca.chain_pem());
    let server = serve(info, ServeLimits::default());
    let endpoint = format!("http://{}", server.address());
    let options = quick().attempt(Duration::from_secs(2)).check_credentials(false);
    assert_eq!(ask(&[&endpoint], &[pin], &options).unwrap().ca_pem(), ca.chain_pem());
    let error = ask(&[&endpoint], &[CaPin::new([0; 32])], &options).unwrap_err();
    assert_eq!(error.code(), Code::DISCOVERY_PIN_MISMATCH, "{error}");
    // Somebody else serves there, then nobody.
    let (other, _) = authority(now());
    let impostor = TlsServer::start(&other, now(), b"");
    let elsewhere = ClusterInfo::new(&format!("https://{}", impostor.endpoint()), &ca.chain_pem());
    let misled = serve(elsewhere, ServeLimits::default());
    let error = ask(&[&format!("http://{}", misled.address())], &[pin], &options).unwrap_err();
    assert_eq!(error.code(), Code::DISCOVERY_CERTIFICATE, "{error}");
    drop(api_server);
    let error = ask(&[&endpoint], &[pin], &quick()).unwrap_err();
    assert_eq!(error.code(), Code::DISCOVERY_UNREACHABLE, "{error}");
}

#[test]
fn the_discovery_endpoint_bounds_what_strangers_take() {
    let info = ClusterInfo::new("https://192.0.2.10:6443", &authority(now()).0.chain_pem());
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let tokens = move |id: &TokenId| {
        counter.fetch_add(1, Ordering::Relaxed);
        assert_ne!(id.as_str(), "panics", "a closure that panics");
        if id.as_str() == "abcdef" { Lookup::found(info.clone(), token()) } else { Lookup::Unavailable }
    };
    let limits = ServeLimits::default().connections(4).time(Duration::from_secs(2));
    let server = DiscoveryServer::start("127.0.0.1:0", tokens, limits).unwrap();
    let say = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    };
    let get = |target: &str| say(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
    let right = get("/cluster-info/v1/?token-id=abcdef");
    assert!(right.starts_with("HTTP/1.1 200 OK\r\n") && right.contains("jws-kubeconfig-abcdef"), "{right}");
    assert!(!right.contains("0123456789abcdef"), "{right}");
    for (answer, want) in [
        (get("/healthz"), "200"),
        (get("/"), "404"),
        (get("/cluster-info/v1/"), "400"),
        (get("/cluster-info/v1/?token-id=others"), "503"),
        (say(b"POST / HTTP/1.1\r\n\r\n"), "405"),
        (say(&[b'a'; 10_000]), "431"),
        (say(b"GET /cluster-info"), "408"),
    ] {
        assert!(answer.starts_with(&format!("HTTP/1.1 {want} ")), "{want}: {answer}");
    }
    // A panic in the closure costs its own connection alone.
    assert_eq!(get("/cluster-info/v1/?token-id=panics"), "");
    assert!(get("/healthz").starts_with("HTTP/1.1 200"));
    // Those who say nothing keep the others out for as long as the limit, and no longer.
    let idle: Vec<TcpStream> = (0..4).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
    thread::sleep(Duration::from_millis(100));
    assert!(get("/healthz").starts_with("HTTP/1.1 503"));
    let until = Instant::now() + Duration::from_secs(20);
    while !get("/healthz").starts_with("HTTP/1.1 200") {
        assert!(Instant::now() < until);
        thread::sleep(Duration::from_millis(50));
    }
    drop(idle);
    // A hundred at once are served or told to come back.
    thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| {
                let answer = get("/cluster-info/v1/?token-id=abcdef");
                assert!(
                    answer.is_empty()
                        || answer.starts_with("HTTP/1.1 200")
                        || answer.starts_with("HTTP/1.1 503"),
                    "{answer}"
                );
            });
        }
    });
    let stalled = TcpStream::connect(server.address()).unwrap();
    let address = server.address();
    let began = Instant::now();
    server.stop();
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(TcpStream::connect(address).is_err());
    drop(stalled);
    assert!(asked.load(Ordering::Relaxed) >= 3);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let info = ClusterInfo::new("https://192.0.2.10:6443", "");
    let tokens = move |_: &TokenId| Lookup::found(info.clone(), token());
    let error =
        DiscoveryServer::start(taken.local_addr().unwrap(), tokens, ServeLimits::default()).unwrap_err();
    assert_eq!(error.code(), Code::DISCOVERY_SERVE, "{error}");
}

#[test]
fn files_and_addresses_that_lead_nowhere() {
    let options = quick().tls_bootstrap_token(token());
    let go = |discovery: Discovery, options: &DiscoverOptions| {
        let error = discover(&discovery, options, &Run::default()).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        error.code()
    };
    let file = |path: &str| Discovery::File { path: path.to_owned() };
    let url = |url: &str| Discovery::Url { url: url.to_owned() };
    assert_eq!(go(file("/nowhere/discovery.conf"), &options), Code::DISCOVERY_FILE);
    let scratch = Scratch::new("discovery");
    let path = scratch.path().join("discovery.conf");
    for (text, want) in [
        ("a: [", Code::DISCOVERY_KUBECONFIG),
        ("", Code::DISCOVERY_KUBECONFIG),
        ("clusters: [{name: '', cluster: {server: 'http://192.0.2.10'}}]", Code::DISCOVERY_KUBECONFIG),
        (
            "clusters: [{name: '', cluster: {server: 'https://192.0.2.10', insecure-skip-tls-verify: true}}]",
            Code::DISCOVERY_KUBECONFIG,
        ),
        (
            "clusters: [{name: '', cluster: {server: 'https://192.0.2.10', certificate-authority: missing}}]",
            Code::DISCOVERY_KUBECONFIG,
        ),
    ] {
        fs::write(&path, text).unwrap();
        assert_eq!(go(file(path.to_str().unwrap()), &options), want, "{text}");
    }
    let (ca, _) = authority(now());
    let trusting = options.clone().authorities(ca.chain_pem());
    for address in
        ["http://192.0.2.10/a", "https://user:hunter2@192.0.2.10/a", "https://", "https:///a", "ftp://a"]
    {
        assert_eq!(go(url(address), &trusting), Code::DISCOVERY_OPTIONS, "{address}");
    }
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(go(url(&format!("https://{dead}/a?key=hunter2")), &trusting), Code::DISCOVERY_UNREACHABLE);
}

#[test]
fn a_kubeconfig_is_fetched_over_https_and_its_status_counts() {
    if !tools(&["openssl"]) {
        return;
    }
    let (ca, _) = authority(now());
    let api_server = TlsServer::start(&ca, now(), &Reply::status(403, "forbidden").to_bytes(false));
    let info = ClusterInfo::new(&format!("https://{}", api_server.endpoint()), &ca.chain_pem());
    let body = info.kubeconfig();
    let page = |status: &str| {
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
            .into_bytes()
    };
    let options =
        quick().attempt(Duration::from_secs(2)).authorities(ca.chain_pem()).check_credentials(false);
    let options = options.tls_bootstrap_token(token());
    let fetch = |page: &[u8], options: &DiscoverOptions| {
        let web = TlsServer::start(&ca, now(), page);
        let discovery = Discovery::Url { url: format!("https://{}{CLUSTER_INFO_PATH}", web.endpoint()) };
        discover(&discovery, options, &Run::default())
    };
    let found = fetch(&page("200 OK"), &options).unwrap();
    assert_eq!((found.server(), found.ca_pem()), (info.server(), ca.chain_pem().as_str()));
    let error = fetch(&page("404 Not Found"), &options).unwrap_err();
    assert_eq!(error.code(), Code::DISCOVERY_STATUS, "{error}");
    let (other, _) = authority(now());
    let error = fetch(&page("200 OK"), &options.clone().authorities(other.chain_pem())).unwrap_err();
    assert_eq!(error.code(), Code::DISCOVERY_CERTIFICATE, "{error}");
}
