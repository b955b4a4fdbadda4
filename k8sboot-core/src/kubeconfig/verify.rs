//! Whether a kubeconfig will be accepted by its cluster, and the cluster by it.

use super::{Current, Kubeconfig, KubeconfigError, Source, User};
use crate::{
    pki::{CertSpec, Certificate, Finding, KeyAlgorithm, KeyPair, PkiError, Severity, Signer as _, check},
    secret::SecretBytes,
    time::Timestamp,
};

impl Kubeconfig {
    /// Everything that will keep the current context from working with the cluster whose CA is `ca_pem`, at `now`.
    ///
    /// The CA inside must hold one of the certificates of `ca_pem` (the check that kubeadm makes before it keeps a file).
    /// A client certificate must lead to one of them, be for clients, valid, and have its key beside it (kubeadm does not
    /// look). Bearer tokens and programs that fetch credentials are taken as they are. No findings: all is well.
    #[must_use]
    pub fn verify(&self, ca_pem: &str, now: Timestamp) -> Vec<KubeconfigError> {
        let anchors = match Certificate::all_from_pem(ca_pem) {
            Ok(anchors) => anchors,
            Err(source) => return vec![unreadable("the cluster's CA".to_owned(), source)],
        };
        let current = match self.current() {
            Ok(current) => current,
            Err(error) => return vec![error],
        };
        let mut problems: Vec<_> = ca_problem(&current, &anchors).into_iter().collect();
        if let Err(mut found) = user_problems(&current, &anchors, now) {
            problems.append(&mut found);
        }
        problems
    }
}

fn ca_problem(current: &Current<'_>, anchors: &[Certificate]) -> Option<KubeconfigError> {
    let field = |member| format!("clusters[{:?}].cluster.{member}", current.context.cluster);
    if current.cluster.insecure_skip_tls_verify {
        return Some(KubeconfigError::Insecure { field: field("insecure-skip-tls-verify") });
    }
    let Some(ca_pem) = current.cluster.ca_pem() else {
        let (field, expected) =
            (field("certificate-authority-data"), "the cluster's CA, embedded".to_owned());
        return Some(KubeconfigError::Missing { field, expected });
    };
    match Certificate::all_from_pem(ca_pem) {
        Err(source) => Some(unreadable(field("certificate-authority-data"), source)),
        Ok(own) => {
            let trusted = own.iter().any(|own| anchors.iter().any(|anchor| anchor.der() == own.der()));
            let (field, found) = (field("certificate-authority-data"), own.len());
            (!trusted).then_some(KubeconfigError::UntrustedCa { field, found })
        }
    }
}

fn user_problems(
    current: &Current<'_>,
    anchors: &[Certificate],
    now: Timestamp,
) -> Result<(), Vec<KubeconfigError>> {
    let name = &current.context.user;
    let field = |member: &str| format!("users[{name:?}].user{member}");
    let missing = |member: &str, expected: &str| {
        vec![KubeconfigError::Missing { field: field(member), expected: expected.to_owned() }]
    };
    let (certificate, key) = match (&current.user.client_certificate, &current.user.client_key) {
        (Some(Source::Inline(certificate)), Some(Source::Inline(key))) => (certificate, key),
        (None, None) if has_other_credentials(current.user) => return Ok(()),
        (None, None) => return Err(missing("", "a client certificate, a token or another credential")),
        (Some(Source::Inline(_)), _) => {
            return Err(missing(".client-key-data", "the client's key, embedded"));
        }
        _ => return Err(missing(".client-certificate-data", "the client's certificate, embedded")),
    };
    let (certificate_field, key_field) = (field(".client-certificate-data"), field(".client-key-data"));
    let text = String::from_utf8_lossy(certificate);
    let chain = Certificate::all_from_pem(&text)
        .map_err(|source| vec![unreadable(certificate_field.clone(), source)])?;
    let Some(leaf) = chain.first() else { return Err(missing(".client-certificate-data", "a certificate")) };
    let key = read_key(key, leaf).map_err(|source| vec![unreadable(key_field, source)])?;

    // Whom the certificate names and of which kind its key is, is right by definition: nothing else is known of the user.
    let algorithm = leaf.public_key().algorithm().unwrap_or(KeyAlgorithm::Rsa2048);
    let spec = CertSpec::user(name, leaf.subject().subject(), algorithm);
    let findings = check::certificate(&spec, &chain, Some(key.public_key()), anchors, now);
    let problems: Vec<_> = findings
        .into_iter()
        .filter(|finding| finding.severity() == Severity::Error)
        .map(|finding: Finding| KubeconfigError::Unfit { field: certificate_field.clone(), finding })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn has_other_credentials(user: &User) -> bool {
    let other = ["exec", "auth-provider", "username"];
    user.token.is_some()
        || user.token_file.is_some()
        || other.iter().any(|key| user.other.0.contains_key(*key))
}

/// An EC key may lack its public half: the certificate's is tried then.
fn read_key(key: &SecretBytes, leaf: &Certificate) -> Result<KeyPair, PkiError> {
    match KeyPair::from_pem(key) {
        Err(PkiError::KeyPublicMissing { .. }) => KeyPair::from_pem_with(key, leaf.public_key()),
        read => read,
    }
}

fn unreadable(field: String, source: PkiError) -> KubeconfigError {
    KubeconfigError::Unreadable { field, source }
}
