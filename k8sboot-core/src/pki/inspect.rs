//! What a certificate says, as plain data.

use std::net::IpAddr;

use serde::{Serialize, Serializer};
use x509_parser::{
    extensions::{GeneralName, ParsedExtension},
    prelude::X509Certificate,
};

use super::{CertClass, Certificate, Name, PkiError, PublicKey, SignatureAlgorithm, name::hex};
use crate::time::{GoDuration, Timestamp};

/// What a certificate says. JSON: camelCase, names as text, times in RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CertInfo {
    /// X.509 version: 1, 2 or 3.
    pub version: u32,
    /// Whom it names.
    #[serde(serialize_with = "as_text")]
    pub subject: Name,
    /// Who signed it.
    #[serde(serialize_with = "as_text")]
    pub issuer: Name,
    /// Serial number, hexadecimal, lower case.
    pub serial: String,
    /// Beginning of its validity.
    #[serde(serialize_with = "as_text")]
    pub not_before: Timestamp,
    /// End of its validity; the second itself is still valid.
    #[serde(serialize_with = "as_text")]
    pub not_after: Timestamp,
    /// DNS names, in its order.
    pub dns_names: Vec<String>,
    /// Addresses, in its order.
    pub ip_addresses: Vec<IpAddr>,
    /// Other alternative names: `email:…`, `URI:…`, `other`.
    pub other_names: Vec<String>,
    /// Key usages, with the names of RFC 5280 (`digitalSignature`).
    pub key_usage: Vec<&'static str>,
    /// Extended key usages, with the names of RFC 5280 (`serverAuth`) or dotted.
    pub ext_key_usage: Vec<String>,
    /// Whether it says that it is a CA.
    pub is_ca: bool,
    /// How many further CAs may stand below it; only for CAs.
    pub path_length: Option<u32>,
    /// Subject key identifier, hexadecimal.
    pub subject_key_id: Option<String>,
    /// Authority key identifier, hexadecimal.
    pub authority_key_id: Option<String>,
    /// Algorithm of the signature: a name such as `ecdsa-with-SHA256`, or dotted.
    pub signature_algorithm: String,
    /// Kind of its key, for example `RSA-2048`; `unknown` if it is none that this crate makes.
    pub key_algorithm: String,
    /// `sha256:HEX` over its SubjectPublicKeyInfo: for a CA, the pin of `kubeadm join`.
    pub pin: String,
    /// Extensions in its order, named as in RFC 5280 or dotted.
    pub extensions: Vec<Extension>,
}

/// An extension of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Extension {
    /// Name as in RFC 5280, or dotted.
    pub name: String,
    /// Whether a reader that does not know it must refuse the certificate.
    pub critical: bool,
}

impl CertInfo {
    /// The time that is left at `now`; negative after the end.
    #[must_use]
    pub fn residual(&self, now: Timestamp) -> GoDuration {
        GoDuration::from_seconds(self.not_after.seconds().saturating_sub(now.seconds()))
    }

    /// What it may be used for; `None` if it is no CA and for neither servers nor clients.
    ///
    /// Without extended key usages a leaf may be used for anything (RFC 5280 section 4.2.1.12).
    #[must_use]
    pub fn class(&self) -> Option<CertClass> {
        if self.is_ca {
            return Some(CertClass::Ca);
        }
        let may = |usage: &str| {
            self.ext_key_usage.is_empty()
                || self.ext_key_usage.iter().any(|own| own == usage || own == "anyExtendedKeyUsage")
        };
        CertClass::of_leaf(may("serverAuth"), may("clientAuth"))
    }

    /// Whether it names itself as its issuer.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.subject.der() == self.issuer.der()
    }

    pub(super) fn read(
        parsed: &X509Certificate<'_>,
        key: &PublicKey,
        algorithm: Option<SignatureAlgorithm>,
    ) -> Result<Self, PkiError> {
        let serial = parsed.raw_serial();
        let significant =
            serial.iter().skip(1).fold(serial, |rest, _| rest.strip_prefix(&[0]).unwrap_or(rest));
        let mut info = Self {
            version: parsed.version().0.saturating_add(1),
            subject: Name::from_parsed(parsed.subject()),
            issuer: Name::from_parsed(parsed.issuer()),
            serial: hex(significant),
            not_before: Timestamp::from_seconds(parsed.validity().not_before.timestamp()),
            not_after: Timestamp::from_seconds(parsed.validity().not_after.timestamp()),
            dns_names: Vec::new(),
            ip_addresses: Vec::new(),
            other_names: Vec::new(),
            key_usage: Vec::new(),
            ext_key_usage: Vec::new(),
            is_ca: false,
            path_length: None,
            subject_key_id: None,
            authority_key_id: None,
            signature_algorithm: algorithm.map_or_else(
                || parsed.signature_algorithm.algorithm.to_id_string(),
                |known| known.name().to_owned(),
            ),
            key_algorithm: key.description(),
            pin: format!("sha256:{}", hex(&key.pin())),
            extensions: Vec::new(),
        };
        for extension in parsed.extensions() {
            let dotted = extension.oid.to_id_string();
            let name = extension_name(&dotted).map_or(dotted, str::to_owned);
            if info.extensions.iter().any(|other| other.name == name) {
                return Err(malformed(format!("the extension {name} twice")));
            }
            info.take(extension.parsed_extension(), &name)?;
            info.extensions.push(Extension { name, critical: extension.critical });
        }
        Ok(info)
    }

    fn take(&mut self, extension: &ParsedExtension<'_>, name: &str) -> Result<(), PkiError> {
        match extension {
            ParsedExtension::ParseError { .. } => {
                return Err(malformed(format!("a damaged extension {name}")));
            }
            ParsedExtension::SubjectAlternativeName(names) => {
                let names = AlternativeNames::read(&names.general_names)?;
                (self.dns_names, self.ip_addresses, self.other_names) =
                    (names.dns, names.addresses, names.others);
            }
            ParsedExtension::BasicConstraints(constraints) => {
                self.is_ca = constraints.ca;
                self.path_length = constraints.path_len_constraint;
            }
            ParsedExtension::KeyUsage(usage) => {
                let set = KEY_USAGES.iter().enumerate().filter(|(bit, _)| usage.flags >> bit & 1 == 1);
                self.key_usage = set.map(|(_, name)| *name).collect();
            }
            ParsedExtension::ExtendedKeyUsage(usage) => {
                let known = [
                    (usage.any, "anyExtendedKeyUsage"),
                    (usage.server_auth, "serverAuth"),
                    (usage.client_auth, "clientAuth"),
                    (usage.code_signing, "codeSigning"),
                    (usage.email_protection, "emailProtection"),
                    (usage.time_stamping, "timeStamping"),
                    (usage.ocsp_signing, "OCSPSigning"),
                ];
                self.ext_key_usage =
                    known.iter().filter(|(is, _)| *is).map(|(_, name)| (*name).to_owned()).collect();
                self.ext_key_usage.extend(usage.other.iter().map(|oid| oid.to_id_string()));
            }
            ParsedExtension::SubjectKeyIdentifier(id) => self.subject_key_id = Some(hex(id.0)),
            ParsedExtension::AuthorityKeyIdentifier(id) => {
                self.authority_key_id = id.key_identifier.as_ref().map(|id| hex(id.0));
            }
            _ => {}
        }
        Ok(())
    }
}

/// What the certificates of a PEM text say, in its order.
///
/// # Errors
///
/// [`PkiError::Pem`] if there is none, [`PkiError::Certificate`] if one is damaged.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::pki;
/// assert!(pki::inspect("no certificate").is_err());
/// ```
pub fn inspect(pem: &str) -> Result<Vec<CertInfo>, PkiError> {
    Ok(Certificate::all_from_pem(pem)?.into_iter().map(Certificate::into_info).collect())
}

/// What a subjectAltName holds, each kind in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AlternativeNames {
    pub(super) dns: Vec<String>,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) others: Vec<String>,
}

impl AlternativeNames {
    pub(super) fn read(names: &[GeneralName<'_>]) -> Result<Self, PkiError> {
        let mut read = Self::default();
        for name in names {
            match name {
                GeneralName::DNSName(name) => read.dns.push((*name).to_owned()),
                GeneralName::IPAddress(bytes) => read.addresses.push(
                    <[u8; 4]>::try_from(*bytes)
                        .map(IpAddr::from)
                        .or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from))
                        .map_err(|_| malformed(format!("an address of {} bytes", bytes.len())))?,
                ),
                GeneralName::RFC822Name(name) => read.others.push(format!("email:{name}")),
                GeneralName::URI(name) => read.others.push(format!("URI:{name}")),
                GeneralName::Invalid(..) => return Err(malformed("a damaged alternative name")),
                _ => read.others.push("other".to_owned()),
            }
        }
        Ok(read)
    }
}

/// Bit by bit, RFC 5280 section 4.2.1.3.
const KEY_USAGES: [&str; 9] = [
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
];

fn extension_name(dotted: &str) -> Option<&'static str> {
    Some(match dotted {
        "2.5.29.14" => "subjectKeyIdentifier",
        "2.5.29.15" => "keyUsage",
        "2.5.29.17" => "subjectAltName",
        "2.5.29.18" => "issuerAltName",
        "2.5.29.19" => "basicConstraints",
        "2.5.29.30" => "nameConstraints",
        "2.5.29.31" => "cRLDistributionPoints",
        "2.5.29.32" => "certificatePolicies",
        "2.5.29.35" => "authorityKeyIdentifier",
        "2.5.29.36" => "policyConstraints",
        "2.5.29.37" => "extKeyUsage",
        "1.3.6.1.5.5.7.1.1" => "authorityInfoAccess",
        _ => return None,
    })
}

fn malformed(found: impl Into<String>) -> PkiError {
    PkiError::certificate("certificate", "an X.509 certificate (RFC 5280)", found)
}

fn as_text<S: Serializer>(value: &impl std::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
