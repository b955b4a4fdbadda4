//! The kubelet's kubeconfig and client certificate as the kubelet lays them out.
//!
//! Source: kubelet 1.36, recorded files of a joined worker.

use std::collections::BTreeMap;

use super::{JoinError, request::NODE_USER};
use crate::{
    kubeconfig::{Cluster, Context, Kubeconfig, Source, User},
    pki::Certificate,
    time::Timestamp,
};

/// Where the kubelet keeps its certificates.
pub const KUBELET_PKI: &str = "/var/lib/kubelet/pki";
/// The link to the certificate and key in use.
pub const KUBELET_CLIENT_LINK: &str = "/var/lib/kubelet/pki/kubelet-client-current.pem";

/// The key of a first certificate that is under way; the kubelet's own name for it.
pub const KUBELET_CLIENT_KEY: &str = "/var/lib/kubelet/pki/kubelet-client.key.tmp";

/// kubelet.conf as the kubelet writes it: certificate and key are in the file that it rotates.
///
/// # Examples
///
/// ```
/// let kubeconfig = k8sboot_core::join::kubelet_conf("https://192.0.2.10:6443", "PEM\n").to_yaml();
/// assert!(kubeconfig.expose_str().unwrap().contains("client-key: /var/lib/kubelet/pki/kubelet-client-current.pem"));
/// ```
#[must_use]
pub fn kubelet_conf(server: &str, ca_pem: &str) -> Kubeconfig {
    let user = User {
        client_certificate: Some(Source::File(KUBELET_CLIENT_LINK.to_owned())),
        client_key: Some(Source::File(KUBELET_CLIENT_LINK.to_owned())),
        ..User::default()
    };
    let context = Context {
        cluster: "default-cluster".to_owned(),
        user: "default-auth".to_owned(),
        namespace: "default".to_owned(),
        ..Context::default()
    };
    Kubeconfig {
        clusters: BTreeMap::from([("default-cluster".to_owned(), Cluster::new(server, ca_pem))]),
        contexts: BTreeMap::from([("default-context".to_owned(), context)]),
        users: BTreeMap::from([("default-auth".to_owned(), user)]),
        current_context: "default-context".to_owned(),
        ..Kubeconfig::default()
    }
}

/// The path of a client certificate with its key, by the time at which it was stored.
#[must_use]
pub fn kubelet_client_file(at: Timestamp) -> String {
    let (year, month, day, hour, minute, second) = at.civil();
    format!(
        "{KUBELET_PKI}/kubelet-client-{year:04}-{month:02}-{day:02}-{hour:02}-{minute:02}-{second:02}.pem"
    )
}

/// What the client certificate of a kubelet is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeIdentity {
    /// It identifies the node.
    Usable,
    /// There is none yet.
    Missing,
    /// It has expired.
    Expired,
}

/// Judges the client certificate (PEM) that a kubelet.conf leads to; empty if it leads to none.
///
/// # Errors
///
/// [`JoinError::OtherCluster`] if it is not the node's own; `path` names the kubeconfig.
pub fn node_identity(
    path: &str,
    certificate_pem: &str,
    node: &str,
    now: Timestamp,
) -> Result<NodeIdentity, JoinError> {
    let Ok(certificate) = Certificate::from_pem(certificate_pem) else { return Ok(NodeIdentity::Missing) };
    let found = certificate.subject().subject().common_name;
    if found != format!("{NODE_USER}{node}") {
        return Err(JoinError::OtherCluster {
            path: path.to_owned(),
            expected: "the identity of this node (nodeRegistration.name)",
            found,
        });
    }
    if certificate.info().not_after < now {
        return Ok(NodeIdentity::Expired);
    }
    Ok(NodeIdentity::Usable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_files_as_the_kubelet_does() {
        let at = "2026-11-23T04:05:06Z".parse().unwrap();
        assert_eq!(kubelet_client_file(at), "/var/lib/kubelet/pki/kubelet-client-2026-11-23-04-05-06.pem");
    }
}
