//! ClusterConfiguration, apart from its subnets and etcd.

use super::{
    super::{
        init::{ControlPlaneEndpoint, EncryptionAlgorithm},
        labels, suggest,
        v1beta4::{ClusterConfiguration, EnvVar, HostPathMount},
    },
    Report, etcd,
    text::{absolute, arguments, host_port, repository, sans},
};
use crate::{config::error::quoted, time::GoDuration, version::Version};

/// What the rules proved about a ClusterConfiguration.
pub(in crate::config) struct Cluster {
    pub(in crate::config) version: Option<Version>,
    pub(in crate::config) endpoint: Option<ControlPlaneEndpoint>,
    pub(in crate::config) algorithm: EncryptionAlgorithm,
}

const ALGORITHMS: [EncryptionAlgorithm; 5] = [
    EncryptionAlgorithm::Rsa2048,
    EncryptionAlgorithm::Rsa3072,
    EncryptionAlgorithm::Rsa4096,
    EncryptionAlgorithm::EcdsaP256,
    EncryptionAlgorithm::EcdsaP384,
];

const PATH_TYPES: [&str; 8] =
    ["", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice"];

const ECDSA_GATE: &str = "PublicKeysECDSA";
const GATES: [&str; 3] = ["NodeLocalCRISocket", ECDSA_GATE, "RootlessControlPlane"];

/// The rules for a ClusterConfiguration whose defaults are filled in.
pub(in crate::config) fn cluster(report: &mut Report<'_>, cluster: &ClusterConfiguration) -> Cluster {
    report.on("ClusterConfiguration");
    etcd::etcd(report, &cluster.etcd);
    let version = version(report, &cluster.kubernetes_version);
    let endpoint = endpoint(report, &cluster.control_plane_endpoint);
    sans(report, "apiServer.certSANs", &cluster.api_server.cert_sans);
    let (api_server, manager, scheduler) =
        (&cluster.api_server, &cluster.controller_manager, &cluster.scheduler);
    for (component, args, volumes, envs) in [
        ("apiServer", &api_server.extra_args, &api_server.extra_volumes, &api_server.extra_envs),
        ("controllerManager", &manager.extra_args, &manager.extra_volumes, &manager.extra_envs),
        ("scheduler", &scheduler.extra_args, &scheduler.extra_volumes, &scheduler.extra_envs),
    ] {
        arguments(report, &format!("{component}.extraArgs"), args);
        mounts(report, &format!("{component}.extraVolumes"), volumes);
        variables(report, &format!("{component}.extraEnvs"), envs);
    }
    if let Some(local) = &cluster.etcd.local {
        variables(report, "etcd.local.extraEnvs", &local.extra_envs);
    }
    absolute(report, "certificatesDir", &cluster.certificates_dir);
    repository(report, "imageRepository", &cluster.image_repository);
    if !cluster.dns.image_repository.is_empty() {
        repository(report, "dns.imageRepository", &cluster.dns.image_repository);
    }
    periods(report, cluster);
    gates(report, cluster);
    Cluster { version, endpoint, algorithm: encryption_algorithm(report, cluster) }
}

/// The kind of keys; the deprecated feature gate goes before the field.
fn encryption_algorithm(report: &mut Report<'_>, cluster: &ClusterConfiguration) -> EncryptionAlgorithm {
    let named = ALGORITHMS.into_iter().find(|known| known.name() == cluster.encryption_algorithm);
    if named.is_none() {
        report.one_of(
            "encryptionAlgorithm",
            &cluster.encryption_algorithm,
            &ALGORITHMS.map(EncryptionAlgorithm::name),
        );
    }
    match cluster.feature_gates.get(ECDSA_GATE) {
        None => named.unwrap_or(EncryptionAlgorithm::Rsa2048),
        Some(ecdsa) => {
            if *ecdsa {
                EncryptionAlgorithm::EcdsaP256
            } else {
                EncryptionAlgorithm::Rsa2048
            }
        }
    }
}

fn version(report: &mut Report<'_>, text: &str) -> Option<Version> {
    const FIELD: &str = "kubernetesVersion";
    let Ok(version) = text.parse::<Version>() else {
        report.value(FIELD, "a version like v1.36.2 or a label like stable-1.36", text, "");
        return None;
    };
    let (oldest, newest) = (labels::OLDEST_MINOR, labels::NEWEST_MINOR);
    if version.major() != 1 || version.minor() < oldest {
        report.value(FIELD, &format!("v1.{oldest}.0 or newer"), text, "older ones need an older release");
        return None;
    }
    if version.minor() > newest {
        let remedy = format!("it is set up as 1.{newest}, the newest that is known here");
        report.warn(FIELD, &format!("v1.{newest} or older"), format!("{text:?}"), &remedy);
    }
    Some(version)
}

fn endpoint(report: &mut Report<'_>, text: &str) -> Option<ControlPlaneEndpoint> {
    if text.is_empty() {
        return None;
    }
    match host_port(text) {
        Ok((host, port)) => Some(ControlPlaneEndpoint { host, port }),
        Err(remedy) => {
            report.value("controlPlaneEndpoint", "HOST or HOST:PORT", text, remedy);
            None
        }
    }
}

fn mounts(report: &mut Report<'_>, field: &str, mounts: &[HostPathMount]) {
    for (index, mount) in mounts.iter().enumerate() {
        for (name, text) in
            [("name", &mount.name), ("hostPath", &mount.host_path), ("mountPath", &mount.mount_path)]
        {
            if text.is_empty() {
                report.missing(&format!("{field}[{index}].{name}"), "a text that is not empty", "");
            }
        }
        report.one_of(&format!("{field}[{index}].pathType"), &mount.path_type, &PATH_TYPES);
        if let Some(first) = mounts.iter().take(index).position(|other| other.name == mount.name) {
            let found = format!("{} of item {first} again", quoted(&mount.name));
            report.duplicate(&format!("{field}[{index}].name"), "each name once", found);
        }
    }
}

fn variables(report: &mut Report<'_>, field: &str, variables: &[EnvVar]) {
    for (index, variable) in variables.iter().enumerate() {
        let field = format!("{field}[{index}]");
        if variable.name.is_empty() {
            report.missing(&format!("{field}.name"), "the name of a variable", "");
        }
        if !variable.value.is_empty() && variable.value_from.is_some() {
            report.conflict(&field, "either value or valueFrom", "both".into(), "leave one of them out");
        }
    }
}

fn periods(report: &mut Report<'_>, cluster: &ClusterConfiguration) {
    let (leaf, authority) = (cluster.certificate_validity_period, cluster.ca_certificate_validity_period);
    for (field, period, usual) in [
        ("certificateValidityPeriod", leaf, GoDuration::from_seconds(31_536_000)),
        ("caCertificateValidityPeriod", authority, GoDuration::from_seconds(315_360_000)),
    ] {
        let Some(period) = period else { continue };
        if period <= GoDuration::ZERO {
            let remedy = "the certificates would be expired when they are made";
            report.value_of(field, "a period longer than zero", period.to_string(), remedy);
        } else if period > usual {
            let expected = format!("at most {usual}, the default");
            report.warn(field, &expected, period.to_string(), "long-lived certificates cannot be revoked");
        }
    }
    if let (Some(leaf), Some(authority)) = (leaf, authority)
        && leaf > authority
    {
        let expected = "a period no longer than caCertificateValidityPeriod";
        let found = format!("{leaf}, while authorities live {authority}");
        report.warn("certificateValidityPeriod", expected, found, "certificates end with their authority");
    }
}

fn gates(report: &mut Report<'_>, cluster: &ClusterConfiguration) {
    for (name, on) in &cluster.feature_gates {
        let field = format!("featureGates.{name}");
        let found = on.to_string();
        match name.as_str() {
            "NodeLocalCRISocket" => {
                if !on {
                    report.warn(&field, "true", found, "the runtime endpoint becomes a flag again; kubeadm 1.37 has no such gate: take the entry out");
                }
            }
            "RootlessControlPlane" => {
                if *on {
                    let remedy = "not supported: the control plane runs as root";
                    report.warn(&field, "false", found, remedy);
                }
            }
            ECDSA_GATE => {
                let algorithm = if *on { "ECDSA-P256" } else { "RSA-2048" };
                let remedy =
                    format!("deprecated: write encryptionAlgorithm: {algorithm}, which it stands for");
                report.warn(&field, "encryptionAlgorithm instead", found, &remedy);
            }
            _ => {
                let remedy = suggest::did_you_mean(name, GATES);
                let expected = format!("one of kubeadm's feature gates {}", GATES.join(", "));
                report.value(&field, &expected, name, &remedy);
            }
        }
    }
}
