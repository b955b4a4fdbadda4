//! kubeadm's own word, where it is: it reads what init left, and joins a node to the cluster.

use std::fs;

use k8sboot_core::flow;

use super::{super::programs::found, ControlPlane, Facts, Machine, succeeds, tokens::TOKEN};

pub(super) fn look(control_plane: &ControlPlane, worker: &Machine, facts: &Facts) {
    if !found("kubeadm") {
        eprintln!("left out: kubeadm's view of the cluster: kubeadm is not on PATH");
        return;
    }
    let run = |arguments: &[&str]| {
        let all = [arguments, &["--kubeconfig=/etc/kubernetes/admin.conf"]].concat();
        succeeds(control_plane, "kubeadm", &all)
    };
    let listed = run(&["token", "list", "--output=json"]);
    let ours = listed.as_ref().is_ok_and(|text| text.contains(TOKEN) && text.contains("default-node-token"));
    facts.holds("kubeadm lists the token", ours, || format!("{listed:?}"));
    let checked = run(&["certs", "check-expiration"]);
    let read =
        checked.as_ref().is_ok_and(|text| text.contains("admin.conf") && !text.contains("Falling back"));
    facts.holds("kubeadm reads its configuration from the cluster", read, || format!("{checked:?}"));
    let ca = control_plane.read("/etc/kubernetes/pki/ca.crt");
    let command = flow::join_commands(control_plane.config(), &ca).unwrap().remove(0);
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let ours = words(command.expose_line().expose_str().unwrap());
    let theirs = run(&["token", "create", "joined.0123456789abcdef", "--print-join-command"]);
    facts.equal(
        "kubeadm prints the join command that we print",
        theirs.map(|text| words(&text.replace("joined.0123456789abcdef", TOKEN))),
        Ok(ours.clone()),
    );
    join(control_plane, worker, &ours, facts);
}

/// kubeadm joins with our command, up to the wait for a kubelet, which cannot run here.
fn join(control_plane: &ControlPlane, worker: &Machine, command: &[String], facts: &Facts) {
    for directory in ["/etc/kubernetes", "/var/lib/kubelet"] {
        worker.show(directory);
    }
    let mut kubeadm = worker.command(&command[0]);
    kubeadm
        .args(&command[1..])
        .args(["--ignore-preflight-errors=all", "--skip-phases=kubelet-wait-bootstrap"]);
    let out = kubeadm.output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout) + String::from_utf8_lossy(&out.stderr);
    facts.holds("kubeadm joins a node by our command", out.status.success(), || said.to_string());
    let read = |path: &str| fs::read_to_string(worker.path(path)).unwrap_or_default();
    let ca = control_plane.read("/etc/kubernetes/pki/ca.crt");
    facts.equal("kubeadm discovers our CA", read("/etc/kubernetes/pki/ca.crt"), ca);
    let bootstrap = read("/etc/kubernetes/bootstrap-kubelet.conf");
    let leads = bootstrap.contains(TOKEN) && bootstrap.contains(&control_plane.config().local_api_server());
    facts.holds("kubeadm's bootstrap-kubelet.conf leads to our API server", leads, || said.to_string());
    let arguments = ["get", "configmap/kubelet-config", "--namespace=kube-system"];
    let uploaded = control_plane.caller("admin.conf").json(&arguments)["data"]["kubelet"].take();
    let settings = |text: &str| {
        // The node's own file names the runtime, the cluster's does not.
        let lines = text.lines().filter(|line| !line.starts_with("containerRuntimeEndpoint"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let theirs = settings(&read("/var/lib/kubelet/config.yaml"));
    facts.equal(
        "kubeadm gives the node our kubelet configuration",
        theirs,
        settings(uploaded.as_str().unwrap()),
    );
}
