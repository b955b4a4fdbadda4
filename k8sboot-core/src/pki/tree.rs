//! The tree of certificates and kubeconfig clients of a control-plane node, as a table.
//!
//! Source: kubeadm 1.36, `init phase certs` and `init phase kubeconfig`, in their order.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    CertClass::{self, Ca, Client, Peer, Server},
    CertSpec, KeyAlgorithm, KeySpec, KubeconfigSpec, NotBefore, PkiError, Policy, San, Subject,
};
use crate::config::InitConfig;

/// One line of the table.
struct Row {
    name: &'static str,
    path: &'static str,
    issuer: &'static str,
    class: CertClass,
    /// `NODE` stands for the node's name.
    common_name: &'static str,
    names: Names,
}

/// Which subject alternative names a certificate has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    Absent,
    Own,
    ApiServer,
    EtcdServer,
    EtcdPeer,
}

const SELF: &str = "";
const NODE: &str = "NODE";
const ETCD: &str = "etcd-ca";

#[rustfmt::skip]
const TREE: [Row; 10] = [
    row("ca",                       "ca",                       SELF,             Ca,     "kubernetes",                     Names::Own),
    row("apiserver",                "apiserver",                "ca",             Server, "kube-apiserver",                 Names::ApiServer),
    row("apiserver-kubelet-client", "apiserver-kubelet-client", "ca",             Client, "kube-apiserver-kubelet-client",  Names::Absent),
    row("front-proxy-ca",           "front-proxy-ca",           SELF,             Ca,     "front-proxy-ca",                 Names::Own),
    row("front-proxy-client",       "front-proxy-client",       "front-proxy-ca", Client, "front-proxy-client",             Names::Absent),
    row(ETCD,                       "etcd/ca",                  SELF,             Ca,     "etcd-ca",                        Names::Own),
    row("etcd-server",              "etcd/server",              ETCD,             Peer,   NODE,                             Names::EtcdServer),
    row("etcd-peer",                "etcd/peer",                ETCD,             Peer,   NODE,                             Names::EtcdPeer),
    row("etcd-healthcheck-client",  "etcd/healthcheck-client",  ETCD,             Client, "kube-etcd-healthcheck-client",   Names::Absent),
    row("apiserver-etcd-client",    "apiserver-etcd-client",    ETCD,             Client, "kube-apiserver-etcd-client",     Names::Absent),
];

const fn row(
    name: &'static str,
    path: &'static str,
    issuer: &'static str,
    class: CertClass,
    common_name: &'static str,
    names: Names,
) -> Row {
    Row { name, path, issuer, class, common_name, names }
}

/// Which API server a kubeconfig points at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Points {
    /// The common endpoint, if there is one.
    AtCluster,
    /// This node's own.
    AtNode,
}

/// File, user (`NODE` at its end stands for the node's name), group and server of each kubeconfig.
const KUBECONFIGS: [(&str, &str, Option<&str>, Points); 5] = [
    ("admin.conf", "kubernetes-admin", Some("kubeadm:cluster-admins"), Points::AtCluster),
    ("super-admin.conf", "kubernetes-super-admin", Some("system:masters"), Points::AtCluster),
    ("kubelet.conf", "system:node:NODE", Some("system:nodes"), Points::AtNode),
    ("controller-manager.conf", "system:kube-controller-manager", None, Points::AtNode),
    ("scheduler.conf", "system:kube-scheduler", None, Points::AtNode),
];

/// The certificates of a control-plane node, in the order in which kubeadm makes them.
///
/// With external etcd the etcd CA and everything it would sign are left out.
///
/// # Errors
///
/// [`PkiError::San`] if a name of `certSANs`, `serverCertSANs` or `peerCertSANs` is neither address nor DNS name;
/// [`PkiError::Spec`] if the first service CIDR has no second address.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::{config::Documents, facts::NodeFacts, pki};
/// # let text = "{apiVersion: kubeadm.k8s.io/v1beta4, kind: InitConfiguration, localAPIEndpoint: {advertiseAddress: 192.0.2.1}}
/// # ---
/// # {apiVersion: kubeadm.k8s.io/v1beta4, kind: ClusterConfiguration, kubernetesVersion: v1.36.2}";
/// let config = Documents::parse(text)?.into_init(&NodeFacts::named("node-1"), None)?;
/// let tree = pki::control_plane(&config)?;
/// assert_eq!(tree.len(), 10);
/// assert_eq!(tree[1].dns_names.last().map(String::as_str), Some("node-1"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn control_plane(config: &InitConfig) -> Result<Vec<CertSpec>, PkiError> {
    control_plane_with(config, &Policy::default())
}

/// [`control_plane`] with algorithms and lifetimes of a policy.
///
/// # Errors
///
/// As [`control_plane`], and [`PkiError::AlgorithmRefused`].
pub fn control_plane_with(config: &InitConfig, policy: &Policy) -> Result<Vec<CertSpec>, PkiError> {
    let external_etcd = config.cluster().etcd.external.is_some();
    let rows = TREE.iter().filter(|row| !(external_etcd && (row.name == ETCD || row.issuer == ETCD)));
    rows.map(|row| policy.apply(spec(row, config)?)).collect()
}

/// The service-account key pair: `sa.key` signs tokens, `sa.pub` verifies them.
#[must_use]
pub fn service_account(config: &InitConfig) -> KeySpec {
    KeySpec { path: "sa", algorithm: KeyAlgorithm::from(config.algorithm()) }
}

/// The kubeconfigs that init makes, in kubeadm's order: admin, super-admin, kubelet, controller-manager, scheduler.
#[must_use]
pub fn kubeconfigs(config: &InitConfig) -> Vec<KubeconfigSpec> {
    KUBECONFIGS
        .iter()
        .map(|(file, user, group, points)| kubeconfig(config, file, user, *group, *points))
        .collect()
}

/// [`kubeconfigs`] with algorithms and lifetimes of a policy.
///
/// # Errors
///
/// [`PkiError::AlgorithmRefused`]; no algorithm is refused for clients at present.
pub fn kubeconfigs_with(config: &InitConfig, policy: &Policy) -> Result<Vec<KubeconfigSpec>, PkiError> {
    let with_policy = |mut spec: KubeconfigSpec| {
        spec.client = policy.apply(spec.client)?;
        Ok(spec)
    };
    kubeconfigs(config).into_iter().map(with_policy).collect()
}

/// kubeadm's sentence about a certificate or kubeconfig, for example `certificate for serving etcd`.
#[must_use]
pub fn description(name: &str) -> Option<&'static str> {
    Some(match name {
        "ca" => "self-signed Kubernetes CA to provision identities for other Kubernetes components",
        "apiserver" => "certificate for serving the Kubernetes API",
        "apiserver-kubelet-client" => "certificate for the API server to connect to kubelet",
        "front-proxy-ca" => "self-signed CA to provision identities for front proxy",
        "front-proxy-client" => "certificate for the front proxy client",
        "etcd-ca" => "self-signed CA to provision identities for etcd",
        "etcd-server" => "certificate for serving etcd",
        "etcd-peer" => "certificate for etcd nodes to communicate with each other",
        "etcd-healthcheck-client" => "certificate for liveness probes to healthcheck etcd",
        "apiserver-etcd-client" => "certificate the apiserver uses to access etcd",
        "admin.conf" => {
            "certificate embedded in the kubeconfig file for the admin to use and for kubeadm itself"
        }
        "super-admin.conf" => "certificate embedded in the kubeconfig file for the super-admin",
        "controller-manager.conf" => {
            "certificate embedded in the kubeconfig file for the controller manager to use"
        }
        "scheduler.conf" => "certificate embedded in the kubeconfig file for the scheduler manager to use",
        _ => return None,
    })
}

fn spec(row: &Row, config: &InitConfig) -> Result<CertSpec, PkiError> {
    let common_name = row.common_name.replace(NODE, config.node_name());
    let (dns_names, ip_addresses) = names(row, config)?;
    let spec = CertSpec {
        name: row.name.to_owned(),
        path: row.path.to_owned(),
        issuer: (row.issuer != SELF).then(|| row.issuer.to_owned()),
        class: row.class,
        subject: Subject::named(common_name),
        dns_names,
        ip_addresses,
        algorithm: KeyAlgorithm::from(config.algorithm()),
        validity: if row.class == Ca { config.ca_validity() } else { config.leaf_validity() },
        not_before: NotBefore::Backdated,
    };
    Ok(spec.normalised())
}

fn names(row: &Row, config: &InitConfig) -> Result<(Vec<String>, Vec<IpAddr>), PkiError> {
    let cluster = config.cluster();
    let mut dns: Vec<String> = Vec::new();
    let mut addresses = Vec::new();
    let mut further: Vec<&str> = Vec::new();
    let etcd = cluster.etcd.local.as_ref();
    match row.names {
        Names::Absent => {}
        Names::Own => dns.push(row.common_name.to_owned()),
        Names::ApiServer => {
            let first = config.service_subnets().first().and_then(|services| services.nth(1));
            addresses.push(first.ok_or_else(|| PkiError::Spec {
                name: row.name.to_owned(),
                expected: "a service CIDR with at least two addresses",
                found: cluster.networking.service_subnet.clone(),
            })?);
            addresses.push(config.advertise_address());
            dns.extend(["kubernetes", "kubernetes.default", "kubernetes.default.svc"].map(str::to_owned));
            dns.push(format!("kubernetes.default.svc.{}", cluster.networking.dns_domain));
            dns.push(config.node_name().to_owned());
            further.extend(config.control_plane_endpoint().map(|endpoint| endpoint.host.as_str()));
            further.extend(cluster.api_server.cert_sans.iter().map(String::as_str));
        }
        Names::EtcdServer | Names::EtcdPeer => {
            dns.extend([config.node_name().to_owned(), "localhost".to_owned()]);
            addresses.push(config.advertise_address());
            addresses.extend([IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)]);
            let given = etcd.map(|etcd| match row.names {
                Names::EtcdServer => &etcd.server_cert_sans,
                _ => &etcd.peer_cert_sans,
            });
            further.extend(given.into_iter().flatten().map(String::as_str));
        }
    }
    for text in further {
        // kubeadm lowers the API server's names and refuses etcd's in capitals; the configuration has seen to the latter.
        match text.to_lowercase().parse()? {
            San::Dns(name) => dns.push(name),
            San::Ip(address) => addresses.push(address),
        }
    }
    Ok((dns, addresses))
}

fn kubeconfig(
    config: &InitConfig,
    file: &'static str,
    user: &str,
    group: Option<&str>,
    points: Points,
) -> KubeconfigSpec {
    let user = user.replace(NODE, config.node_name());
    let subject = Subject::named(&user).with_organizations(group);
    let mut client = CertSpec::user(file, subject, KeyAlgorithm::from(config.algorithm()));
    client.validity = config.leaf_validity();
    let server = match points {
        Points::AtCluster => config.api_server(),
        Points::AtNode => config.local_api_server(),
    };
    KubeconfigSpec { file, user, server, cluster: config.cluster().cluster_name.clone(), client }
}
