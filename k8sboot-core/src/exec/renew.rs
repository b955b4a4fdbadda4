//! Renewals and requests: pairs that are replaced together, kubeconfigs that get a new client.

use super::{
    ExecError, Outcome,
    host::{CERTIFICATE_MODE, Host, SECRET_MODE},
    write::check_guard,
};
use crate::{
    kubeconfig::{Kubeconfig, Source},
    pki::{
        Certificate, Issued, Issuing, KeyAlgorithm, KeyPair, KeySource, PkiError, Signer, csr, renew::Renewal,
    },
    plan::{Guard, RenewAction, RequestAction},
};

/// Hands out one key that was made before.
struct Ready<'a> {
    host: &'a Host,
    name: &'a str,
}

impl KeySource for Ready<'_> {
    fn generate(&self, algorithm: KeyAlgorithm, _purpose: &str) -> Result<KeyPair, PkiError> {
        self.host.key_for(self.name, algorithm)
    }
}

impl Host {
    /// Replaces certificate and key together; a kill in between is completed by the next run.
    ///
    /// The guard is about the certificate.
    pub(super) fn renew_pair(&mut self, wanted: &RenewAction, guard: Guard) -> Result<Outcome, ExecError> {
        let (certificate_path, key_path) = (format!("{}.crt", wanted.path), format!("{}.key", wanted.path));
        let at =
            |source: PkiError| ExecError::Pki { path: certificate_path.clone(), source: Box::new(source) };
        let old = self.tree().read(&certificate_path)?;
        check_guard(&certificate_path, guard, old.as_deref())?;
        let old = Certificate::from_pem(&String::from_utf8_lossy(&old.unwrap_or_default())).map_err(at)?;
        let issued = self.renewed(wanted, &old)?;
        let chain = format!("{}{}", issued.certificate.to_pem(), self.intermediates_of(&wanted.issuer));
        let key = issued.key.to_pem();
        Ok(self.tree().replace_pair(
            (&key_path, key.expose(), SECRET_MODE),
            (&certificate_path, chain.as_bytes(), CERTIFICATE_MODE),
        )?)
    }

    /// Gives the current user of a kubeconfig a new client certificate and refreshes the CA in it.
    pub(super) fn renew_kubeconfig(
        &mut self,
        wanted: &RenewAction,
        guard: Guard,
    ) -> Result<Outcome, ExecError> {
        let unusable = |found: String| ExecError::Kubeconfig { path: wanted.path.clone(), found };
        let text = crate::secret::SecretBytes::new(self.tree().read(&wanted.path)?.unwrap_or_default());
        let text = text.expose_str().ok_or_else(|| unusable("bytes that are not UTF-8".to_owned()))?;
        let mut kubeconfig =
            Kubeconfig::parse(text).map_err(|error| unusable(crate::error::chain(&error)))?;
        let current = kubeconfig.current().map_err(|error| unusable(crate::error::chain(&error)))?;
        let Some(Source::Inline(old)) = &current.user.client_certificate else {
            return Err(unusable("no embedded client certificate".to_owned()));
        };
        let at = |source: PkiError| ExecError::Pki { path: wanted.path.clone(), source: Box::new(source) };
        let old = Certificate::from_pem(&String::from_utf8_lossy(old)).map_err(at)?;
        let (cluster, user) = (current.context.cluster.clone(), current.context.user.clone());
        let issued = self.renewed(wanted, &old)?;
        let chain = format!("{}{}", issued.certificate.to_pem(), self.intermediates_of(&wanted.issuer));
        if let Some(user) = kubeconfig.users.get_mut(&user) {
            user.client_certificate = Some(Source::Inline(chain.into_bytes()));
            user.client_key = Some(Source::Inline(issued.key.to_pem()));
        }
        let authority = self.tree().read(&format!("{}.crt", wanted.issuer.path))?;
        if let (Some(cluster), Some(authority)) = (kubeconfig.clusters.get_mut(&cluster), authority) {
            cluster.certificate_authority = Some(Source::Inline(authority));
        }
        Ok(self.tree().write(&wanted.path, kubeconfig.to_yaml().expose(), SECRET_MODE, guard)?)
    }

    /// Makes a request, and its key first if there is none.
    pub(super) fn request(&mut self, wanted: &RequestAction) -> Result<Outcome, ExecError> {
        let (request_path, key_path) = (format!("{}.csr", wanted.path), format!("{}.key", wanted.path));
        let at = |source: PkiError| ExecError::Pki { path: request_path.clone(), source: Box::new(source) };
        self.make_parent(&key_path)?;
        let key = if wanted.key_exists {
            self.read_key(&key_path)?
        } else {
            let key = self.key_for(&wanted.spec.name, wanted.spec.algorithm).map_err(at)?;
            self.tree().write(&key_path, key.to_pem().expose(), SECRET_MODE, Guard::Absent)?;
            key
        };
        let request = csr::request(&wanted.spec, &key as &dyn Signer).map_err(at)?;
        Ok(self.tree().write(&request_path, request.as_bytes(), SECRET_MODE, Guard::Absent)?)
    }

    fn renewed(&mut self, wanted: &RenewAction, old: &Certificate) -> Result<Issued, ExecError> {
        self.load_authority(&wanted.issuer, &wanted.path)?;
        let renewal =
            Renewal { algorithm: wanted.algorithm, validity: wanted.validity, names: wanted.names.as_ref() };
        let keys = Ready { host: self, name: &wanted.name };
        let issuing = Issuing { keys: &keys, entropy: self.entropy(), now: self.now() };
        let ca = self.authority(&wanted.issuer, &wanted.path)?;
        crate::pki::renew::renew(&wanted.name, old, ca, &renewal, &issuing)
            .map_err(|source| ExecError::Pki { path: wanted.path.clone(), source: Box::new(source) })
    }
}
