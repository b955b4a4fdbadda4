//! Which process has a port, and whether a component's process runs: of this network namespace, as far as /proc shows.

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    path::Path,
};

use crate::health::Process;

/// A socket that listens, in the tables of /proc/net.
const LISTEN: &str = "0A";
/// The kernel keeps this many bytes of a process's name.
const COMM: usize = 15;

/// The process that listens at an address, or at its port on all addresses.
pub(super) fn listener(address: SocketAddr) -> Option<Process> {
    let inodes: Vec<String> = ["tcp", "tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(format!("/proc/thread-self/net/{table}")).ok())
        .flat_map(|table| listening(&table, address))
        .collect();
    if inodes.is_empty() {
        return None;
    }
    let links: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    processes().find(|process| {
        let descriptors = fs::read_dir(format!("/proc/{}/fd", process.pid)).into_iter().flatten().flatten();
        descriptors
            .filter_map(|entry| fs::read_link(entry.path()).ok())
            .any(|link| links.iter().any(|wanted| link == Path::new(wanted)))
    })
}

/// Which of these components run in this network namespace, as components with `hostNetwork` do; `None` if that cannot be
/// seen.
pub(super) fn running<'a>(components: &[&'a str]) -> Option<Vec<&'a str>> {
    let own = fs::read_link("/proc/thread-self/ns/net").ok()?;
    let here = |pid: u32| fs::read_link(format!("/proc/{pid}/ns/net")).is_ok_and(|link| link == own);
    let found = processes().filter_map(|process| {
        let short = |component: &&&str| component.get(..COMM).unwrap_or(component) == process.name;
        components.iter().find(short).filter(|_| here(process.pid)).copied()
    });
    Some(found.collect())
}

fn processes() -> impl Iterator<Item = Process> {
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let name = fs::read_to_string(entry.path().join("comm")).ok()?;
        Some(Process { pid, name: name.trim_end().to_owned() })
    })
}

/// The inodes of the sockets in a table that listen where connections to an address arrive.
///
/// Source: Linux, `Documentation/networking/proc_net_tcp.rst`: columns 1 local address, 3 state, 9 inode.
fn listening(table: &str, address: SocketAddr) -> Vec<String> {
    let port = format!("{:04X}", address.port());
    let fits = |host: &str| host.bytes().all(|b| b == b'0') || host.eq_ignore_ascii_case(&hex(address.ip()));
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let (host, at) = columns.get(1)?.split_once(':')?;
            let listens = *columns.get(3)? == LISTEN && at == port && fits(host);
            listens.then(|| columns.get(9).map(|inode| (*inode).to_owned()))?
        })
        .collect()
}

/// An address as the tables have it: words of four bytes in the machine's order.
fn hex(address: IpAddr) -> String {
    let words = |bytes: &[u8]| -> String {
        bytes
            .chunks_exact(4)
            .filter_map(|word| <[u8; 4]>::try_from(word).ok())
            .map(|word| format!("{:08X}", u32::from_ne_bytes(word)))
            .collect()
    };
    match address {
        IpAddr::V4(address) => words(&address.octets()),
        IpAddr::V6(address) => words(&address.octets()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn finds_itself_by_its_port() {
        for address in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let port = listener.local_addr().unwrap().port();
            let asked =
                if address.starts_with('[') { format!("[::1]:{port}") } else { format!("127.0.0.1:{port}") };
            let found = super::listener(asked.parse().unwrap()).unwrap();
            assert_eq!(found.pid, std::process::id(), "{address}");
            assert_eq!(running(&[&found.name, "no-such-program"]), Some(vec![found.name.as_str()]));
        }
        assert_eq!(running(&["no-such-program"]), Some(Vec::new()));
    }

    #[test]
    fn another_address_of_the_port_is_not_ours() {
        let table =
            "  sl  local_address rem_address   st\n   0: 0100007F:1A0B 00000000:0000 0A 0 0 0 0 0 4242 1\n";
        assert_eq!(listening(table, "127.0.0.1:6667".parse().unwrap()), ["4242"]);
        assert!(listening(table, "192.0.2.1:6667".parse().unwrap()).is_empty());
        assert!(listening(table, "127.0.0.1:6668".parse().unwrap()).is_empty());
    }
}
