//! What the benches share: the seed's cluster, and its PKI tree made in memory.

use std::{
    num::NonZeroUsize,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use k8sboot_core::{
    config::{Documents, InitConfig},
    entropy::{Seeded, System},
    facts::NodeFacts,
    kubeconfig::Kubeconfig,
    manifest::{
        PatchSet, RenderOptions,
        cluster::{self, ObjectInputs},
        kubelet, static_pods,
    },
    pki::{
        self, Ca, CertSpec, Issuing, KeyAlgorithm, KeyPair, KeySource, PkiError, RandomKeys, Signer,
        generate_all,
    },
    secret::SecretBytes,
    time::Timestamp,
    token::BootstrapToken,
};

use crate::Failure;

/// The seed's cluster, as in `examples/seed-cluster.yaml`, with `encryptionAlgorithm` set.
#[must_use]
pub fn seed_text(algorithm: KeyAlgorithm) -> String {
    format!(
        "\
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
bootstrapTokens:
- token: abcdef.0123456789abcdef
localAPIEndpoint:
  advertiseAddress: 10.47.217.91
nodeRegistration:
  name: master-1
  criSocket: unix:///var/run/containerd/containerd.sock
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
encryptionAlgorithm: {algorithm}
networking:
  podSubnet: 10.244.0.0/16
apiServer:
  certSANs:
  - 123.56.200.187
"
    )
}

/// A cluster with several control planes that uses most of what a configuration can say: kubeadm's recorded case `ha`.
pub const HA_TEXT: &str = include_str!("../../k8sboot-core/tests/fixtures/kubeadm-1.36/cases/ha/config.yaml");

/// The seed's cluster, read and proven.
///
/// # Errors
///
/// Those of reading a configuration.
pub fn seed(algorithm: KeyAlgorithm) -> Result<InitConfig, Failure> {
    read(&seed_text(algorithm))
}

/// A configuration, read and proven.
///
/// # Errors
///
/// Those of reading a configuration.
pub fn read(text: &str) -> Result<InitConfig, Failure> {
    Ok(Documents::parse(text)?.into_init(&NodeFacts::named("master-1"), None)?)
}

/// The token of the seed's cluster.
///
/// # Errors
///
/// None: the token is well-formed.
pub fn token() -> Result<BootstrapToken, Failure> {
    Ok("abcdef.0123456789abcdef".parse()?)
}

/// The time that benches run at.
#[must_use]
pub const fn now() -> Timestamp {
    Timestamp::from_seconds(1_800_000_000)
}

/// As many threads as the machine runs at once.
#[must_use]
pub fn threads() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Makes RSA keys from a seed and a running number: another key each time, the same series in each run of the program.
///
/// The search for primes takes a few tries or many; with one series for all, two runs of a bench compare. ECDSA keys
/// come from the operating system all the same.
#[derive(Debug)]
pub struct Series {
    entropy: Seeded,
    next: AtomicU64,
}

impl Series {
    /// The series from its beginning.
    #[must_use]
    pub fn new() -> Self {
        Self { entropy: Seeded::new(b"k8sboot benches"), next: AtomicU64::new(0) }
    }
}

impl Default for Series {
    fn default() -> Self {
        Self::new()
    }
}

impl KeySource for Series {
    fn generate(&self, algorithm: KeyAlgorithm, purpose: &str) -> Result<KeyPair, PkiError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        RandomKeys::new(&self.entropy).generate(algorithm, &format!("{purpose}/{number}"))
    }
}

/// Everything below the certificates directory and the five kubeconfigs of a first control plane, as file contents:
/// keys made on `threads` threads, certificates signed by new CAs, all of it encoded as the files hold it.
///
/// # Errors
///
/// Those of the key source and of issuing.
pub fn whole_tree(
    config: &InitConfig,
    keys: &dyn KeySource,
    threads: NonZeroUsize,
) -> Result<Vec<(String, SecretBytes)>, Failure> {
    let specs = pki::control_plane(config)?;
    let kubeconfigs = pki::kubeconfigs(config);
    let account = pki::service_account(config);
    let clients = kubeconfigs.iter().map(|kubeconfig| &kubeconfig.client);
    let mut wanted: Vec<_> =
        specs.iter().chain(clients).map(|spec| (spec.name.as_str(), spec.algorithm)).collect();
    wanted.push((account.path, account.algorithm));
    let mut made = generate_all(keys, &wanted, threads)?.into_iter();
    let mut next_key = || made.next().ok_or("fewer keys than wanted");

    let with = Issuing { keys, entropy: &System, now: now() };
    let mut files = Vec::new();
    let mut authorities: Vec<(&str, Ca)> = Vec::new();
    for spec in &specs {
        let key = next_key()?;
        files.push((format!("{}.key", spec.path), key.to_pem()));
        let pem = match issuer(&authorities, spec)? {
            Some(ca) => ca.issue_for_key(spec, key.public_key(), &with)?.to_pem(),
            None => {
                let ca = Ca::self_signed_with(spec, key, &with)?;
                let pem = ca.certificate().to_pem();
                authorities.push((&spec.name, ca));
                pem
            }
        };
        files.push((format!("{}.crt", spec.path), pem.into()));
    }
    for spec in &kubeconfigs {
        let key = next_key()?;
        let ca = issuer(&authorities, &spec.client)?.ok_or("a kubeconfig's client signs itself")?;
        let certificate = ca.issue_for_key(&spec.client, key.public_key(), &with)?;
        let kubeconfig = Kubeconfig::client_certificate(
            &spec.cluster,
            &spec.server,
            &ca.chain_pem(),
            &spec.user,
            &certificate.to_pem(),
            &key.to_pem(),
        );
        files.push((spec.file.to_owned(), kubeconfig.to_yaml()));
    }
    let account_key = next_key()?;
    files.push((format!("{}.key", account.path), account_key.to_pem()));
    files.push((format!("{}.pub", account.path), account_key.public_key().to_pem().into()));
    Ok(files)
}

/// Everything else that init makes, as file contents: static pods, the kubelet's files, and the API objects.
///
/// # Errors
///
/// Those of rendering.
pub fn whole_manifests(config: &InitConfig, ca_pem: &str) -> Result<Vec<(String, String)>, Failure> {
    let mut files = Vec::new();
    for pod in static_pods(config, &RenderOptions::default())? {
        files.push((format!("{}.yaml", pod.component), pod.object.to_yaml()));
    }
    files.push(("config.yaml".to_owned(), kubelet::node_config_yaml(config, &PatchSet::none())?));
    files.push(("instance-config.yaml".to_owned(), kubelet::instance_config_yaml(config)));
    files.push(("kubeadm-flags.env".to_owned(), kubelet::flags_env(config)));
    for staged in cluster::objects(config, &ObjectInputs::new(ca_pem, now()))? {
        files.push((cluster::file_name(&staged.object), staged.object.to_yaml()));
    }
    Ok(files)
}

fn issuer<'a>(authorities: &'a [(&str, Ca)], spec: &CertSpec) -> Result<Option<&'a Ca>, Failure> {
    let Some(wanted) = &spec.issuer else { return Ok(None) };
    let found = authorities.iter().find(|(name, _)| name == wanted);
    found.map(|(_, ca)| Some(ca)).ok_or_else(|| format!("{}: no CA {wanted}", spec.name).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_tree_is_what_kubeadm_lists_for_the_seed() {
        let config = seed(KeyAlgorithm::EcdsaP256).unwrap();
        let tree = whole_tree(&config, &Series::new(), threads()).unwrap();
        // Ten certificates with keys, the service-account pair and five kubeconfigs.
        assert_eq!(tree.len(), 27);
        assert!(tree.iter().all(|(_, content)| !content.is_empty()));
    }

    #[test]
    fn the_manifests_are_four_pods_three_files_and_the_objects_of_the_recorded_case() {
        let config = seed(KeyAlgorithm::EcdsaP256).unwrap();
        let files = whole_manifests(&config, "CA").unwrap();
        // 29 objects were recorded for the seed, the patch of the Node not counted.
        assert_eq!(files.len(), 4 + 3 + 29);
        assert!(read(HA_TEXT).is_ok());
    }

    #[test]
    fn a_series_begins_the_same_and_goes_on_with_others() {
        let (a, b) = (Series::new(), Series::new());
        let key = |series: &Series| series.generate(KeyAlgorithm::Ed25519, "ca").unwrap().to_pem();
        let (first, second) = (key(&a), key(&a));
        assert_eq!(first.expose(), key(&b).expose());
        assert_ne!(first.expose(), second.expose());
    }
}
