//! A real etcd, started from the rendered static pod's own command line and PKI with nothing rewritten.
//!
//! It runs in network, mount and process namespaces of its own: the manifest's addresses are on `lo`, the tree's files at
//! the manifest's paths. Everything in there dies with the script, and the script with this process. Needs root; etcd,
//! curl, openssl and iproute2 must be there, and are expected under `CI=true`.

use std::{
    path::Path,
    process::{Command, Output},
    sync::Arc,
    time::SystemTime,
};

use k8sboot_core::{
    config::{Documents, InitConfig},
    entropy::System,
    manifest::{RenderOptions, static_pods},
    pki::RandomKeys,
    time::Timestamp,
};

use crate::{
    support::{privileged, tools},
    tree::{Scratch, init_with, recorded_host},
};

/// The script's arguments: root of the tree, root of a stranger's tree, data directory, advertised host and address,
/// loopback host, metrics URL; then etcd's command line.
const SCRIPT: &str = r#"
set -eu
root=$1 stranger=$2 data=$3 host=$4 address=$5 loopback=$6 metrics=$7
shift 7
ip link set lo up
case $address in *:*) ip address add "$address/128" dev lo nodad ;; *) ip address add "$address/32" dev lo ;; esac
cover() { # TARGET SOURCE: an empty directory over the target's parent, then the source at the target
    mount -t tmpfs tmpfs "$(dirname "$1")"
    mkdir -p "$1"
    mount --bind "$2" "$1"
}
cover /etc/kubernetes "$root/etc/kubernetes"
cover "$data" "$root$data"
"$@" >"$root/etcd.log" 2>&1 &

pki=/etc/kubernetes/pki/etcd
call() { curl --http1.1 --silent --show-error --globoff --noproxy '*' --max-time 10 --cacert $pki/ca.crt "$@"; }
as() { echo "--cert $1.crt --key $1.key"; }
member=$(as $pki/healthcheck-client) peer=$(as $pki/peer) other=$(as "$stranger$pki/healthcheck-client")
no_certificate="client didn't provide a certificate" stranger_ca="signed by unknown authority"
fail() { echo "$*"; tail -n 20 "$root/etcd.log"; exit 1; }
rejections() { grep "rejected connection" "$root/etcd.log" | grep -c "$1" || true; }
refused() { # WHAT REASON CURL-ARGUMENTS: the client gets no answer, and the server says why
    what=$1 reason=$2 before=$(rejections "$2") waited=0
    shift 2
    if said=$(call "$@" 2>&1); then fail "$what was served: $said"; fi
    until [ "$(rejections "$reason")" -gt "$before" ]; do
        waited=$((waited + 1))
        [ $waited -lt 50 ] || fail "$what: expected a rejection ($reason), found: $said"
        sleep 0.1
    done
    echo "refused: $what"
}

tries=0
until call $member "https://$loopback:2379/health" >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] || fail "etcd does not serve: $(call $member "https://$loopback:2379/health" 2>&1)"
    sleep 0.1
done
for at in "$loopback" "$host"; do
    url=https://$at:2379
    call $member "$url/health" | grep -q '"health":"true"' || fail "$url is not healthy"
    echo "healthy: client port"
    call $member -d '{"key":"a2V5","value":"dmFsdWU="}' "$url/v3/kv/put" | grep -q revision || fail "put $url"
    call $member -d '{"key":"a2V5"}' "$url/v3/kv/range" | grep -q '"value":"dmFsdWU="' || fail "get $url"
    echo "stored and read: client port"
    refused "client port without a certificate" "$no_certificate" "$url/health"
    refused "client port with a certificate of another CA" "$stranger_ca" $other "$url/health"
done
url=https://$host:2380
call $peer "$url/members" | grep -qF "\"peerURLs\":[\"$url\"]" || fail "the peer port does not know its member"
echo "served: peer port"
refused "peer port without a certificate" "$no_certificate" "$url/members"
refused "peer port with a certificate of another CA" "$stranger_ca" $other "$url/members"
curl --silent --globoff --noproxy '*' "$metrics/health" | grep -q true || fail "no health at $metrics"
echo "healthy: metrics port"
openssl s_client -connect "$host:2379" $(echo "$member" | sed 's/--/-/g') -CAfile $pki/ca.crt -verify_return_error \
    -verify_ip "$address" </dev/null 2>&1 | grep -q 'Verify return code: 0 (ok)' || fail "openssl does not verify $host"
echo "verified: openssl"
"#;

#[test]
fn etcd_serves_with_mutual_tls_from_the_rendered_manifest() {
    serves("192.0.2.40", "");
}

#[test]
fn etcd_serves_on_ipv6_from_the_rendered_manifest() {
    if std::fs::metadata("/proc/net/if_inet6").is_err() {
        eprintln!("skipped: this kernel has no IPv6");
        return;
    }
    serves("2001:db8:40::1", "");
}

#[test]
fn etcd_serves_with_settings_of_the_configuration() {
    serves(
        "198.51.100.11",
        "
    dataDir: /srv/etcd
    serverCertSANs: [etcd.example.internal, 203.0.113.21]
    peerCertSANs: [etcd-peer.example.internal]
    extraArgs:
    - {name: listen-metrics-urls, value: 'http://0.0.0.0:2391'}
    - {name: election-timeout, value: '5000'}
    - {name: heartbeat-interval, value: '500'}
    extraEnvs:
    - {name: ETCD_QUOTA_BACKEND_BYTES, value: '8589934592'}",
    );
}

fn config(address: &str, etcd: &str) -> InitConfig {
    let subnets = match address.contains(':') {
        true => "networking: {serviceSubnet: 'fd00:10:96::/112', podSubnet: 'fd00:10:244::/56'}",
        false => "networking: {podSubnet: 10.244.0.0/16}",
    };
    // The tag of the etcd that Debian packages: flags follow the release.
    let text = format!(
        "
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {{advertiseAddress: '{address}'}}
nodeRegistration: {{name: member-1}}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
encryptionAlgorithm: ECDSA-P256
{subnets}
etcd:
  local:
    imageTag: 3.4.23-0{etcd}
"
    );
    Documents::parse(&text).unwrap().into_init(&recorded_host("minimal"), None).unwrap()
}

fn serves(address: &str, etcd: &str) {
    if !tools(&["etcd", "curl", "openssl", "ip", "unshare", "setpriv"])
        || !privileged("etcd from the manifest")
    {
        return;
    }
    let config = config(address, etcd);
    let (scratch, stranger) = (Scratch::new("etcd"), Scratch::new("stranger"));
    for root in [scratch.path(), stranger.path()] {
        // etcd judges certificates by the real time.
        let now = Timestamp::from(SystemTime::now());
        init_with(&config, root, None, (now, Arc::new(System), Arc::new(RandomKeys::new(&System)))).unwrap();
    }
    let pods = static_pods(&config, &RenderOptions::default()).unwrap();
    let container =
        pods.iter().find(|pod| pod.component == "etcd").unwrap().object.value()["spec"]["containers"][0]
            .clone();
    let command: Vec<&str> =
        container["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    let flag = |name: &str| {
        command.iter().find_map(|word| word.strip_prefix(&format!("--{name}="))).unwrap().to_owned()
    };
    let metrics = flag("listen-metrics-urls").replace("0.0.0.0", "127.0.0.1");
    let (host, loopback) = match address.contains(':') {
        true => (format!("[{address}]"), "[::1]"),
        false => (address.to_owned(), "127.0.0.1"),
    };
    let roots = [scratch.path(), stranger.path()].map(|path| path.to_str().unwrap());
    let data = flag("data-dir");
    let arguments = [roots[0], roots[1], &data, &host, address, loopback, &metrics];
    let mut script = Command::new("setpriv");
    script
        .args(["--pdeathsig", "KILL", "timeout", "--signal=KILL", "120"])
        .args(["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"])
        .args(["sh", "-c", SCRIPT, "sh"])
        .args(arguments)
        .args(&command);
    for variable in container["env"].as_array().into_iter().flatten() {
        script.env(variable["name"].as_str().unwrap(), variable["value"].as_str().unwrap_or_default());
    }
    let said = text(&script.output().unwrap(), scratch.path());
    for line in [
        "healthy: client port",
        "stored and read: client port",
        "refused: client port without a certificate",
        "refused: client port with a certificate of another CA",
    ] {
        assert_eq!(said.matches(line).count(), 2, "{address}: {line}: on both addresses\n{said}");
    }
    for line in [
        "served: peer port",
        "refused: peer port without a certificate",
        "refused: peer port with a certificate of another CA",
        "healthy: metrics port",
        "verified: openssl",
    ] {
        assert!(said.contains(line), "{address}: {line}\n{said}");
    }
}

fn text(out: &Output, root: &Path) -> String {
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    let log = std::fs::read_to_string(root.join("etcd.log")).unwrap_or_default();
    assert!(out.status.success(), "{}\n{said}\n{log}", out.status);
    said
}
