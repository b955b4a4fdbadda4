//! Wrong pins, tokens and servers: a typed error within seconds, and an untouched tree.

use std::{
    io::Write as _,
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use k8sboot_core::{
    error::{Code, Problem, chain},
    exec::Run,
};

use super::cluster::{SECRET, add_token, join, join_config, join_text, library, ours};
use crate::{
    cluster::{ControlPlane, real_now},
    tree::{Scratch, snapshot},
};

/// Joins with a changed configuration; the error, after which nothing is on the disk.
fn refused(control_plane: &ControlPlane, text: &str) -> (Code, String) {
    let scratch = Scratch::new("join-bad");
    let config = join_config(text);
    let begun = Instant::now();
    let joined = control_plane.inside(|| join(&config, library(), scratch.path(), &Run::default(), None));
    let error = joined.unwrap_err();
    let said = chain(&error);
    assert!(begun.elapsed() < Duration::from_secs(15), "{said}");
    assert!(snapshot(scratch.path()).is_empty(), "{said}");
    assert!(!said.contains(SECRET), "{said}");
    (error.code(), said)
}

#[test]
fn nothing_is_written_for_a_cluster_that_cannot_be_trusted() {
    let Some(control_plane) = ours(None) else { return };
    let text = join_text(&control_plane, "worker-1", "timeouts: {discovery: 2s}\n");
    let pin = text.split("sha256:").nth(1).unwrap()[..64].to_owned();
    let (code, said) = refused(&control_plane, &text.replace(&pin, &"ab".repeat(32)));
    assert_eq!(code, Code::DISCOVERY_PIN_MISMATCH, "{said}");
    let (code, said) = refused(&control_plane, &text.replace("abcdef.", "zyxwvu."));
    assert_eq!(code, Code::DISCOVERY_UNKNOWN_TOKEN, "{said}");
    let (code, said) = refused(&control_plane, &text.replace(SECRET, "fedcba9876543210"));
    assert_eq!(code, Code::DISCOVERY_SIGNATURE, "{said}");
    add_token(&control_plane, "expire", real_now().plus_seconds(-60));
    let (code, said) = refused(&control_plane, &text.replace("abcdef.", "expire."));
    assert!([Code::DISCOVERY_UNKNOWN_TOKEN, Code::DISCOVERY_REFUSED].contains(&code), "{said}");
    // Expired between discovery and the bootstrap: another token for the latter.
    let other = text.replace("discovery:\n", "discovery:\n  tlsBootstrapToken: expire.0123456789abcdef\n");
    let (code, said) = refused(&control_plane, &other);
    assert_eq!(code, Code::DISCOVERY_REFUSED, "{said}");
    let (code, said) = refused(&control_plane, &text.replace("192.0.2.10:6443", "192.0.2.10:1"));
    assert_eq!(code, Code::DISCOVERY_UNREACHABLE, "{said}");
    garbage(&control_plane, &text);
    two_minors_away(&control_plane, &text);
}

fn garbage(control_plane: &ControlPlane, text: &str) {
    let listener = control_plane.inside(|| TcpListener::bind("192.0.2.10:0")).unwrap();
    let at = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2 and more than a header\r\n");
        }
    });
    let (code, said) = refused(control_plane, &text.replace("192.0.2.10:6443", &at.to_string()));
    assert!([Code::DISCOVERY_ANSWER, Code::DISCOVERY_UNREACHABLE].contains(&code), "{said}");
}

fn two_minors_away(control_plane: &ControlPlane, text: &str) {
    use k8sboot_core::api::{PatchKind, Resource};
    let client = control_plane.client();
    let map = client.get(&Resource::CONFIG_MAPS, Some("kube-system"), "kubeadm-config").unwrap().unwrap();
    let old = map.as_value()["data"]["ClusterConfiguration"].as_str().unwrap();
    let new = old.replace("kubernetesVersion: v1.36.2", "kubernetesVersion: v1.39.0");
    let patch = serde_json::json!({"data": {"ClusterConfiguration": new}});
    let namespace = Some("kube-system");
    client.patch(&Resource::CONFIG_MAPS, namespace, "kubeadm-config", PatchKind::Merge, &patch).unwrap();
    let (code, said) = refused(control_plane, text);
    assert_eq!(code, Code::JOIN_VERSION, "{said}");
    client.delete(&Resource::CONFIG_MAPS, namespace, "kubelet-config").unwrap();
    let (code, said) = refused(control_plane, text);
    assert_eq!(code, Code::JOIN_CLUSTER, "{said}");
    assert!(said.contains("kubelet-config"), "{said}");
}
