//! The executor for a node tree: files, keys, certificates, kubeconfigs.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use super::{BoxFuture, Check, ExecError, Executor, Outcome, Run, Tree, read_authority};
use crate::{
    entropy::{Entropy, System},
    kubeconfig::Kubeconfig,
    pki::{
        Ca, Certificate, Issuing, KeyAlgorithm, KeyPair, KeySource, PkiError, RandomKeys, Signer,
        generate_all,
    },
    plan::{Action, ClientKubeconfig, Guard, IssuerRef, KeyPairAction, Plan, Step},
    secret::SecretBytes,
    time::Timestamp,
};

pub(super) const CERTIFICATE_MODE: u32 = 0o644;
pub(super) const SECRET_MODE: u32 = 0o600;

/// Carries out steps on a node tree. Keys are made from the operating system's randomness, times come from its clock;
/// both can be injected.
pub struct Host {
    tree: Tree,
    entropy: Arc<dyn Entropy>,
    keys: Arc<dyn KeySource>,
    now: Timestamp,
    threads: NonZeroUsize,
    ready: Mutex<BTreeMap<String, KeyPair>>,
    authorities: BTreeMap<String, Ca>,
}

impl Host {
    /// An executor for a tree, with the system's randomness and the present time.
    ///
    /// One executor has one clock, read here, as one kubeadm process has.
    #[must_use]
    pub fn new(tree: Tree) -> Self {
        Self {
            tree: tree.batched(),
            entropy: Arc::new(System),
            keys: Arc::new(RandomKeys::new(&System)),
            now: Timestamp::from(SystemTime::now()),
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            ready: Mutex::new(BTreeMap::new()),
            authorities: BTreeMap::new(),
        }
    }

    /// Uses another clock, source of randomness and source of keys.
    #[must_use]
    pub fn with_sources(
        mut self,
        now: Timestamp,
        entropy: Arc<dyn Entropy>,
        keys: Arc<dyn KeySource>,
    ) -> Self {
        self.now = now;
        self.entropy = entropy;
        self.keys = keys;
        self
    }

    /// Uses at most this many threads for making keys; default: as many as the machine runs at once.
    #[must_use]
    pub const fn with_threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
        self
    }

    /// The tree it works on.
    #[must_use]
    pub const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Whether executors of this kind can do a step: all but those that talk to an API server.
    ///
    /// # Errors
    ///
    /// [`ExecError::Unsupported`].
    pub fn check_step(step: &Step) -> Result<(), ExecError> {
        if step.action.needs_cluster() { Err(unsupported(step)) } else { Ok(()) }
    }

    fn make_keys(&self, plan: &Plan, run: &Run) -> Result<(), ExecError> {
        let wanted: Vec<(String, KeyAlgorithm)> =
            plan.steps().iter().filter_map(|step| key_of(&step.action)).collect();
        if run.cancel.is_triggered() || wanted.is_empty() {
            return Ok(());
        }
        let list: Vec<(&str, KeyAlgorithm)> =
            wanted.iter().map(|(name, algorithm)| (name.as_str(), *algorithm)).collect();
        let made = generate_all(&*self.keys, &list, self.threads).map_err(|source| ExecError::Pki {
            path: format!("the keys of stage {}", plan.stage),
            source: Box::new(source),
        })?;
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        ready.extend(wanted.into_iter().map(|(name, _)| name).zip(made));
        Ok(())
    }

    pub(super) fn carry_out(&mut self, step: &Step) -> Result<Outcome, ExecError> {
        match &step.action {
            Action::MakeDirectory { path, mode } => Ok(self.tree.make_directory(path, *mode)?),
            Action::WriteFile { path, mode, content } => {
                self.make_parent(path)?;
                Ok(self.tree.write(path, content.as_bytes(), *mode, step.guard)?)
            }
            Action::EnsureKeyPair(pair) => self.key_pair(pair),
            Action::EnsureKey { path, algorithm, key_exists } => self.key(path, *algorithm, *key_exists),
            Action::WriteKubeconfig(kubeconfig) => self.kubeconfig(kubeconfig, step.guard),
            Action::Renew(renew) if renew.kubeconfig => self.renew_kubeconfig(renew, step.guard),
            Action::Renew(renew) => self.renew_pair(renew, step.guard),
            Action::Request(request) => self.request(request),
            Action::PublishTemporary { path } => Ok(self.tree.publish_temporary(path)?),
            Action::RemovePath { path } => Ok(self.tree.remove_file(path)?),
            Action::WriteCredentials { path, kubeconfig } => {
                self.make_parent(path)?;
                Ok(self.tree.write(path, kubeconfig.to_yaml().expose(), SECRET_MODE, step.guard)?)
            }
            Action::PointKubeconfig { path, client } => {
                super::point::point(&self.tree, path, client, step.guard)
            }
            _ => Err(unsupported(step)),
        }
    }

    fn key_pair(&mut self, pair: &KeyPairAction) -> Result<Outcome, ExecError> {
        let certificate_path = format!("{}.crt", pair.path);
        let key_path = format!("{}.key", pair.path);
        let at =
            |source: PkiError| ExecError::Pki { path: certificate_path.clone(), source: Box::new(source) };
        self.make_parent(&key_path)?;
        let key = if pair.key_exists {
            self.read_key(&key_path)?
        } else {
            let key = self.take_key(&pair.spec.name, pair.spec.algorithm, &key_path)?;
            // The key first: a key without certificate is completed by the next run, a certificate without key is not.
            self.tree.write(&key_path, key.to_pem().expose(), SECRET_MODE, Guard::Absent)?;
            key
        };
        let pem = match &pair.issuer {
            None => {
                let issuing = Issuing { keys: &*self.keys, entropy: &*self.entropy, now: self.now };
                let ca = Ca::self_signed_with(&pair.spec, key, &issuing).map_err(at)?;
                let pem = ca.certificate().to_pem();
                self.authorities.insert(pair.path.clone(), ca);
                pem
            }
            Some(issuer) => {
                self.load_authority(issuer, &certificate_path)?;
                let issuing = Issuing { keys: &*self.keys, entropy: &*self.entropy, now: self.now };
                let ca = self.authority(issuer, &certificate_path)?;
                let certificate = ca.issue_for_key(&pair.spec, key.public_key(), &issuing).map_err(at)?;
                format!("{}{}", certificate.to_pem(), ca.intermediates_pem())
            }
        };
        Ok(self.tree.write(&certificate_path, pem.as_bytes(), CERTIFICATE_MODE, Guard::Absent)?)
    }

    fn key(&mut self, path: &str, algorithm: KeyAlgorithm, key_exists: bool) -> Result<Outcome, ExecError> {
        let (key_path, public_path) = (format!("{path}.key"), format!("{path}.pub"));
        self.make_parent(&key_path)?;
        let key = if key_exists {
            self.read_key(&key_path)?
        } else {
            let key = self.take_key(last_part(path), algorithm, &key_path)?;
            self.tree.write(&key_path, key.to_pem().expose(), SECRET_MODE, Guard::Absent)?;
            key
        };
        Ok(self.tree.write(&public_path, key.public_key().to_pem().as_bytes(), SECRET_MODE, Guard::Absent)?)
    }

    fn kubeconfig(&mut self, wanted: &ClientKubeconfig, guard: Guard) -> Result<Outcome, ExecError> {
        let at = |source: PkiError| ExecError::Pki { path: wanted.path.clone(), source: Box::new(source) };
        self.make_parent(&wanted.path)?;
        if wanted.certificate_exists {
            return self.kubeconfig_of_pair(wanted, guard);
        }
        self.load_authority(&wanted.issuer, &wanted.path)?;
        let key = self.take_key(&wanted.client.name, wanted.client.algorithm, &wanted.path)?;
        let issuing = Issuing { keys: &*self.keys, entropy: &*self.entropy, now: self.now };
        let ca = self.authority(&wanted.issuer, &wanted.path)?;
        let certificate = ca.issue_for_key(&wanted.client, key.public_key(), &issuing).map_err(at)?;
        let chain = format!("{}{}", certificate.to_pem(), ca.intermediates_pem());
        let kubeconfig = Kubeconfig::client_certificate(
            &wanted.cluster,
            &wanted.server,
            &ca.certificate().to_pem(),
            &wanted.user,
            &chain,
            &key.to_pem(),
        );
        Ok(self.tree.write(&wanted.path, kubeconfig.to_yaml().expose(), SECRET_MODE, guard)?)
    }

    /// A kubeconfig of a certificate that was signed elsewhere, and its key, which lie beside it.
    fn kubeconfig_of_pair(&self, wanted: &ClientKubeconfig, guard: Guard) -> Result<Outcome, ExecError> {
        let chain = self.read_certificates(&format!("{}.crt", wanted.path))?;
        let authority = self.read_certificates(&format!("{}.crt", wanted.issuer.path))?;
        let key = self.read_key(&format!("{}.key", wanted.path))?;
        let kubeconfig = Kubeconfig::client_certificate(
            &wanted.cluster,
            &wanted.server,
            &authority,
            &wanted.user,
            &chain,
            &key.to_pem(),
        );
        Ok(self.tree.write(&wanted.path, kubeconfig.to_yaml().expose(), SECRET_MODE, guard)?)
    }

    /// The certificates of a file, PEM, without what stands between them.
    fn read_certificates(&self, path: &str) -> Result<String, ExecError> {
        let bytes = self.tree.read(path)?.unwrap_or_default();
        let certificates = Certificate::all_from_pem(&String::from_utf8_lossy(&bytes))
            .map_err(|source| ExecError::Pki { path: path.to_owned(), source: Box::new(source) })?;
        Ok(certificates.iter().map(Certificate::to_pem).collect())
    }

    pub(super) fn make_parent(&self, path: &str) -> Result<(), ExecError> {
        let parent =
            path.rsplit_once('/').map_or("/", |(parent, _)| if parent.is_empty() { "/" } else { parent });
        self.tree.make_directory(parent, 0o755)?;
        Ok(())
    }

    pub(super) fn read_key(&self, path: &str) -> Result<KeyPair, ExecError> {
        let bytes =
            self.tree.read(path)?.map(SecretBytes::new).unwrap_or_else(|| SecretBytes::new(Vec::new()));
        KeyPair::from_pem(&bytes)
            .map_err(|source| ExecError::Pki { path: path.to_owned(), source: Box::new(source) })
    }

    /// The key of a name: the one made ahead, or a new one.
    pub(super) fn key_for(&self, name: &str, algorithm: KeyAlgorithm) -> Result<KeyPair, PkiError> {
        let ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        ready.map_or_else(|| self.keys.generate(algorithm, name), Ok)
    }

    fn take_key(&self, name: &str, algorithm: KeyAlgorithm, path: &str) -> Result<KeyPair, ExecError> {
        self.key_for(name, algorithm)
            .map_err(|source| ExecError::Pki { path: path.to_owned(), source: Box::new(source) })
    }

    pub(super) fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }

    pub(super) const fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) fn intermediates_of(&self, issuer: &IssuerRef) -> String {
        self.authorities.get(&issuer.path).map(Ca::intermediates_pem).unwrap_or_default()
    }

    pub(super) fn load_authority(&mut self, issuer: &IssuerRef, wanted_by: &str) -> Result<(), ExecError> {
        if !self.authorities.contains_key(&issuer.path) {
            let ca = read_authority(&self.tree, &issuer.path, wanted_by)?;
            self.authorities.insert(issuer.path.clone(), ca);
        }
        Ok(())
    }

    pub(super) fn authority(&self, issuer: &IssuerRef, wanted_by: &str) -> Result<&Ca, ExecError> {
        self.authorities.get(&issuer.path).ok_or_else(|| ExecError::NoAuthority {
            path: wanted_by.to_owned(),
            authority: issuer.path.clone(),
            found: "neither file".to_owned(),
        })
    }
}

fn unsupported(step: &Step) -> ExecError {
    ExecError::Unsupported { step: step.id.clone(), kind: step.action.kind() }
}

/// The key that an action makes, by kubeadm's name of what it is for: the purpose that key sources are told.
fn key_of(action: &Action) -> Option<(String, KeyAlgorithm)> {
    let (name, algorithm) = match action {
        Action::EnsureKeyPair(pair) if !pair.key_exists => (pair.spec.name.as_str(), pair.spec.algorithm),
        Action::EnsureKey { path, algorithm, key_exists: false } => (last_part(path), *algorithm),
        Action::WriteKubeconfig(kubeconfig) if !kubeconfig.certificate_exists => {
            (kubeconfig.client.name.as_str(), kubeconfig.client.algorithm)
        }
        Action::Renew(renew) => (renew.name.as_str(), renew.expected_algorithm?),
        Action::Request(request) if !request.key_exists => {
            (request.spec.name.as_str(), request.spec.algorithm)
        }
        _ => return None,
    };
    Some((name.to_owned(), algorithm))
}

fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

impl Executor for Host {
    fn check(&self) -> Check {
        Self::check_step
    }

    fn prepare<'a>(&'a mut self, plan: &'a Plan, run: &'a Run) -> BoxFuture<'a, Result<(), ExecError>> {
        let made = self.make_keys(plan, run);
        Box::pin(std::future::ready(made))
    }

    fn run<'a>(&'a mut self, step: &'a Step, _run: &'a Run) -> BoxFuture<'a, Result<Outcome, ExecError>> {
        let outcome = self.carry_out(step);
        Box::pin(std::future::ready(outcome))
    }

    fn finish<'a>(&'a mut self, _run: &'a Run) -> BoxFuture<'a, Result<(), ExecError>> {
        let flushed = self.tree.flush().map_err(ExecError::from);
        Box::pin(std::future::ready(flushed))
    }
}
