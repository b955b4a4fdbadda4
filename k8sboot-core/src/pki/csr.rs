//! Certificate requests (PKCS#10): for keys whose CA is elsewhere, and from those who have only a key.

use std::net::IpAddr;

use x509_parser::{extensions::ParsedExtension, prelude::*};

use super::{
    CertClass, CertSpec, Certificate, Finding, Issuing, KeyAlgorithm, KeyPair, Name, NotBefore, PkiError,
    PublicKey, Severity, Signer,
    certificate::Signed,
    check,
    der::{self, Der, oid},
    inspect::AlternativeNames,
    issue, pem,
    spec::LEAF_VALIDITY,
};
use crate::time::Timestamp;

/// A certificate request that its own key has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Csr {
    der: Vec<u8>,
    subject: Name,
    names: AlternativeNames,
    public_key: PublicKey,
}

/// A new key and the request for its certificate; made by [`requests`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Requested {
    /// kubeadm's name of the certificate.
    pub name: String,
    /// The spec's path: `PATH.key` and `PATH.csr` below the certificates directory, or the kubeconfig's name.
    pub path: String,
    /// The key.
    pub key: KeyPair,
    /// The request, PEM.
    pub request: String,
}

impl Csr {
    /// Reads the first `CERTIFICATE REQUEST` of a PEM text and verifies that its own key has signed it.
    ///
    /// # Errors
    ///
    /// [`PkiError::Pem`], [`PkiError::Certificate`] if it is damaged, [`PkiError::Request`] if the signature is not its
    /// key's.
    pub fn from_pem(text: &str) -> Result<Self, PkiError> {
        const LABELS: [&str; 2] = ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"];
        let blocks = pem::blocks(text.as_bytes());
        match blocks.iter().find(|block| LABELS.contains(&block.label)) {
            Some(block) => Self::from_der(&block.decode()?),
            None => {
                Err(PkiError::Pem { expected: "a CERTIFICATE REQUEST block", found: pem::labels(&blocks) })
            }
        }
    }

    /// Reads DER; see [`from_pem`](Self::from_pem).
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem).
    pub fn from_der(der: &[u8]) -> Result<Self, PkiError> {
        let damaged =
            |found: &str| PkiError::certificate("certificate request", "a PKCS#10 request (RFC 2986)", found);
        let parsed = match X509CertificationRequest::from_der(der) {
            Ok(([], parsed)) => parsed,
            Ok(_) => return Err(damaged("bytes after the request")),
            Err(_) => return Err(damaged("other or damaged bytes")),
        };
        let content = &parsed.certification_request_info;
        let public_key = PublicKey::from_spki_der(content.subject_pki.raw)?;
        let subject = Name::from_parsed(&content.subject);
        let signed = Signed::read(der).ok_or_else(|| damaged("other or damaged bytes"))?;
        if !signed.is_by(&public_key) {
            return Err(PkiError::Request {
                name: subject.to_string(),
                expected: "a signature by the request's own key".to_owned(),
                found: "one that does not match".to_owned(),
            });
        }
        let mut names = AlternativeNames::default();
        for extension in parsed.requested_extensions().into_iter().flatten() {
            match extension {
                ParsedExtension::SubjectAlternativeName(found) => {
                    names = AlternativeNames::read(&found.general_names)?;
                }
                ParsedExtension::ParseError { .. } => return Err(damaged("a damaged extension")),
                _ => {}
            }
        }
        Ok(Self { der: der.to_vec(), subject, names, public_key })
    }

    /// The DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whom the certificate is to name.
    #[must_use]
    pub const fn subject(&self) -> &Name {
        &self.subject
    }

    /// DNS names, in the request's order.
    #[must_use]
    pub fn dns_names(&self) -> &[String] {
        &self.names.dns
    }

    /// Addresses, in the request's order.
    #[must_use]
    pub fn ip_addresses(&self) -> &[IpAddr] {
        &self.names.addresses
    }

    /// Other alternative names, for example `email:…` and `URI:…`.
    #[must_use]
    pub fn other_names(&self) -> &[String] {
        &self.names.others
    }

    /// Its key.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// A spec for what the request asks, for one year: look at it before signing.
    ///
    /// # Errors
    ///
    /// [`PkiError::Request`] if it asks for what a spec cannot say: other kinds of names, a subject with more than
    /// organizations and a common name.
    pub fn spec(&self, name: &str, issuer: &str, class: CertClass) -> Result<CertSpec, PkiError> {
        let refuse = |expected: &str, found: String| PkiError::Request {
            name: name.to_owned(),
            expected: expected.to_owned(),
            found,
        };
        if let Some(other) = self.names.others.first() {
            return Err(refuse("DNS names and addresses", other.clone()));
        }
        let plain = |kind: &str| matches!(kind, "O" | "CN");
        if !self.subject.rdns().iter().flatten().all(|attribute| plain(&attribute.kind)) {
            return Err(refuse("a subject of O and CN", self.subject.to_string()));
        }
        Ok(CertSpec {
            name: name.to_owned(),
            path: name.to_owned(),
            issuer: Some(issuer.to_owned()),
            class,
            subject: self.subject.subject(),
            dns_names: self.names.dns.clone(),
            ip_addresses: self.names.addresses.clone(),
            // What the request's key is has no bearing on the certificate.
            algorithm: self.public_key.algorithm().unwrap_or(KeyAlgorithm::Rsa2048),
            validity: LEAF_VALIDITY,
            not_before: NotBefore::Backdated,
        }
        .normalised())
    }

    /// Checks that the request asks for exactly the spec's subject and names, in whatever order and encoding.
    ///
    /// # Errors
    ///
    /// [`PkiError::Request`] naming the first difference.
    pub fn asks_for(&self, spec: &CertSpec) -> Result<(), PkiError> {
        let asked = self.spec(&spec.name, "", spec.class)?;
        let wanted = spec.clone().normalised();
        let refuse = |expected: String, found: String| {
            Err(PkiError::Request { name: spec.name.clone(), expected, found })
        };
        if asked.subject.to_der() != wanted.subject.to_der() {
            return refuse(format!("subject {}", wanted.subject), self.subject.to_string());
        }
        let names = |spec: &CertSpec| {
            let mut addresses: Vec<String> = spec.ip_addresses.iter().map(IpAddr::to_string).collect();
            addresses.sort_unstable();
            let all: Vec<String> = spec.dns_names.iter().cloned().chain(addresses).collect();
            if all.is_empty() { "no alternative names".to_owned() } else { all.join(", ") }
        };
        if names(&asked) != names(&wanted) {
            return refuse(names(&wanted), names(&asked));
        }
        Ok(())
    }
}

/// A request for `spec`, signed by its key; PEM. As kubeadm's: subject and alternative names, no usages.
///
/// # Errors
///
/// [`PkiError::Spec`] if it cannot be encoded, and the signer's errors.
pub fn request(spec: &CertSpec, key: &dyn Signer) -> Result<String, PkiError> {
    let names = issue::alternative_names(spec)?;
    let body = Der::build(|der| {
        der.sequence(|body| {
            body.integer(0);
            body.raw(&spec.subject.to_der());
            body.raw(key.public_key().spki_der());
            body.nest(der::context_constructed(0), |attributes| {
                if let Some(names) = &names {
                    attributes.sequence(|attribute| {
                        attribute.oid(oid::EXTENSION_REQUEST);
                        attribute.nest(der::SET, |values| {
                            values
                                .sequence(|list| issue::extension(list, oid::SUBJECT_ALT_NAME, false, names));
                        });
                    });
                }
            });
        });
    });
    let der = issue::signed(&body, key)?;
    Ok(pem::encode("CERTIFICATE REQUEST", &der).expose_str().unwrap_or_default().to_owned())
}

/// Keys and requests for every leaf among `specs`, as `kubeadm certs generate-csr` makes them; CAs are left out.
///
/// # Errors
///
/// Those of the key source and of [`request`].
pub fn requests<'a>(
    specs: impl IntoIterator<Item = &'a CertSpec>,
    with: &Issuing<'_>,
) -> Result<Vec<Requested>, PkiError> {
    let leaves = specs.into_iter().filter(|spec| spec.class != CertClass::Ca);
    leaves
        .map(|spec| {
            let key = with.keys.generate(spec.algorithm, &spec.name)?;
            let request = request(spec, &key)?;
            Ok(Requested { name: spec.name.clone(), path: spec.path.clone(), key, request })
        })
        .collect()
}

/// Takes a certificate that was signed elsewhere, with its chain if the text holds more than one.
///
/// `anchors` are the certificates of the CA's file. What is left to say comes back as warnings.
///
/// # Errors
///
/// [`PkiError::Unfit`] with the first reason why it would not work: another CA, another key, expired, not yet valid, a
/// name missing, another subject or use; and the errors of reading it.
pub fn accept(
    certificate_pem: &str,
    key: &PublicKey,
    spec: &CertSpec,
    anchors: &[Certificate],
    now: Timestamp,
) -> Result<(Certificate, Vec<Finding>), PkiError> {
    let chain = Certificate::all_from_pem(certificate_pem)?;
    let findings = check::certificate(spec, &chain, Some(key), anchors, now);
    match findings.iter().find(|finding| finding.severity() == Severity::Error) {
        Some(finding) => Err(finding.clone().into()),
        None => Ok((Certificate::from_pem(certificate_pem)?, findings)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400), text in "\\PC*") {
            let _ = Csr::from_der(&bytes);
            let _ = Csr::from_pem(&text);
        }
    }
}
