//! Facts about the host for configuration defaults.

use std::{
    env,
    net::{IpAddr, UdpSocket},
    path::Path,
};

use crate::{
    exec::Tree,
    facts::{CA_DIRECTORIES, CRI_SOCKETS, NodeFacts},
};

/// Gathers the facts about the host that defaults depend on.
///
/// A tree that holds an operating system (`/usr` or `/etc/os-release`) answers for its own files; a tree that does not
/// (an empty directory that is to become a node tree, or none yet) is taken to be meant for this host, whose files answer instead.
/// The host name is `/etc/hostname` of the tree if there is one, else the kernel's. Addresses and environment are always
/// this host's. No packet is sent.
#[must_use]
pub fn node_facts(tree: Option<&Tree>) -> NodeFacts {
    let there = |tree: &Tree, path: &str| matches!(tree.inspect(path), Ok(Some(_)));
    let system =
        tree.filter(|tree| !tree.is_slash() && (there(tree, "/usr") || there(tree, "/etc/os-release")));
    let exists = |path: &str| system.map_or_else(|| Path::new(path).exists(), |tree| there(tree, path));
    let mut facts = NodeFacts::named(host_name(tree));
    facts.default_addresses = default_addresses();
    facts.cri_sockets =
        CRI_SOCKETS.iter().filter(|path| exists(path)).map(|path| format!("unix://{path}")).collect();
    facts.systemd_resolved = exists("/run/systemd/resolve/resolv.conf");
    facts.ca_directories =
        CA_DIRECTORIES.iter().filter(|path| exists(path)).map(|path| (*path).to_owned()).collect();
    facts.proxy_environment = env::vars()
        .filter(|(name, value)| name.to_ascii_lowercase().ends_with("_proxy") && !value.is_empty())
        .collect();
    facts
}

fn host_name(tree: Option<&Tree>) -> String {
    let configured = match tree.map(|tree| (tree, tree.read("/etc/hostname"))) {
        Some((tree, Ok(Some(bytes)))) if !tree.is_slash() => {
            String::from_utf8_lossy(&bytes).trim().to_owned()
        }
        _ => String::new(),
    };
    if configured.is_empty() {
        rustix::system::uname().nodename().to_string_lossy().into_owned()
    } else {
        configured
    }
}

/// The source addresses of the default routes: connecting a UDP socket chooses a route and sends nothing.
fn default_addresses() -> Vec<IpAddr> {
    let source = |bind: &str, toward: &str| {
        let socket = UdpSocket::bind(bind).ok()?;
        socket.connect(toward).ok()?;
        let address = socket.local_addr().ok()?.ip();
        (!address.is_loopback() && !address.is_unspecified()).then_some(address)
    };
    // Documentation addresses (RFC 5737, RFC 3849): no more specific route leads there.
    [source("0.0.0.0:0", "198.51.100.1:9"), source("[::]:0", "[2001:db8::1]:9")]
        .into_iter()
        .flatten()
        .collect()
}
