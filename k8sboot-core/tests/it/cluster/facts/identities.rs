//! Who the API server takes the holder of each kubeconfig, certificate and token for.

use serde_json::Value;

use super::{super::Caller, ControlPlane, Facts};

const AUTHENTICATED: &str = "system:authenticated";

pub(super) fn look(control_plane: &ControlPlane, facts: &Facts) {
    for (file, user, groups) in [
        ("admin.conf", "kubernetes-admin", vec!["kubeadm:cluster-admins", AUTHENTICATED]),
        ("super-admin.conf", "kubernetes-super-admin", vec!["system:masters", AUTHENTICATED]),
        ("controller-manager.conf", "system:kube-controller-manager", vec![AUTHENTICATED]),
        ("scheduler.conf", "system:kube-scheduler", vec![AUTHENTICATED]),
        ("kubelet.conf", "system:node:node-1", vec!["system:nodes", AUTHENTICATED]),
    ] {
        facts.equal(&format!("{file} is {user}"), who(&control_plane.caller(file)), named(user, &groups));
    }
    facts.equal(
        "apiserver-kubelet-client.crt is a user without groups of its own",
        who(&control_plane.certificate("/etc/kubernetes/pki/apiserver-kubelet-client")),
        named("kube-apiserver-kubelet-client", &[AUTHENTICATED]),
    );
    facts.equal(
        "the bootstrap token is a user with kubeadm's group",
        who(&control_plane.token("abcdef.0123456789abcdef")),
        named(
            "system:bootstrap:abcdef",
            &["system:bootstrappers", "system:bootstrappers:kubeadm:default-node-token", AUTHENTICATED],
        ),
    );
    for (name, token) in
        [("a wrong secret", "abcdef.fedcba9876543210"), ("an unknown ID", "ghijkl.0123456789abcdef")]
    {
        let said = control_plane.token(token).kubectl(&["auth", "whoami"]);
        let refused = said.as_ref().is_err_and(|said| said.contains("Unauthorized"));
        facts.holds(&format!("a token with {name} is nobody"), refused, || format!("{said:?}"));
    }
}

/// Name and groups of who calls, as the API server sees it.
pub(super) fn who(caller: &Caller<'_>) -> Result<(String, Vec<String>), String> {
    let text = caller.kubectl(&["auth", "whoami", "--output=json"])?;
    let review: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    Ok(user_of(&review["status"]["userInfo"]))
}

/// Name and sorted groups of a user.
pub(super) fn user_of(user: &Value) -> (String, Vec<String>) {
    let groups = user["groups"].as_array().into_iter().flatten();
    let mut groups: Vec<String> = groups.map(|group| group.as_str().unwrap().to_owned()).collect();
    groups.sort();
    (user["username"].as_str().unwrap_or_default().to_owned(), groups)
}

pub(super) fn named(user: &str, groups: &[&str]) -> Result<(String, Vec<String>), String> {
    let mut groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
    groups.sort();
    Ok((user.to_owned(), groups))
}
