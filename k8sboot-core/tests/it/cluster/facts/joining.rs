//! A node that joins: its request is approved and signed, and then it may do what concerns itself alone.

use std::fs;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    super::{Caller, node},
    ControlPlane, Facts,
    identities::{named, who},
    succeeds,
};

const CLIENT: &str = "kubernetes.io/kube-apiserver-client-kubelet";
const SERVING: &str = "kubernetes.io/kubelet-serving";
const WORKER: &str = "/O=system:nodes/CN=system:node:worker-1";

pub(super) fn look(control_plane: &ControlPlane, facts: &Facts) {
    let token = control_plane.token("abcdef.0123456789abcdef");
    let identity = request(control_plane, &token, "joining", WORKER, CLIENT, &[]).unwrap();
    facts.becomes("the request of a joining node is approved", json!("AutoApproved"), || {
        csr(control_plane, "joining")["status"]["conditions"][0]["reason"].clone()
    });
    facts.becomes("the request of a joining node is signed", true, || {
        csr(control_plane, "joining")["status"]["certificate"].is_string()
    });
    let signed =
        csr(control_plane, "joining")["status"]["certificate"].as_str().unwrap_or_default().to_owned();
    fs::write(format!("{identity}.crt"), STANDARD.decode(signed).unwrap()).unwrap();
    let shown = ["x509", "-noout", "-subject", "-issuer", "-nameopt", "RFC2253", "-ext", "extendedKeyUsage"];
    let shown =
        succeeds(control_plane, "openssl", &[&shown[..], &["-in", &format!("{identity}.crt")]].concat());
    let shown = shown.unwrap_or_else(|said| said);
    for (name, part) in [
        ("its certificate is for the node", "subject=CN=system:node:worker-1,O=system:nodes\n"),
        ("its certificate is of the cluster's authority", "issuer=CN=kubernetes\n"),
        ("its certificate is for clients", "TLS Web Client Authentication"),
    ] {
        facts.holds(name, shown.contains(part), || shown.clone());
    }
    let verify = ["verify", "-CAfile", "/etc/kubernetes/pki/ca.crt", "-purpose", "sslclient"];
    let said = succeeds(control_plane, "openssl", &[&verify[..], &[&format!("{identity}.crt")]].concat());
    facts.holds("its certificate verifies with openssl", said.is_ok(), || format!("{said:?}"));
    let worker = control_plane.certificate(&identity);
    let groups = ["system:nodes", "system:authenticated"];
    facts.equal("the API server knows the node by it", who(&worker), named("system:node:worker-1", &groups));
    limits(control_plane, facts, &worker);
    requests(control_plane, facts, &token, &worker);
    workloads(control_plane, facts, &worker);
}

/// What the node authoriser and NodeRestriction allow a node.
fn limits(control_plane: &ControlPlane, facts: &Facts, worker: &Caller<'_>) {
    let registered = worker.create(&node("worker-1"));
    facts.holds("a node registers itself", registered.is_ok(), || format!("{registered:?}"));
    let listed = control_plane.caller("admin.conf").get(&["get", "nodes", "--output=name"]);
    facts.equal("kubectl get nodes shows both", listed.as_str(), "node/node-1\nnode/worker-1\n");
    let lease = |name: &str| json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name, "namespace": "kube-node-lease"}, "spec": {"holderIdentity": name}});
    let beats = worker.create(&lease("worker-1"));
    facts.holds("a node beats in its own lease", beats.is_ok(), || format!("{beats:?}"));
    let label = |node: &str, label: &str| worker.kubectl(&["label", "node", node, label]);
    for (name, said) in [
        ("a node reads itself", worker.kubectl(&["get", "node/worker-1"])),
        ("a node labels itself", label("worker-1", "example.com/rack=7")),
    ] {
        facts.holds(name, said.is_ok(), || format!("{said:?}"));
    }
    for (name, said) in [
        ("a node registers no other", worker.create(&node("worker-2"))),
        ("a node beats in no other's lease", worker.create(&lease("node-1"))),
        ("a node reads no other", worker.kubectl(&["get", "node/node-1"])),
        ("a node labels no other", label("node-1", "example.com/rack=7")),
        ("a node makes itself no control plane", label("worker-1", "node-role.kubernetes.io/control-plane=")),
        ("a node lifts no isolation", label("worker-1", "node-restriction.kubernetes.io/zone=a")),
        ("a node removes no node", worker.kubectl(&["delete", "node/worker-1", "--wait=false"])),
        (
            "a node reads no token",
            worker.kubectl(&["get", "secret/bootstrap-token-abcdef", "--namespace=kube-system"]),
        ),
    ] {
        let refused = said.as_ref().is_err_and(|said| said.to_lowercase().contains("forbidden"));
        facts.holds(name, refused, || format!("{said:?}"));
    }
}

/// Which further requests are approved without anybody.
fn requests(control_plane: &ControlPlane, facts: &Facts, token: &Caller<'_>, worker: &Caller<'_>) {
    let made = [
        request(control_plane, worker, "rotating", WORKER, CLIENT, &[]),
        request(
            control_plane,
            worker,
            "serving",
            WORKER,
            SERVING,
            &["-addext", "subjectAltName=DNS:worker-1"],
        ),
        request(control_plane, token, "sneaking", "/O=system:masters/CN=root", CLIENT, &[]),
    ];
    let names = ["a node asks for its next certificate", "a node asks for a serving certificate"];
    for (name, said) in names.into_iter().zip(&made) {
        facts.holds(name, said.is_ok(), || format!("{said:?}"));
    }
    facts.becomes("the next certificate of a node is signed", true, || {
        csr(control_plane, "rotating")["status"]["certificate"].is_string()
    });
    // Both were made before or with the one that has been signed by now.
    facts.equal(
        "a serving certificate waits for somebody to approve it",
        csr(control_plane, "serving")["status"].clone(),
        json!({}),
    );
    let sneaking = csr(control_plane, "sneaking");
    facts.holds(
        "a token gets no certificate for what is no node",
        sneaking["status"]["certificate"].is_null(),
        || sneaking.to_string(),
    );
    let other = "/O=system:nodes/CN=system:node:node-1";
    let renamed = request(control_plane, worker, "renamed", other, CLIENT, &[]);
    let approved = || csr(control_plane, "renamed")["status"]["certificate"].is_string();
    facts.holds("a node gets no certificate for another", renamed.is_err() || !approved(), || {
        format!("{renamed:?}")
    });
}

/// A node reads what its pods need, and nothing else.
fn workloads(control_plane: &ControlPlane, facts: &Facts, worker: &Caller<'_>) {
    let admin = control_plane.caller("admin.conf");
    for name in ["mounted", "other"] {
        admin.get(&["create", "secret", "generic", name, "--from-literal=a=b"]);
    }
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "on-worker-1"},
        "spec": {
            "nodeName": "worker-1",
            "containers": [{"name": "c", "image": "example.com/none:1"}],
            "volumes": [{"name": "v", "secret": {"secretName": "mounted"}}],
        },
    });
    admin.create(&pod).unwrap();
    let reads = |who: &Caller<'_>, name: &str| who.kubectl(&["get", &format!("secret/{name}")]).is_ok();
    facts.becomes("a node reads the secret of its pod", true, || reads(worker, "mounted"));
    facts.equal("a node reads no secret of no pod", reads(worker, "other"), false);
    let first = control_plane.caller("kubelet.conf");
    facts.equal("another node does not read the secret of that pod", reads(&first, "mounted"), false);
}

/// Makes a key and a request by openssl and sends it as somebody; the path of the identity without `.crt`.
fn request(
    control_plane: &ControlPlane,
    caller: &Caller<'_>,
    name: &str,
    subject: &str,
    signer: &str,
    further: &[&str],
) -> Result<String, String> {
    let base = control_plane.machine().scratch_file(name, "");
    let (key, csr) = (format!("{base}.key"), format!("{base}.csr"));
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let files = ["-subj", subject, "-keyout", &key, "-out", &csr];
    succeeds(control_plane, "openssl", &[&["req", "-new"], &curve[..], &files, further].concat())?;
    let usage = if signer == SERVING { "server auth" } else { "client auth" };
    let object = json!({
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": name},
        "spec": {
            "request": STANDARD.encode(fs::read(&csr).map_err(|error| error.to_string())?),
            "signerName": signer,
            "usages": ["digital signature", usage],
        },
    });
    caller.create(&object).map(|_| base)
}

fn csr(control_plane: &ControlPlane, name: &str) -> Value {
    let said = control_plane.caller("super-admin.conf").kubectl(&["get", "csr", name, "--output=json"]);
    said.ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}
