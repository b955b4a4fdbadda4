//! Certificates: against kubeadm's, OpenSSL's and rcgen's idea of them.
// The lints' exemption for tests covers only functions marked as such, not their helpers.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod golden;
mod issuing;
mod lifecycle;
mod openssl;

use std::{collections::BTreeMap, path::PathBuf};

use k8sboot_core::{
    config::{Documents, InitConfig},
    entropy::{Seeded, System},
    facts::NodeFacts,
    pki::{
        self, Ca, CertSpec, Certificate, Issued, Issuing, KeyAlgorithm, KeyPair, KeySource, KubeconfigSpec,
        PkiError, RandomKeys,
    },
    secret::SecretBytes,
    time::Timestamp,
};

use crate::support::fixture;

/// 2026-11-23T03:02:02Z.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_795_402_922);

/// RSA-2048 from files, since making such keys takes long without optimisation; the rest new.
pub(crate) struct Keys;

impl KeySource for Keys {
    fn generate(&self, algorithm: KeyAlgorithm, purpose: &str) -> Result<KeyPair, PkiError> {
        if algorithm != KeyAlgorithm::Rsa2048 {
            return RandomKeys::new(&System).generate(algorithm, purpose);
        }
        let name = if matches!(purpose, "ca" | "front-proxy-ca" | "etcd-ca") { purpose } else { "leaf" };
        KeyPair::from_pem(&SecretBytes::from(key_file(name)))
    }
}

pub(crate) fn key_file(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/keys/rsa-{name}.pem"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs `work` with [`Keys`], seeded serial numbers and [`NOW`].
pub(crate) fn issuing<T>(work: impl FnOnce(&Issuing<'_>) -> T) -> T {
    at(NOW, work)
}

pub(crate) fn at<T>(now: Timestamp, work: impl FnOnce(&Issuing<'_>) -> T) -> T {
    work(&Issuing { keys: &Keys, entropy: &Seeded::new(b"tests"), now })
}

/// The configuration of a golden case.
pub(crate) fn case(name: &str) -> InitConfig {
    let environment = fixture(&format!("cases/{name}/host.env"));
    let host = environment.lines().find_map(|line| line.strip_prefix("HOST_NAME=")).unwrap().to_owned();
    let text = fixture(&format!("cases/{name}/config.yaml"));
    Documents::parse(&text).unwrap().into_init(&NodeFacts::named(host), None).unwrap()
}

/// A configuration of a few lines: what follows `kubernetesVersion` in the ClusterConfiguration.
pub(crate) fn config(node: &str, address: &str, cluster: &str) -> InitConfig {
    let text = format!(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint: {{advertiseAddress: \"{address}\"}}\n\
         nodeRegistration: {{name: {node}}}\n---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n\
         kubernetesVersion: v1.36.2\n{cluster}\n"
    );
    Documents::parse(&text).unwrap().into_init(&NodeFacts::named(node), None).unwrap()
}

/// Everything that a control-plane node gets.
pub(crate) struct Tree {
    pub(crate) specs: Vec<CertSpec>,
    pub(crate) cas: BTreeMap<String, Ca>,
    pub(crate) leaves: BTreeMap<String, Issued>,
    pub(crate) kubeconfigs: Vec<(KubeconfigSpec, Issued)>,
}

impl Tree {
    pub(crate) fn of(specs: Vec<CertSpec>, kubeconfigs: Vec<KubeconfigSpec>) -> Self {
        issuing(|with| {
            let (mut cas, mut leaves) = (BTreeMap::new(), BTreeMap::new());
            for spec in &specs {
                match &spec.issuer {
                    None => drop(cas.insert(spec.name.clone(), Ca::self_signed(spec, with).unwrap())),
                    Some(issuer) => {
                        drop(leaves.insert(spec.name.clone(), cas[issuer].issue(spec, with).unwrap()))
                    }
                }
            }
            let kubeconfigs = kubeconfigs.into_iter().map(|spec| {
                let issued = cas["ca"].issue(&spec.client, with).unwrap();
                (spec, issued)
            });
            let kubeconfigs = kubeconfigs.collect();
            Self { specs, cas, leaves, kubeconfigs }
        })
    }

    pub(crate) fn of_config(config: &InitConfig) -> Self {
        Self::of(pki::control_plane(config).unwrap(), pki::kubeconfigs(config))
    }

    /// Certificate and key by kubeadm's name.
    pub(crate) fn pair(&self, name: &str) -> (&Certificate, &KeyPair) {
        match self.cas.get(name) {
            Some(ca) => (ca.certificate(), ca.key().unwrap()),
            None => (&self.leaves[name].certificate, &self.leaves[name].key),
        }
    }

    pub(crate) fn spec(&self, name: &str) -> &CertSpec {
        self.specs.iter().find(|spec| spec.name == name).unwrap()
    }
}
