//! What the certificates and keys of init are good for: service accounts, the aggregation layer, etcd, serving.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{
    ControlPlane, Facts,
    identities::{named, user_of, who},
    run, succeeds,
};

const PKI: &str = "/etc/kubernetes/pki";
const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

pub(super) fn look(control_plane: &ControlPlane, facts: &Facts) {
    service_accounts(control_plane, facts);
    front_proxy(control_plane, facts);
    etcd(control_plane, facts);
    serving(control_plane, facts);
}

fn service_accounts(control_plane: &ControlPlane, facts: &Facts) {
    let admin = control_plane.caller("admin.conf");
    facts.becomes("every namespace gets a service account and the CA", true, || {
        admin.kubectl(&["get", "serviceaccount/default", "configmap/kube-root-ca.crt"]).is_ok()
    });
    let token = admin.get(&["create", "token", "default"]).trim().to_owned();
    let groups = ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"];
    facts.equal(
        "a service account's token is its user",
        who(&control_plane.token(&token)),
        named("system:serviceaccount:default:default", &groups),
    );
    let review =
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}});
    let file = control_plane.machine().scratch_file("review.json", &review.to_string());
    let reviewed = admin.json(&["create", "--filename", &file]);
    facts.equal(
        "TokenReview knows it too",
        (reviewed["status"]["authenticated"].clone(), user_of(&reviewed["status"]["user"]).0),
        (json!(true), "system:serviceaccount:default:default".to_owned()),
    );
    let part = |index: usize| -> Value {
        let part = token.split('.').nth(index).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    facts.equal("it names the issuer", part(1)["iss"].clone(), json!(ISSUER));
    let found: Value =
        serde_json::from_str(&admin.get(&["get", "--raw=/.well-known/openid-configuration"])).unwrap();
    facts.equal("the issuer describes itself", found["issuer"].clone(), json!(ISSUER));
    let keys: Value = serde_json::from_str(&admin.get(&["get", "--raw=/openid/v1/jwks"])).unwrap();
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == part(0)["kid"]);
    facts.equal(
        "its key is the one of sa.pub",
        key.map(|key| [key["x"].clone(), key["y"].clone()]),
        Some(point(control_plane).map(|half| json!(half))),
    );
    let root = admin.json(&["get", "configmap/kube-root-ca.crt"])["data"]["ca.crt"].clone();
    facts.equal("pods trust the cluster's CA", root, json!(control_plane.read(&format!("{PKI}/ca.crt"))));
}

/// The point of sa.pub, by openssl, as a JWK has it.
fn point(control_plane: &ControlPlane) -> [String; 2] {
    let der = ["pkey", "-pubin", "-in", "/etc/kubernetes/pki/sa.pub", "-outform", "DER"];
    let der = run(control_plane, "openssl", &der).stdout;
    let point = &der[der.len() - 64..];
    [&point[..32], &point[32..]].map(|half| URL_SAFE_NO_PAD.encode(half))
}

fn front_proxy(control_plane: &ControlPlane, facts: &Facts) {
    let jane = ["X-Remote-User: jane", "X-Remote-Group: readers", "X-Remote-Extra-Scopes: view"];
    let front = format!("{PKI}/front-proxy-client");
    let (code, review) = self_review(control_plane, &front, &jane);
    let user = &review["status"]["userInfo"];
    facts.equal(
        "the front proxy says who calls",
        (code, Ok(user_of(user))),
        (201, named("jane", &["readers", "system:authenticated"])),
    );
    facts.equal("the front proxy says more of who calls", user["extra"]["scopes"].clone(), json!(["view"]));
    facts.equal("the front proxy is nobody itself", self_review(control_plane, &front, &[]).0, 401);
    let (code, review) = self_review(control_plane, &format!("{PKI}/apiserver-kubelet-client"), &jane);
    facts.equal(
        "nobody else says who calls",
        (code, user_of(&review["status"]["userInfo"]).0),
        (201, "kube-apiserver-kubelet-client".to_owned()),
    );
    let intruder = certificate(control_plane, "intruder", "front-proxy-ca");
    let code = self_review(control_plane, &intruder, &jane).0;
    facts.equal("no other name of the front proxy's authority says who calls", code, 401);
    let arguments = ["get", "configmap/extension-apiserver-authentication", "--namespace=kube-system"];
    let data = control_plane.caller("admin.conf").json(&arguments)["data"].clone();
    for (key, file) in [("client-ca-file", "ca"), ("requestheader-client-ca-file", "front-proxy-ca")] {
        let expected = control_plane.read(&format!("{PKI}/{file}.crt"));
        facts.equal(&format!("extension API servers are told {key}"), data[key].clone(), json!(expected));
    }
    let names = data["requestheader-allowed-names"].clone();
    facts.equal(
        "extension API servers are told the front proxy's name",
        names,
        json!("[\"front-proxy-client\"]"),
    );
}

/// Who one is with a client certificate and headers: status and answer.
fn self_review(control_plane: &ControlPlane, certificate: &str, headers: &[&str]) -> (u16, Value) {
    let server = control_plane.config().local_api_server();
    let url = format!("{server}/apis/authentication.k8s.io/v1/selfsubjectreviews");
    let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}).to_string();
    let mut arguments = vec!["--write-out", "\n%{http_code}", "--data", &body];
    for header in headers.iter().chain(&["Content-Type: application/json"]) {
        arguments.extend(["--header", header]);
    }
    let said = curl(control_plane, "ca", Some(certificate), &url, &arguments).unwrap();
    let (answer, code) = said.rsplit_once('\n').unwrap();
    (code.parse().unwrap(), serde_json::from_str(answer).unwrap_or_default())
}

fn etcd(control_plane: &ControlPlane, facts: &Facts) {
    let ask = |certificate: Option<&str>, url: &str| {
        let certificate = certificate.map(|name| format!("{PKI}/{name}"));
        let said = curl(control_plane, "etcd/ca", certificate.as_deref(), url, &["--fail"]);
        said.is_ok_and(|said| said.contains("true") || said.contains("etcdserver"))
    };
    let (local, advertised) = ("https://127.0.0.1:2379/health", "https://192.0.2.10:2379/health");
    let peer = "https://192.0.2.10:2380/version";
    for (who, certificate, url, accepted) in [
        ("the health check", Some("etcd/healthcheck-client"), local, true),
        ("the API server", Some("apiserver-etcd-client"), advertised, true),
        ("no client without certificate", None, local, false),
        ("no client of the cluster's authority", Some("apiserver-kubelet-client"), local, false),
        ("no client of the front proxy's authority", Some("front-proxy-client"), local, false),
        ("the peer", Some("etcd/peer"), peer, true),
        ("no peer without certificate", None, peer, false),
        ("no peer of the cluster's authority", Some("apiserver-kubelet-client"), peer, false),
    ] {
        facts.equal(&format!("etcd lets {who} in"), ask(certificate, url), accepted);
    }
}

fn serving(control_plane: &ControlPlane, facts: &Facts) {
    let check = |port: u16, authority: &str, name: &str, client: &[&str]| {
        let option = if name.parse::<std::net::IpAddr>().is_ok() { "-verify_ip" } else { "-verify_hostname" };
        let (at, authority) = (format!("192.0.2.10:{port}"), format!("{PKI}/{authority}.crt"));
        let arguments =
            ["s_client", "-connect", &at, "-CAfile", &authority, "-verify_return_error", option, name];
        succeeds(control_plane, "openssl", &[&arguments, client].concat())
    };
    let service = [
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ];
    for name in service.into_iter().chain(["node-1", "10.96.0.1", "192.0.2.10"]) {
        let said = check(6443, "ca", name, &[]);
        facts.holds(&format!("the API server serves {name}"), said.is_ok(), || format!("{said:?}"));
    }
    for (name, authority) in [("example.com", "ca"), ("192.0.2.11", "ca"), ("node-1", "front-proxy-ca")] {
        let said = check(6443, authority, name, &[]);
        facts.holds(&format!("the API server does not serve {name} by {authority}"), said.is_err(), || {
            format!("{said:?}")
        });
    }
    let served = check(6443, "ca", "node-1", &[]).unwrap_or_default();
    let certificate = control_plane.read(&format!("{PKI}/apiserver.crt"));
    facts
        .holds("the API server serves apiserver.crt", served.contains(certificate.trim()), || served.clone());
    let (certificate, key) =
        (format!("{PKI}/etcd/healthcheck-client.crt"), format!("{PKI}/etcd/healthcheck-client.key"));
    for name in ["localhost", "node-1", "127.0.0.1", "192.0.2.10", "::1"] {
        let said = check(2379, "etcd/ca", name, &["-cert", &certificate, "-key", &key]);
        facts.holds(&format!("etcd serves {name}"), said.is_ok(), || format!("{said:?}"));
    }
}

/// A client certificate for a name by one of the cluster's authorities, made by openssl; its path without `.crt`.
fn certificate(control_plane: &ControlPlane, name: &str, authority: &str) -> String {
    let base = control_plane.machine().scratch_file(name, "");
    let (key, csr, crt) = (format!("{base}.key"), format!("{base}.csr"), format!("{base}.crt"));
    let subject = format!("/CN={name}");
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let request =
        [&["req", "-new"], &curve[..], &["-subj", &subject, "-keyout", &key, "-out", &csr]].concat();
    let (ca, ca_key) = (format!("{PKI}/{authority}.crt"), format!("{PKI}/{authority}.key"));
    let sign = ["x509", "-req", "-in", &csr, "-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial", "-CAserial"];
    let serial = format!("{base}.srl");
    let sign = [&sign[..], &[&serial, "-days", "1", "-out", &crt]].concat();
    for arguments in [request, sign] {
        succeeds(control_plane, "openssl", &arguments).unwrap();
    }
    base
}

fn curl(
    control_plane: &ControlPlane,
    authority: &str,
    certificate: Option<&str>,
    url: &str,
    further: &[&str],
) -> Result<String, String> {
    let authority = format!("{PKI}/{authority}.crt");
    // etcd 3.4 stumbles over HTTP/2 where peers talk.
    let mut arguments = vec![
        "--silent",
        "--show-error",
        "--noproxy",
        "*",
        "--http1.1",
        "--max-time",
        "10",
        "--cacert",
        &authority,
    ];
    let files = certificate.map(|path| (format!("{path}.crt"), format!("{path}.key")));
    if let Some((certificate, key)) = &files {
        arguments.extend(["--cert", certificate, "--key", key]);
    }
    arguments.extend(further);
    arguments.push(url);
    succeeds(control_plane, "curl", &arguments)
}
