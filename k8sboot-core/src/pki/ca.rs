//! Certificate authorities: made, read, and put to work.

use std::fmt;

use super::{
    CertClass, CertSpec, Certificate, Csr, Defect, Finding, KeyPair, KeySource, PkiError, PublicKey, Signer,
    chain,
    issue::{self, Issuer, Template},
    spec::NotBefore,
};
use crate::{entropy::Entropy, secret::SecretBytes, time::Timestamp};

/// What issuing needs from outside: keys, randomness for serial numbers, and the time.
///
/// With fixed keys, seeded entropy and a fixed time the same certificates come out, byte for byte, if the keys sign
/// reproducibly: RSA and Ed25519 do, ECDSA keys do with the feature `deterministic`.
#[derive(Clone, Copy)]
pub struct Issuing<'a> {
    /// Where new keys come from.
    pub keys: &'a dyn KeySource,
    /// Randomness of serial numbers.
    pub entropy: &'a dyn Entropy,
    /// The time of issue. One for a whole run, as kubeadm has it.
    pub now: Timestamp,
}

/// A new certificate with its new key.
#[derive(Debug)]
pub struct Issued {
    /// The certificate.
    pub certificate: Certificate,
    /// Its key.
    pub key: KeyPair,
}

/// A certificate authority that can sign: its certificate, the chain above it, and its key or a [`Signer`] for it.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::{entropy::System, pki::*, time::Timestamp};
/// let keys = RandomKeys::new(&System);
/// let with = Issuing { keys: &keys, entropy: &System, now: Timestamp::from_seconds(1_800_000_000) };
/// let ca = Ca::self_signed(&CertSpec::authority("ca", "kubernetes", KeyAlgorithm::EcdsaP256), &with)?;
/// let jane = CertSpec::user("jane", Subject::named("jane"), KeyAlgorithm::EcdsaP256);
/// let issued = ca.issue(&jane, &with)?;
/// assert!(issued.certificate.is_signed_by(ca.certificate()));
/// # Ok::<(), PkiError>(())
/// ```
pub struct Ca {
    certificate: Certificate,
    /// Every further certificate of the file, in its order.
    further: Vec<Certificate>,
    key: Key,
}

enum Key {
    Here(KeyPair),
    Elsewhere(Box<dyn Signer>),
}

impl Ca {
    /// A new CA that signs itself.
    ///
    /// # Errors
    ///
    /// [`PkiError::Spec`] unless the spec is that of a self-signed CA; the errors of key source and entropy.
    pub fn self_signed(spec: &CertSpec, with: &Issuing<'_>) -> Result<Self, PkiError> {
        Self::self_signed_with(spec, with.keys.generate(spec.algorithm, &spec.name)?, with)
    }

    /// A new CA certificate for a key that is there already.
    ///
    /// # Errors
    ///
    /// As [`self_signed`](Self::self_signed).
    pub fn self_signed_with(spec: &CertSpec, key: KeyPair, with: &Issuing<'_>) -> Result<Self, PkiError> {
        if spec.class != CertClass::Ca || spec.issuer.is_some() {
            return Err(wrong_spec(spec, "the spec of a self-signed CA"));
        }
        let template = Template::of(spec, with.now, None)?;
        let issuer = Issuer { name: &template.subject, key_id: None, signer: &key };
        let der = issue::certificate(&template, key.public_key(), &issuer, with)?;
        Ok(Self { certificate: Certificate::from_der(&der)?, further: Vec::new(), key: Key::Here(key) })
    }

    /// An existing CA, for example from `ca.crt` and `ca.key`.
    ///
    /// `certificates` may be a bundle. The one whose key is given signs, so that a bundle kept for a CA rotation works in
    /// either order (kubeadm insists on the first); the others are kept as its chain.
    ///
    /// # Errors
    ///
    /// Those of reading; [`PkiError::Unfit`] if no certificate has this key, or the one that has it is no CA.
    pub fn from_pem(certificates: &str, key: &SecretBytes) -> Result<Self, PkiError> {
        let certificates = Certificate::all_from_pem(certificates)?;
        // An EC key may lack its public half: the first certificate's is tried then.
        let key = match (KeyPair::from_pem(key), certificates.first()) {
            (Err(PkiError::KeyPublicMissing { .. }), Some(first)) => {
                KeyPair::from_pem_with(key, first.public_key())?
            }
            (key, _) => key?,
        };
        Self::assemble(certificates, Key::Here(key))
    }

    /// An existing CA whose key stays elsewhere, for example in an HSM.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem).
    pub fn with_signer(certificates: &str, signer: Box<dyn Signer>) -> Result<Self, PkiError> {
        Self::assemble(Certificate::all_from_pem(certificates)?, Key::Elsewhere(signer))
    }

    /// The certificate that signs.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The key, unless it is elsewhere.
    #[must_use]
    pub const fn key(&self) -> Option<&KeyPair> {
        match &self.key {
            Key::Here(key) => Some(key),
            Key::Elsewhere(_) => None,
        }
    }

    /// The signing certificate and everything else that the CA's file holds: what `ca.crt` and kubeconfigs are to contain.
    #[must_use]
    pub fn chain_pem(&self) -> String {
        std::iter::once(&self.certificate).chain(&self.further).map(Certificate::to_pem).collect()
    }

    /// What a server may send after its own certificate, so that clients which trust only the root accept it: this CA and
    /// those above it, without the root; empty if this CA is a root.
    ///
    /// kubeadm writes leaves alone, since its clients trust all of `ca.crt`.
    #[must_use]
    pub fn intermediates_pem(&self) -> String {
        chain::above(&self.certificate, &self.further)
            .into_iter()
            .filter(|certificate| !certificate.info().is_self_issued())
            .map(Certificate::to_pem)
            .collect()
    }

    /// SHA-256 of the SubjectPublicKeyInfo: the pin of `kubeadm join`.
    #[must_use]
    pub fn pin(&self) -> [u8; 32] {
        self.certificate.public_key().pin()
    }

    /// Issues a leaf with a new key.
    ///
    /// The end of its validity is what the spec says even if this CA ends earlier, as with kubeadm; see
    /// [`outlived_by`](Self::outlived_by).
    ///
    /// # Errors
    ///
    /// [`PkiError::Spec`] for a CA's spec or one that cannot be encoded; the errors of key source, entropy and signer.
    pub fn issue(&self, spec: &CertSpec, with: &Issuing<'_>) -> Result<Issued, PkiError> {
        let key = with.keys.generate(spec.algorithm, &spec.name)?;
        let certificate = self.issue_for_key(spec, key.public_key(), with)?;
        Ok(Issued { certificate, key })
    }

    /// Issues a leaf for a key that is there already; the spec's algorithm does not matter.
    ///
    /// # Errors
    ///
    /// As [`issue`](Self::issue).
    pub fn issue_for_key(
        &self,
        spec: &CertSpec,
        key: &PublicKey,
        with: &Issuing<'_>,
    ) -> Result<Certificate, PkiError> {
        if spec.class == CertClass::Ca {
            return Err(wrong_spec(spec, "the spec of a leaf (Ca::intermediate makes CAs)"));
        }
        let begin = self.certificate.info().not_before;
        self.sign(&Template::of(spec, with.now, Some(begin))?, key, with)
    }

    /// Signs a request, if its own key has signed it and it asks for the spec's subject and names; returns PEM.
    ///
    /// Use and lifetime are the spec's, whatever the request says. To sign a request as it stands, make the spec with
    /// [`Csr::spec`].
    ///
    /// # Errors
    ///
    /// [`PkiError::Request`] and those of [`issue`](Self::issue).
    pub fn sign_csr(&self, csr_pem: &str, spec: &CertSpec, with: &Issuing<'_>) -> Result<String, PkiError> {
        let request = Csr::from_pem(csr_pem)?;
        request.asks_for(spec)?;
        Ok(self.issue_for_key(spec, request.public_key(), with)?.to_pem())
    }

    /// A new CA below this one. The spec's `issuer` names this one.
    ///
    /// # Errors
    ///
    /// [`PkiError::Spec`] unless the spec is that of a CA with an issuer; the errors of key source, entropy and signer.
    pub fn intermediate(&self, spec: &CertSpec, with: &Issuing<'_>) -> Result<Self, PkiError> {
        if spec.class != CertClass::Ca || spec.issuer.is_none() {
            return Err(wrong_spec(spec, "the spec of a CA with an issuer"));
        }
        let key = with.keys.generate(spec.algorithm, &spec.name)?;
        let begin = self.certificate.info().not_before;
        let certificate = self.sign(&Template::of(spec, with.now, Some(begin))?, key.public_key(), with)?;
        let further = std::iter::once(&self.certificate).chain(&self.further).cloned().collect();
        Ok(Self { certificate, further, key: Key::Here(key) })
    }

    /// The warning that a certificate issued at `now` would end later than this CA.
    #[must_use]
    pub fn outlived_by(&self, spec: &CertSpec, now: Timestamp) -> Option<Finding> {
        let (end, own) = (now.plus(spec.validity), self.certificate.info().not_after);
        (end > own).then(|| {
            Finding::new(&spec.name, Defect::OutlivesIssuer, format!("an end by {own}"), end.to_string())
        })
    }

    /// Signs what a template says; subject and key identifier of this CA are taken from its certificate byte for byte.
    pub(super) fn sign(
        &self,
        template: &Template,
        key: &PublicKey,
        with: &Issuing<'_>,
    ) -> Result<Certificate, PkiError> {
        let issuer = Issuer {
            name: self.certificate.subject().der(),
            key_id: self.certificate.subject_key_id(),
            signer: self.signer(),
        };
        Certificate::from_der(&issue::certificate(template, key, &issuer, with)?)
    }

    fn signer(&self) -> &dyn Signer {
        match &self.key {
            Key::Here(key) => key,
            Key::Elsewhere(signer) => signer.as_ref(),
        }
    }

    fn assemble(mut certificates: Vec<Certificate>, key: Key) -> Result<Self, PkiError> {
        let public = match &key {
            Key::Here(key) => key.public_key(),
            Key::Elsewhere(signer) => signer.public_key(),
        };
        let name = certificates.first().map(|first| first.subject().to_string()).unwrap_or_default();
        let Some(index) = certificates.iter().position(|certificate| certificate.public_key() == public)
        else {
            let expected = "the key of a certificate in the CA's file";
            return Err(Finding::new(&name, Defect::KeyMismatch, expected, "another key").into());
        };
        let certificate = certificates.remove(index);
        if !certificate.may_sign() {
            let name = certificate.subject().to_string();
            let expected = "a CA that may sign certificates";
            return Err(Finding::new(&name, Defect::NotACa, expected, "a certificate that may not").into());
        }
        Ok(Self { certificate, further: certificates, key })
    }
}

impl fmt::Debug for Ca {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ca").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

fn wrong_spec(spec: &CertSpec, expected: &'static str) -> PkiError {
    let found = format!(
        "class {:?}, issuer {}{}",
        spec.class,
        spec.issuer.as_deref().unwrap_or("itself"),
        if spec.not_before == NotBefore::SameAsIssuer { ", valid since its issuer" } else { "" }
    );
    PkiError::Spec { name: spec.name.clone(), expected, found }
}
