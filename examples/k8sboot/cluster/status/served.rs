//! When certificates end, read off what servers show in a TLS handshake.

use std::{
    net::{IpAddr, SocketAddr},
    thread,
    time::Duration,
};

use k8sboot_core::{api::Client, pki::CertInfo, probe, time::Timestamp};
use serde_json::{Value, json};

use super::{Node, get, text};
use crate::output::Failure;

const ETCD: u16 = 2379;
const KUBELET: u16 = 10250;
/// How long a server may take.
const LIMIT: Duration = Duration::from_secs(2);
/// How many servers are asked at a time.
const AT_A_TIME: usize = 32;
const API_SERVERS: &str = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes";

/// What a server showed.
pub(super) struct Served {
    pub(super) of: String,
    pub(super) at: String,
    shown: Result<CertInfo, String>,
}

impl Served {
    pub(super) fn end(&self, now: Timestamp) -> String {
        match &self.shown {
            Ok(info) if info.not_after < now => format!("{} (expired)", info.not_after),
            Ok(info) => info.not_after.to_string(),
            Err(_) => String::new(),
        }
    }

    pub(super) fn subject(&self) -> String {
        match &self.shown {
            Ok(info) => info.subject.to_string(),
            Err(why) => why.clone(),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let info = self.shown.as_ref().ok();
        json!({
            "of": self.of, "at": self.at,
            "expires": info.map(|info| info.not_after.to_string()),
            "subject": info.map(|info| info.subject.to_string()),
            "issuer": info.map(|info| info.issuer.to_string()),
            "error": self.shown.as_ref().err(),
        })
    }
}

/// API servers as they have registered themselves, etcd on control planes, and every kubelet.
pub(super) fn look(client: &Client, nodes: &[Node]) -> Result<Vec<Served>, Failure> {
    let mut servers = api_servers(&get(client, API_SERVERS)?);
    for node in nodes {
        let Ok(address) = node.address.parse::<IpAddr>() else { continue };
        if node.is_control_plane() {
            servers.push((format!("etcd on {}", node.name), SocketAddr::new(address, ETCD)));
        }
        servers.push((format!("kubelet on {}", node.name), SocketAddr::new(address, KUBELET)));
    }
    let ask = |(of, at): (String, SocketAddr)| {
        let shown = probe::served_certificate(at.ip(), at.port(), LIMIT);
        let shown = shown.map(|certificate| certificate.into_info()).map_err(|error| error.to_string());
        Served { of, at: at.to_string(), shown }
    };
    let mut seen = Vec::new();
    for some in servers.chunks(AT_A_TIME) {
        thread::scope(|scope| {
            let asked: Vec<_> = some.iter().map(|server| scope.spawn(|| ask(server.clone()))).collect();
            // A thread that panicked has told so itself.
            seen.extend(asked.into_iter().filter_map(|thread| thread.join().ok()));
        });
    }
    Ok(seen)
}

fn api_servers(slice: &Value) -> Vec<(String, SocketAddr)> {
    let port =
        slice.pointer("/ports/0/port").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
    let endpoints = slice.get("endpoints").and_then(Value::as_array).into_iter().flatten();
    let addresses = endpoints.flat_map(|endpoint| {
        let count = endpoint.get("addresses").and_then(Value::as_array).map_or(0, Vec::len);
        (0..count).map(|index| text(endpoint, &format!("/addresses/{index}")))
    });
    let server = |address: String| {
        let at = SocketAddr::new(address.parse().ok()?, port?);
        Some(("kube-apiserver".to_owned(), at))
    };
    addresses.filter_map(server).collect()
}
