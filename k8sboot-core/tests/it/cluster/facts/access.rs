//! What each identity may do, and what it may not.

use super::{super::Caller, ControlPlane, Facts};

const BINDING: &str = "clusterrolebinding/kubeadm:cluster-admins";

/// Verb, resource and further words of `kubectl auth can-i`.
type Asked = &'static [&'static str];

pub(super) fn look(control_plane: &ControlPlane, facts: &Facts) {
    let cases: [(&str, Caller<'_>, &[Asked], &[Asked]); 7] = [
        (
            "admin.conf",
            control_plane.caller("admin.conf"),
            &[&["*", "*"], &["escalate", "clusterroles"]],
            &[],
        ),
        (
            "controller-manager.conf",
            control_plane.caller("controller-manager.conf"),
            &[
                &["create", "serviceaccounts", "--subresource=token", "--namespace=kube-system"],
                &["get", "leases/kube-controller-manager", "--namespace=kube-system"],
                &["list", "pods", "--all-namespaces"],
            ],
            &[&["delete", "nodes"], &["create", "clusterrolebindings"], &["create", "deployments"]],
        ),
        (
            "scheduler.conf",
            control_plane.caller("scheduler.conf"),
            &[
                &["create", "pods", "--subresource=binding"],
                &["list", "nodes"],
                &["patch", "pods", "--subresource=status"],
            ],
            &[&["get", "secrets", "--namespace=kube-system"], &["create", "pods"], &["delete", "nodes"]],
        ),
        (
            "kubelet.conf",
            control_plane.caller("kubelet.conf"),
            &[
                &["get", "nodes/node-1"],
                &["create", "certificatesigningrequests"],
                &["create", "certificatesigningrequests", "--subresource=selfnodeclient"],
                &["get", "configmaps/kubeadm-config", "--namespace=kube-system"],
                &["get", "configmaps/kubelet-config", "--namespace=kube-system"],
            ],
            &[
                &["list", "secrets", "--namespace=kube-system"],
                &["delete", "nodes/node-1"],
                &["create", "deployments"],
                &["get", "configmaps/coredns", "--namespace=kube-system"],
            ],
        ),
        (
            "the bootstrap token",
            control_plane.token("abcdef.0123456789abcdef"),
            &[
                &["create", "certificatesigningrequests"],
                &["create", "certificatesigningrequests", "--subresource=nodeclient"],
                &["get", "configmaps/kubeadm-config", "--namespace=kube-system"],
                &["get", "configmaps/kubelet-config", "--namespace=kube-system"],
                &["get", "configmaps/kube-proxy", "--namespace=kube-system"],
                &["get", "nodes"],
            ],
            &[
                &["create", "certificatesigningrequests", "--subresource=selfnodeclient"],
                &["list", "nodes"],
                &["get", "secrets", "--namespace=kube-system"],
                &["get", "configmaps/coredns", "--namespace=kube-system"],
                &["create", "pods"],
            ],
        ),
        (
            "apiserver-kubelet-client.crt",
            control_plane.certificate("/etc/kubernetes/pki/apiserver-kubelet-client"),
            &[
                &["get", "nodes", "--subresource=proxy"],
                &["create", "nodes", "--subresource=proxy"],
                &["get", "nodes", "--subresource=metrics"],
            ],
            &[&["list", "secrets"], &["create", "pods"], &["delete", "nodes"]],
        ),
        (
            "apiserver-kubelet-client.crt, which is not of the cluster's administrators,",
            control_plane.certificate("/etc/kubernetes/pki/apiserver-kubelet-client"),
            &[],
            &[&["*", "*"]],
        ),
    ];
    for (who, caller, allowed, refused) in cases {
        for (asked, expected) in
            allowed.iter().map(|asked| (asked, true)).chain(refused.iter().map(|asked| (asked, false)))
        {
            let name = format!("{who} may {}{}", if expected { "" } else { "not " }, asked.join(" "));
            facts.equal(&name, may(&caller, asked), expected);
        }
    }
    anonymous(control_plane, facts);
}

/// Without a name one may read cluster-info, and the API server's health and version.
fn anonymous(control_plane: &ControlPlane, facts: &Facts) {
    let nobody = control_plane.nobody();
    let ask = |arguments: &[&str]| nobody.kubectl(arguments);
    // By path: kubectl may not ask which resources there are.
    let info = ask(&["get", "--raw=/api/v1/namespaces/kube-public/configmaps/cluster-info"]);
    facts.holds("anybody may read cluster-info", info.is_ok(), || format!("{info:?}"));
    let version = ask(&["get", "--raw=/version"]);
    facts.holds("anybody may ask for the version", version.is_ok(), || format!("{version:?}"));
    for arguments in [
        ["get", "--raw=/api/v1/namespaces/kube-public/configmaps"],
        ["get", "--raw=/api/v1/namespaces/kube-system/configmaps/kubeadm-config"],
        ["get", "--raw=/api/v1/namespaces/kube-system/secrets"],
        ["get", "--raw=/api/v1/nodes"],
        ["get", "--raw=/metrics"],
        ["delete", "--raw=/api/v1/namespaces/kube-public/configmaps/cluster-info"],
    ] {
        let said = ask(&arguments);
        let refused =
            said.as_ref().is_err_and(|said| said.contains("system:anonymous") && said.contains("Forbidden"));
        facts.holds(&format!("nobody may {}", arguments.join(" ")), refused, || format!("{said:?}"));
    }
}

/// The last fact: it takes the administrators' rights away.
pub(super) fn without_rbac(control_plane: &ControlPlane, facts: &Facts) {
    control_plane.caller("admin.conf").get(&["delete", BINDING]);
    facts.becomes(
        "admin.conf has its rights of a binding, super-admin.conf of nothing",
        [false, true],
        || ["admin.conf", "super-admin.conf"].map(|who| may(&control_plane.caller(who), &["*", "*"])),
    );
}

/// Whether who calls may do something, by `kubectl auth can-i`.
pub(super) fn may(caller: &Caller<'_>, asked: &[&str]) -> bool {
    let said = caller.kubectl(&[&["auth", "can-i"], asked].concat());
    let text = said.as_ref().unwrap_or_else(|text| text);
    match text.lines().next_back().map(str::trim) {
        Some("yes") => true,
        Some(text) if text.starts_with("no") => false,
        _ => panic!("kubectl auth can-i {}: {text}", asked.join(" ")),
    }
}
