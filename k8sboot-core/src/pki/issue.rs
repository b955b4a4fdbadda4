//! The encoding of certificates, byte for byte as Go writes kubeadm's.
//!
//! Source: Go 1.26 `crypto/x509` `CreateCertificate`, with the templates of kubeadm 1.36.

use std::net::IpAddr;

use super::{
    CertClass, CertSpec, Issuing, NotBefore, PkiError, PublicKey, Signer,
    der::{self, Der, oid},
    name::hex,
    san,
    spec::BACKDATE,
};
use crate::{entropy::EntropyError, time::Timestamp};

/// Everything that goes into a certificate but key and issuer.
pub(super) struct Template {
    /// For error messages and the serial's randomness.
    pub(super) name: String,
    /// DER of the subject.
    pub(super) subject: Vec<u8>,
    pub(super) is_ca: bool,
    /// Value of the extension extKeyUsage.
    pub(super) ext_key_usage: Option<Vec<u8>>,
    /// Value of the extension subjectAltName.
    pub(super) alternative_names: Option<Vec<u8>>,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
}

/// Who signs.
pub(super) struct Issuer<'a> {
    /// DER of the name.
    pub(super) name: &'a [u8],
    /// Its subject key identifier, if it has one.
    pub(super) key_id: Option<&'a [u8]>,
    pub(super) signer: &'a dyn Signer,
}

impl Template {
    /// What `spec` says, at the time of issue; `issuer_not_before` is the beginning of the issuer's validity.
    pub(super) fn of(
        spec: &CertSpec,
        now: Timestamp,
        issuer_not_before: Option<Timestamp>,
    ) -> Result<Self, PkiError> {
        let not_before = match (spec.not_before, issuer_not_before) {
            (NotBefore::SameAsIssuer, Some(issuer)) => issuer,
            _ => backdated(now),
        };
        Ok(Self {
            name: spec.name.clone(),
            subject: spec.subject.to_der(),
            is_ca: spec.class == CertClass::Ca,
            ext_key_usage: ext_key_usage(spec.class),
            alternative_names: alternative_names(spec)?,
            not_before,
            not_after: now.plus(spec.validity),
        })
    }
}

/// [`BACKDATE`] before `now`.
pub(super) fn backdated(now: Timestamp) -> Timestamp {
    now.plus_seconds(-BACKDATE.seconds())
}

/// The DER of a certificate for `key`.
pub(super) fn certificate(
    template: &Template,
    key: &PublicKey,
    issuer: &Issuer<'_>,
    with: &Issuing<'_>,
) -> Result<Vec<u8>, PkiError> {
    let serial = serial(template, key, with)?;
    let algorithm = issuer.signer.signature_algorithm().algorithm_identifier();
    let tbs = Der::build(|tbs| {
        tbs.sequence(|tbs| {
            // [0] version: v3
            tbs.raw(b"\xa0\x03\x02\x01\x02");
            tbs.integer(serial);
            tbs.raw(algorithm);
            tbs.raw(issuer.name);
            tbs.sequence(|validity| {
                validity.time(template.not_before);
                validity.time(template.not_after);
            });
            tbs.raw(&template.subject);
            tbs.raw(key.spki_der());
            tbs.nest(der::context_constructed(3), |tbs| {
                tbs.sequence(|list| extensions(list, template, key, issuer));
            });
        });
    });
    signed(&tbs, issuer.signer)
}

/// `SEQUENCE { body, algorithm, signature }`: the outer form of certificates and requests.
pub(super) fn signed(body: &[u8], signer: &dyn Signer) -> Result<Vec<u8>, PkiError> {
    let signature = signer.sign(body)?;
    Ok(Der::build(|der| {
        der.sequence(|der| {
            der.raw(body);
            der.raw(signer.signature_algorithm().algorithm_identifier());
            der.bits(&signature);
        });
    }))
}

/// One `Extension`.
pub(super) fn extension(list: &mut Der, kind: &[u8], critical: bool, value: &[u8]) {
    list.sequence(|extension| {
        extension.oid(kind);
        if critical {
            extension.element(der::BOOLEAN, &[0xff]);
        }
        extension.element(der::OCTET_STRING, value);
    });
}

/// The value of subjectAltName, DNS names before addresses; `None` if there is nothing to name.
pub(super) fn alternative_names(spec: &CertSpec) -> Result<Option<Vec<u8>>, PkiError> {
    let (mut dns_names, mut addresses) = (spec.dns_names.clone(), spec.ip_addresses.clone());
    san::normalise(&mut dns_names, &mut addresses);
    if let Some(bad) =
        dns_names.iter().find(|name| name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic()))
    {
        return Err(PkiError::Spec {
            name: spec.name.clone(),
            expected: "DNS names of printable ASCII characters",
            found: format!("{bad:?}"),
        });
    }
    if dns_names.is_empty() && addresses.is_empty() {
        return Ok(None);
    }
    Ok(Some(Der::build(|der| {
        der.sequence(|names| {
            dns_names.iter().for_each(|name| names.element(der::context(2), name.as_bytes()));
            addresses.iter().for_each(|address| match address {
                IpAddr::V4(v4) => names.element(der::context(7), &v4.octets()),
                IpAddr::V6(v6) => names.element(der::context(7), &v6.octets()),
            });
        });
    })))
}

/// In Go's order: keyUsage, extKeyUsage, basicConstraints, subject and authority key identifier, subjectAltName.
fn extensions(list: &mut Der, template: &Template, key: &PublicKey, issuer: &Issuer<'_>) {
    // BIT STRING with digitalSignature and keyEncipherment, for CAs also keyCertSign.
    let key_usage = if template.is_ca { b"\x03\x02\x02\xa4" } else { b"\x03\x02\x05\xa0" };
    extension(list, oid::KEY_USAGE, true, key_usage);
    if let Some(usages) = &template.ext_key_usage {
        extension(list, oid::EXT_KEY_USAGE, false, usages);
    }
    let constraints: &[u8] = if template.is_ca { b"\x30\x03\x01\x01\xff" } else { b"\x30\x00" };
    extension(list, oid::BASIC_CONSTRAINTS, true, constraints);
    if template.is_ca {
        let id = Der::build(|der| der.element(der::OCTET_STRING, &key.subject_key_id()));
        extension(list, oid::SUBJECT_KEY_IDENTIFIER, false, &id);
    }
    // Go leaves the identifier out where subject and issuer have the same name.
    if let Some(id) = issuer.key_id.filter(|_| issuer.name != template.subject) {
        let id = Der::build(|der| der.sequence(|der| der.element(der::context(0), id)));
        extension(list, oid::AUTHORITY_KEY_IDENTIFIER, false, &id);
    }
    if let Some(names) = &template.alternative_names {
        // Without a subject the names are all there is (RFC 5280 section 4.2.1.6).
        extension(list, oid::SUBJECT_ALT_NAME, template.subject == b"\x30\x00", names);
    }
}

fn ext_key_usage(class: CertClass) -> Option<Vec<u8>> {
    (class != CertClass::Ca).then(|| {
        Der::build(|der| {
            der.sequence(|usages| {
                if class.serves() {
                    usages.oid(oid::SERVER_AUTH);
                }
                if class.identifies() {
                    usages.oid(oid::CLIENT_AUTH);
                }
            });
        })
    })
}

/// Random in 1..=2^63−2.
///
/// Name, time and key are part of the purpose, so that a seeded source of randomness gives each certificate another one.
fn serial(template: &Template, key: &PublicKey, with: &Issuing<'_>) -> Result<u64, PkiError> {
    let (id, name) = (hex(&key.subject_key_id()), &template.name);
    let failed = |source| PkiError::Entropy { purpose: format!("serial number of {name}"), source };
    let mut stream = with.entropy.stream(&format!("pki/{name}.serial/{}/{id}", with.now.seconds()));
    // Only 0 and 2^63−1 are drawn again: a second try means that the source is broken.
    for _ in 0..8 {
        let mut bytes = [0; 8];
        stream.fill(&mut bytes).map_err(failed)?;
        let number = u64::from_be_bytes(bytes) >> 1;
        if (1..=(1 << 63) - 2).contains(&number) {
            return Ok(number);
        }
    }
    Err(failed(EntropyError { wanted: 8 }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        entropy::{Entropy, Stream},
        pki::{Certificate, KeyAlgorithm, RandomKeys, SignatureAlgorithm, der_key::Reader},
    };

    /// Gives the bytes of a known serial number, or only zeros.
    struct Known(u64);

    impl Entropy for Known {
        fn stream<'a>(&'a self, _purpose: &str) -> Box<dyn Stream + 'a> {
            Box::new(Self(self.0))
        }
    }

    impl Stream for Known {
        fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyError> {
            out.copy_from_slice(&(self.0 << 1).to_be_bytes());
            Ok(())
        }
    }

    /// Replays a signature.
    struct Replay(PublicKey, Vec<u8>);

    impl Signer for Replay {
        fn public_key(&self) -> &PublicKey {
            &self.0
        }

        fn signature_algorithm(&self) -> SignatureAlgorithm {
            SignatureAlgorithm::RsaSha256
        }

        fn sign(&self, _message: &[u8]) -> Result<Vec<u8>, PkiError> {
            Ok(self.1.clone())
        }
    }

    #[test]
    fn a_ca_of_kubeadm_comes_out_byte_for_byte() {
        let vector = include_str!("../../tests/fixtures/kubeadm-1.36/vectors/ca-pin.json");
        let vector: serde_json::Value = serde_json::from_str(vector).unwrap();
        let theirs = Certificate::from_pem(vector["pem"].as_str().unwrap()).unwrap();
        assert!(theirs.is_signed_by(&theirs));

        let mut outer = Reader::only(theirs.der(), der::SEQUENCE).unwrap();
        outer.take(der::SEQUENCE).and_then(|_| outer.take(der::SEQUENCE)).unwrap();
        let signer = Replay(theirs.public_key().clone(), outer.take_bits().unwrap().to_vec());
        let serial = Known(u64::from_str_radix(&theirs.info().serial, 16).unwrap());
        let now = theirs.info().not_before.plus(BACKDATE);
        let with = Issuing { keys: &RandomKeys::new(&serial), entropy: &serial, now };
        let spec = CertSpec::authority("ca", "kubernetes", KeyAlgorithm::Rsa2048);
        let template = Template::of(&spec, now, None).unwrap();
        let issuer = Issuer { name: &template.subject, key_id: None, signer: &signer };
        let ours = certificate(&template, signer.public_key(), &issuer, &with).unwrap();
        assert_eq!(ours, theirs.der());

        for broken in [0, (1 << 63) - 1] {
            let entropy = Known(broken);
            let with = Issuing { entropy: &entropy, ..with };
            let error = certificate(&template, signer.public_key(), &issuer, &with).unwrap_err();
            assert_eq!(error.to_string(), "pki: serial number of ca: expected randomness, found none");
        }
    }
}
