//! Bootstrap tokens and the signatures of cluster-info: the controller manager's and ours.

use std::time::{Duration, Instant};

use k8sboot_core::{
    api::Resource,
    manifest::Object,
    token::{BootstrapToken, CaPin, ClusterInfo, TokenSpec, Ttl, Usages},
};

use super::{super::real_now, ControlPlane, Facts};

pub(super) const TOKEN: &str = "abcdef.0123456789abcdef";

pub(super) fn look(control_plane: &ControlPlane, facts: &Facts) {
    let token: BootstrapToken = TOKEN.parse().unwrap();
    facts.becomes("the controller manager signs cluster-info for the token", true, || {
        cluster_info(control_plane).as_value()["data"].get("jws-kubeconfig-abcdef").is_some()
    });
    let map = cluster_info(control_plane);
    let (info, signatures) = ClusterInfo::from_config_map(&map).unwrap();
    facts.equal(
        "its signature is the one that we make",
        signatures.by(token.id()).map(str::to_owned).map_err(|error| error.to_string()),
        Ok(info.sign(&token)),
    );
    let ca = control_plane.read("/etc/kubernetes/pki/ca.crt");
    let pins = CaPin::of_certificate_pem(&ca).unwrap();
    let trusted = ClusterInfo::trusted(&map, &token, &pins);
    facts.holds("we trust it by token and pin", trusted.is_ok(), || format!("{:?}", trusted.err()));
    facts.equal("it carries the cluster's CA", info.ca_pem(), ca.as_str());
    facts.equal("it names the API server", info.server(), control_plane.config().local_api_server().as_str());
    let forged: BootstrapToken = "abcdef.fedcba9876543210".parse().unwrap();
    facts.holds(
        "we do not trust it by a token with another secret",
        ClusterInfo::trusted(&map, &forged, &pins).is_err(),
        String::new,
    );
    usages(control_plane, facts);
    expiry(control_plane, facts);
}

/// A token signs, or is somebody, only if it is for that.
fn usages(control_plane: &ControlPlane, facts: &Facts) {
    let none: BootstrapToken = "signer.0123456789abcdef".parse().unwrap();
    let mut spec = TokenSpec::new(none);
    spec.usages = Usages { signing: true, authentication: false };
    spec.groups = Vec::new();
    create(control_plane, &spec);
    facts.becomes("a token for signing alone signs", true, || {
        cluster_info(control_plane).as_value()["data"].get("jws-kubeconfig-signer").is_some()
    });
    let said = control_plane.token("signer.0123456789abcdef").kubectl(&["auth", "whoami"]);
    facts.holds(
        "a token for signing alone is nobody",
        said.as_ref().is_err_and(|said| said.contains("Unauthorized")),
        || format!("{said:?}"),
    );
    let caller: BootstrapToken = "caller.0123456789abcdef".parse().unwrap();
    let mut spec = TokenSpec::new(caller);
    spec.usages = Usages { signing: false, authentication: true };
    create(control_plane, &spec);
    facts.becomes("a token for authentication alone is somebody", true, || {
        control_plane.token("caller.0123456789abcdef").kubectl(&["auth", "whoami"]).is_ok()
    });
    // The controller manager has had the time: it has signed for a token that is older by less.
    let data = cluster_info(control_plane).as_value()["data"].clone();
    facts.holds(
        "a token for authentication alone does not sign",
        data.get("jws-kubeconfig-caller").is_none(),
        || data.to_string(),
    );
}

/// An expired token is removed, and its signature with it.
fn expiry(control_plane: &ControlPlane, facts: &Facts) {
    let token: BootstrapToken = "expire.0123456789abcdef".parse().unwrap();
    let mut spec = TokenSpec::new(token);
    spec.ttl = Ttl::Until(real_now().plus_seconds(4));
    create(control_plane, &spec);
    let began = Instant::now();
    let known = control_plane.token("expire.0123456789abcdef").kubectl(&["auth", "whoami"]).is_ok();
    if began.elapsed() < Duration::from_secs(2) {
        facts.holds("a token is somebody before it expires", known, String::new);
    }
    facts.becomes("an expired token is removed by the token cleaner", true, || {
        let secret = "secret/bootstrap-token-expire";
        let gone = control_plane.caller("admin.conf").kubectl(&["get", secret, "--namespace=kube-system"]);
        gone.is_err_and(|said| said.contains("NotFound"))
    });
    facts.becomes("the signature of an expired token is removed", true, || {
        cluster_info(control_plane).as_value()["data"].get("jws-kubeconfig-expire").is_none()
    });
    // The API server remembers for ten seconds who a token was.
    facts.becomes("an expired token is nobody", true, || {
        control_plane.token("expire.0123456789abcdef").kubectl(&["auth", "whoami"]).is_err()
    });
}

fn cluster_info(control_plane: &ControlPlane) -> Object {
    let path = "--raw=/api/v1/namespaces/kube-public/configmaps/cluster-info";
    let text = control_plane.nobody().get(&["get", path]);
    Object::from_value(serde_json::from_str(&text).unwrap()).unwrap()
}

fn create(control_plane: &ControlPlane, spec: &TokenSpec) {
    let secret = spec.to_secret(real_now()).unwrap();
    control_plane.client_of("admin.conf").create(&Resource::SECRETS, &secret).unwrap();
}
