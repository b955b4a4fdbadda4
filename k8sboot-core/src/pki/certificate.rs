//! Certificates: read, printed, and checked against the CA that should have signed them.

use std::fmt;

use x509_parser::{
    extensions::ParsedExtension,
    prelude::{FromDer, X509Certificate},
};

use super::{
    CertInfo, Name, PkiError, PublicKey, SignatureAlgorithm,
    der_key::{Reader, SEQUENCE},
    pem,
};

/// An X.509 certificate. Its bytes are kept as they were read.
///
/// Read strictly: nothing after the DER, no extension twice, no damaged extension among those that matter here.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::{entropy::System, pki::*, time::Timestamp};
/// # let (keys, now) = (RandomKeys::new(&System), Timestamp::from_seconds(1_800_000_000));
/// # let with = Issuing { keys: &keys, entropy: &System, now };
/// let ca = Ca::self_signed(&CertSpec::authority("ca", "kubernetes", KeyAlgorithm::EcdsaP256), &with)?;
/// let again = Certificate::from_pem(&ca.certificate().to_pem())?;
/// assert_eq!(again.info().subject.to_string(), "CN=kubernetes");
/// # Ok::<(), PkiError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    info: CertInfo,
    public_key: PublicKey,
    subject_key_id: Option<Vec<u8>>,
}

impl Certificate {
    /// Reads DER.
    ///
    /// # Errors
    ///
    /// [`PkiError::Certificate`], and [`PkiError::KeyFormat`] for its public key.
    pub fn from_der(der: &[u8]) -> Result<Self, PkiError> {
        let signed = Signed::read(der).ok_or_else(|| not_a_certificate("other or damaged bytes"))?;
        let parsed = parse(der)?;
        // Both statements of the algorithm must agree (RFC 5280 section 4.1.1.2): the outer one is not signed.
        if parsed.signature_algorithm != parsed.tbs_certificate.signature {
            return Err(not_a_certificate("two algorithms of one signature"));
        }
        let public_key = PublicKey::from_spki_der(parsed.public_key().raw)?;
        let info = CertInfo::read(&parsed, &public_key, signed.algorithm())?;
        let subject_key_id =
            parsed.iter_extensions().find_map(|extension| match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
                _ => None,
            });
        Ok(Self { der: der.to_vec(), info, public_key, subject_key_id })
    }

    /// Reads the first `CERTIFICATE` block of a PEM text.
    ///
    /// # Errors
    ///
    /// [`PkiError::Pem`] if there is none; those of [`from_der`](Self::from_der).
    pub fn from_pem(text: &str) -> Result<Self, PkiError> {
        let blocks = pem::blocks(text.as_bytes());
        match blocks.iter().find(|block| block.label == "CERTIFICATE") {
            Some(block) => Self::from_der(&block.decode()?),
            None => Err(PkiError::Pem { expected: "a CERTIFICATE block", found: pem::labels(&blocks) }),
        }
    }

    /// Reads every `CERTIFICATE` block of a PEM text; there is at least one.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem), for each of them.
    pub fn all_from_pem(text: &str) -> Result<Vec<Self>, PkiError> {
        let blocks = pem::blocks(text.as_bytes());
        let ours = blocks.iter().filter(|block| block.label == "CERTIFICATE");
        let all = ours.map(|block| Self::from_der(&block.decode()?)).collect::<Result<Vec<_>, _>>()?;
        if all.is_empty() {
            return Err(PkiError::Pem { expected: "a CERTIFICATE block", found: pem::labels(&blocks) });
        }
        Ok(all)
    }

    /// One PEM block, as kubeadm writes `*.crt`.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::encode("CERTIFICATE", &self.der).expose_str().unwrap_or_default().to_owned()
    }

    /// The DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// What it says.
    #[must_use]
    pub const fn info(&self) -> &CertInfo {
        &self.info
    }

    /// What it says, without the rest.
    #[must_use]
    pub fn into_info(self) -> CertInfo {
        self.info
    }

    /// Whom it names, byte for byte.
    #[must_use]
    pub const fn subject(&self) -> &Name {
        &self.info.subject
    }

    /// Who signed it, byte for byte.
    #[must_use]
    pub const fn issuer(&self) -> &Name {
        &self.info.issuer
    }

    /// Its key.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Its subject key identifier, if it has one.
    #[must_use]
    pub fn subject_key_id(&self) -> Option<&[u8]> {
        self.subject_key_id.as_deref()
    }

    /// Whether `issuer` may sign certificates and has signed this one. Does not look at times.
    ///
    /// As Go's `CheckSignatureFrom`: names equal byte for byte, `issuer` is a CA whose key usage (if it has one)
    /// includes signing certificates, and the signature is its key's. SHA-1 is not accepted.
    #[must_use]
    pub fn is_signed_by(&self, issuer: &Self) -> bool {
        self.issuer().der() == issuer.subject().der()
            && issuer.may_sign()
            && Signed::read(&self.der).is_some_and(|signed| signed.is_by(&issuer.public_key))
    }

    /// Whether the algorithm of its signature is one that this crate accepts.
    pub(super) fn has_known_signature(&self) -> bool {
        Signed::read(&self.der).is_some_and(|signed| signed.algorithm().is_some())
    }

    /// Whether it is a CA whose key usage, if it has one, includes signing certificates.
    #[must_use]
    pub fn may_sign(&self) -> bool {
        self.info.is_ca && (self.info.key_usage.is_empty() || self.info.key_usage.contains(&"keyCertSign"))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({}, issuer {}, serial {})", self.subject(), self.issuer(), self.info.serial)
    }
}

/// The outer form of certificates and requests: body, algorithm, signature.
///
/// Nothing of it is covered by the signature but the body, so it is read strictly: one form for one meaning.
pub(super) struct Signed<'a> {
    body: &'a [u8],
    algorithm_der: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Signed<'a> {
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let mut outer = Reader::only(der, SEQUENCE)?;
        let body = outer.take_whole(SEQUENCE)?;
        let algorithm_der = outer.take_whole(SEQUENCE)?;
        let signature = outer.take_bits()?;
        outer.is_empty().then_some(Self { body, algorithm_der, signature })
    }

    /// The algorithm; `None` if it is not one that this crate accepts.
    pub(super) fn algorithm(&self) -> Option<SignatureAlgorithm> {
        SignatureAlgorithm::from_algorithm_identifier(self.algorithm_der)
    }

    pub(super) fn is_by(&self, key: &PublicKey) -> bool {
        self.algorithm().is_some_and(|algorithm| key.verify(algorithm, self.body, self.signature).is_ok())
    }
}

/// The value of an extension, byte for byte.
pub(super) fn raw_extension(certificate: &Certificate, kind: &[u8]) -> Option<Vec<u8>> {
    let parsed = parse(&certificate.der).ok()?;
    parsed
        .iter_extensions()
        .find(|extension| extension.oid.as_bytes() == kind)
        .map(|found| found.value.to_vec())
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, PkiError> {
    match X509Certificate::from_der(der) {
        Ok(([], parsed)) => Ok(parsed),
        Ok(_) => Err(not_a_certificate("bytes after the certificate")),
        Err(_) => Err(not_a_certificate("other or damaged bytes")),
    }
}

fn not_a_certificate(found: &str) -> PkiError {
    PkiError::certificate("certificate", "an X.509 certificate (RFC 5280)", found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400), text in "\\PC*") {
            let _ = Certificate::from_der(&bytes);
            let _ = Certificate::all_from_pem(&text);
        }
    }
}
