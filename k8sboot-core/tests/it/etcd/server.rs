//! A real etcd for a test, and a way to it that shares no code with the library: its JSON gateway by curl.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use k8sboot_core::store::etcd::{EtcdClient, EtcdOptions};
use serde_json::{Value, json};

use crate::{support::tools, tree::Scratch};

/// One etcd; it ends with this value, and with this process however that ends.
pub(crate) struct Etcd {
    child: Option<Child>,
    scratch: Scratch,
    client: u16,
    peer: u16,
    flags: Vec<String>,
}

/// Starts an etcd without TLS. `None`, said loudly, if a tool is missing.
pub(crate) fn etcd() -> Option<Etcd> {
    tools(&["etcd", "curl", "setpriv"]).then(|| Etcd::start(&[]))
}

impl Etcd {
    /// With flags of its own; the URL of the client port is that of [`url`](Self::url).
    pub(crate) fn start(flags: &[String]) -> Self {
        let (client, peer) = (free_port(), free_port());
        let mut etcd =
            Self { child: None, scratch: Scratch::in_memory("etcd"), client, peer, flags: flags.to_vec() };
        etcd.up();
        etcd
    }

    pub(crate) fn secure(&self) -> bool {
        self.flags.iter().any(|flag| flag.starts_with("--cert-file"))
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.secure() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.client)
    }

    pub(crate) fn path(&self) -> &Path {
        self.scratch.path()
    }

    pub(crate) fn options(&self) -> EtcdOptions {
        EtcdOptions::new([self.url()])
    }

    pub(crate) fn client(&self) -> EtcdClient {
        EtcdClient::connect(&self.options()).unwrap()
    }

    /// Starts it with the data that it has, and waits until it serves.
    pub(crate) fn up(&mut self) {
        let (url, peer) = (self.url(), format!("http://127.0.0.1:{}", self.peer));
        let log = self.path().join("log");
        let out = std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "etcd", "--name", "t", "--data-dir"])
            .arg(self.path().join("data"));
        command
            .args(["--listen-client-urls", &url, "--advertise-client-urls", &url])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("t={peer}"), "--heartbeat-interval", "50"])
            .args(["--election-timeout", "500"])
            .args(&self.flags)
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .stdin(Stdio::null());
        // The thread that starts it must not be one that ends before the test: pdeathsig follows the thread.
        let mut child = command.spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        let ready = "ready to serve client requests";
        let before = std::fs::read_to_string(&log).unwrap_or_default().matches(ready).count();
        loop {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            if said.matches(ready).count() > before {
                break;
            }
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "etcd does not serve: {said}");
            std::thread::sleep(Duration::from_millis(20));
        }
        self.child = Some(child);
    }

    /// Ends it as an operator does.
    pub(crate) fn down(&mut self) {
        if let Some(mut child) = self.child.take() {
            let pid = child.id().to_string();
            assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
            child.wait().unwrap();
        }
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// A call of the JSON gateway.
    pub(crate) fn json(&self, path: &str, body: &Value) -> Value {
        let answer = Command::new("curl")
            .args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "10", "--data"])
            .args([body.to_string(), format!("{}/v3/{path}", self.url())])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&answer.stdout).into_owned();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}: {answer:?}"))
    }

    /// Puts a key; lease 0 is none.
    pub(crate) fn put(&self, key: &str, value: &str, lease: i64) {
        let body = json!({"key": encode(key), "value": encode(value), "lease": lease.to_string()});
        let answer = self.json("kv/put", &body);
        assert!(answer.get("header").is_some(), "{answer}");
    }

    /// Grants a lease; its ID.
    pub(crate) fn grant(&self, ttl: u32) -> i64 {
        self.json("lease/grant", &json!({"TTL": ttl}))["ID"].as_str().unwrap().parse().unwrap()
    }

    pub(crate) fn delete(&self, key: &str) {
        self.json("kv/deleterange", &json!({"key": encode(key)}));
    }

    /// Every key below a prefix with its value.
    pub(crate) fn all(&self, prefix: &str) -> Vec<(String, String)> {
        let mut end = prefix.as_bytes().to_vec();
        *end.last_mut().unwrap() += 1;
        let body = json!({"key": encode(prefix), "range_end": STANDARD.encode(end)});
        let found = self.json("kv/range", &body);
        let pairs = found["kvs"].as_array().cloned().unwrap_or_default();
        pairs.iter().map(|kv| (decode(&kv["key"]), decode(&kv["value"]))).collect()
    }

    /// How many requests for keys it has answered, by its own count.
    pub(crate) fn requests(&self) -> u32 {
        let url = format!("{}/metrics", self.url());
        let answer = Command::new("curl").args(["--silent", "--noproxy", "*", &url]).output().unwrap();
        let text = String::from_utf8(answer.stdout).unwrap();
        let counts = text.lines().filter(|line| {
            line.starts_with("grpc_server_handled_total{grpc_code=\"OK\"")
                && line.contains("grpc_service=\"etcdserverpb.KV\"")
        });
        counts.map(|line| line.rsplit(' ').next().unwrap().parse::<u32>().unwrap()).sum()
    }

    /// Forgets every revision before the current one.
    pub(crate) fn compact(&self) {
        let now = self.json("kv/range", &json!({"key": encode("none")}));
        let revision = now["header"]["revision"].clone();
        let answer = self.json("kv/compaction", &json!({"revision": revision, "physical": true}));
        assert!(answer.get("header").is_some(), "{answer}");
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !so() {
        assert!(Instant::now() < deadline, "after 30 s still not: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn encode(text: &str) -> String {
    STANDARD.encode(text)
}

fn decode(text: &Value) -> String {
    String::from_utf8(STANDARD.decode(text.as_str().unwrap_or_default()).unwrap()).unwrap()
}
