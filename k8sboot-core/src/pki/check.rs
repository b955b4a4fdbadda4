//! What to do about the files that are there: keep, make, or stop and say why.

use super::{CertClass, CertSpec, Certificate, Defect, Finding, KeySpec, PkiError, PublicKey, chain};
use crate::time::Timestamp;

/// What was found of a certificate and its key.
#[derive(Clone, Copy, Debug, Default)]
pub struct Found<'a> {
    /// The text of the certificate's file.
    pub certificate: Option<&'a str>,
    /// The public half of the key in the key's file.
    pub key: Option<&'a PublicKey>,
}

/// What to do about a certificate.
#[derive(Debug)]
#[non_exhaustive]
pub enum Decision {
    /// Nothing is there: make key and certificate.
    Create,
    /// Only the key is there, for example because an earlier run was cut short: make its certificate.
    ///
    /// kubeadm stops here.
    CreateForExistingKey {
        /// What there is to say about the key.
        findings: Vec<Finding>,
    },
    /// Both are there and belong together: touch nothing.
    ///
    /// As with kubeadm's init, a certificate that is expired, lacks a name or is otherwise unfit stays too: replacing it is
    /// the owner's decision. The findings say so; [`Severity::Error`](super::Severity::Error) among them means that it
    /// will not work.
    Keep {
        /// What there is to say about it.
        findings: Vec<Finding>,
    },
    /// A CA whose key is elsewhere: touch nothing, and sign nothing with it here. See [`external`](super::external).
    External {
        /// What there is to say about it.
        findings: Vec<Finding>,
    },
    /// It cannot go on like this; nothing is to be overwritten.
    Broken(PkiError),
}

/// Decides about one certificate of the tree.
///
/// `issuer` holds the certificates of the issuing CA's file, or `None` if the CA is to be made in this run. All of them
/// count, as they do for every component that trusts that file (kubeadm looks at the first only). `spec` says what is
/// expected; `now` is the time.
///
/// [`Decision::Broken`] is decided for: files that cannot be read, a key that does not match, a leaf without its key,
/// another CA, and a file for a CA that holds no CA. kubeadm init notices only the last two and a key without
/// certificate.
#[must_use]
pub fn decide(spec: &CertSpec, found: Found<'_>, issuer: Option<&[Certificate]>, now: Timestamp) -> Decision {
    let text = match (found.certificate, found.key) {
        (None, None) => return Decision::Create,
        (None, Some(key)) => {
            return Decision::CreateForExistingKey { findings: algorithm(spec, key).into_iter().collect() };
        }
        (Some(text), _) => text,
    };
    let certificates = match Certificate::all_from_pem(text) {
        Ok(certificates) => certificates,
        Err(error) => return Decision::Broken(error),
    };
    if spec.class == CertClass::Ca {
        return authority(spec, &certificates, found.key, now);
    }
    if found.key.is_none() {
        let missing = format!("{}.key", spec.path);
        return Decision::Broken(Finding::new(&spec.name, Defect::KeyMissing, missing, "no key").into());
    }
    let findings = certificate(spec, &certificates, found.key, issuer.unwrap_or_default(), now);
    match findings.iter().find(|finding| matches!(finding.defect, Defect::WrongCa | Defect::KeyMismatch)) {
        Some(finding) => Decision::Broken(finding.clone().into()),
        None => Decision::Keep { findings },
    }
}

/// What to do about a key pair without certificate (`sa.key`, `sa.pub`).
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyDecision {
    /// Nothing is there: make both.
    Create,
    /// The private key is there, the public one is not: write it. kubeadm leaves it missing.
    WritePublic {
        /// What there is to say about the key.
        findings: Vec<Finding>,
    },
    /// Both are there: touch nothing.
    Keep {
        /// What there is to say about the key.
        findings: Vec<Finding>,
    },
    /// It cannot go on like this; nothing is to be overwritten.
    Broken(PkiError),
}

/// Decides about a key pair: `private` is the public half of the private key, `public` the public key in its own file.
#[must_use]
pub fn decide_key(spec: &KeySpec, private: Option<&PublicKey>, public: Option<&PublicKey>) -> KeyDecision {
    let differs = |key: &PublicKey| {
        let found = key.description();
        (key.algorithm() != Some(spec.algorithm))
            .then(|| Finding::new(spec.path, Defect::Algorithm, spec.algorithm.name(), found))
            .into_iter()
            .collect()
    };
    match (private, public) {
        (None, None) => KeyDecision::Create,
        (Some(private), None) => KeyDecision::WritePublic { findings: differs(private) },
        (Some(private), Some(public)) if private == public => {
            KeyDecision::Keep { findings: differs(private) }
        }
        (Some(_), Some(_)) => {
            let (expected, found) = (format!("{0}.pub of {0}.key", spec.path), "that of another key");
            KeyDecision::Broken(Finding::new(spec.path, Defect::KeyMismatch, expected, found).into())
        }
        (None, Some(_)) => {
            let finding = Finding::new(spec.path, Defect::KeyMissing, format!("{}.key", spec.path), "no key");
            KeyDecision::Broken(finding.into())
        }
    }
}

/// The leaves that would end later than the CA that is made in the same run, as warnings.
///
/// For CAs that are there already see [`Ca::outlived_by`](super::Ca::outlived_by).
#[must_use]
pub fn terms<'a>(tree: &[CertSpec], leaves: impl IntoIterator<Item = &'a CertSpec>) -> Vec<Finding> {
    let longer = |leaf: &CertSpec| {
        let issuer = tree.iter().find(|spec| Some(&spec.name) == leaf.issuer.as_ref())?;
        let expected = format!("a lifetime of at most {}, that of {}", issuer.validity, issuer.name);
        (leaf.validity > issuer.validity)
            .then(|| Finding::new(&leaf.name, Defect::OutlivesIssuer, expected, leaf.validity.to_string()))
    };
    leaves.into_iter().filter_map(longer).collect()
}

/// Everything that is wrong with a leaf certificate, errors that stop it from working first.
///
/// `chain` is the certificate's file: the leaf first, then intermediate CAs; `anchors` is the CA's file. Names beyond the
/// spec's are fine.
#[must_use]
pub fn certificate(
    spec: &CertSpec,
    chain: &[Certificate],
    key: Option<&PublicKey>,
    anchors: &[Certificate],
    now: Timestamp,
) -> Vec<Finding> {
    let Some((leaf, between)) = chain.split_first() else { return Vec::new() };
    let finding = |defect, expected: String, found: String| Finding::new(&spec.name, defect, expected, found);
    let mut findings = Vec::new();
    if !chain::leads_to(leaf, between, anchors) {
        findings.push(wrong_ca(spec, leaf, anchors));
    }
    if key.is_some_and(|key| key != leaf.public_key()) {
        findings.push(finding(
            Defect::KeyMismatch,
            "the key of the certificate".into(),
            "another key".into(),
        ));
    }
    for certificate in chain {
        let name = if certificate.der() == leaf.der() {
            spec.name.clone()
        } else {
            certificate.subject().to_string()
        };
        findings.extend(times(&name, certificate, now));
    }
    findings.extend(missing_names(spec, leaf));
    if leaf.subject().subject().to_der() != spec.subject.to_der() {
        findings.push(finding(Defect::Subject, spec.subject.to_string(), leaf.subject().to_string()));
    }
    findings.extend(usage(spec, leaf));
    findings.extend(algorithm(spec, leaf.public_key()));
    let end = leaf.info().not_after;
    let issuer_end =
        anchors.iter().chain(between).filter(|issuer| leaf.is_signed_by(issuer)).map(|i| i.info().not_after);
    if let Some(issuer_end) = issuer_end.max().filter(|issuer_end| end > *issuer_end) {
        findings.push(finding(Defect::OutlivesIssuer, format!("an end by {issuer_end}"), end.to_string()));
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity()));
    findings
}

fn authority(
    spec: &CertSpec,
    certificates: &[Certificate],
    key: Option<&PublicKey>,
    now: Timestamp,
) -> Decision {
    let broken = |defect, expected: &str, found: String| {
        Decision::Broken(Finding::new(&spec.name, defect, expected, found).into())
    };
    // The certificate of the key, as in Ca::from_pem; without a key the first.
    let own = match key {
        Some(key) => certificates.iter().find(|certificate| certificate.public_key() == key),
        None => certificates.first(),
    };
    let Some(own) = own else {
        return broken(
            Defect::KeyMismatch,
            "the key of a certificate in the CA's file",
            "another key".into(),
        );
    };
    if !own.may_sign() {
        return broken(Defect::NotACa, "a CA that may sign certificates", own.subject().to_string());
    }
    let mut findings = times(&spec.name, own, now);
    findings.extend(algorithm(spec, own.public_key()));
    if key.is_some() { Decision::Keep { findings } } else { Decision::External { findings } }
}

fn wrong_ca(spec: &CertSpec, leaf: &Certificate, anchors: &[Certificate]) -> Finding {
    let issuer = spec.issuer.as_deref().unwrap_or("its CA");
    let Some(first) = anchors.first() else {
        let expected = format!("no certificate as long as its CA {issuer} is not there");
        return Finding::new(&spec.name, Defect::WrongCa, expected, format!("one by {}", leaf.issuer()));
    };
    let found = match anchors.iter().find(|anchor| anchor.subject().der() == leaf.issuer().der()) {
        Some(anchor) if !leaf.has_known_signature() || anchor.public_key().description() == "unknown" => {
            format!(
                "a signature of a kind that is not accepted ({} by a key of kind {})",
                leaf.info().signature_algorithm,
                anchor.public_key().description()
            )
        }
        Some(_) => format!("another CA that is called {} too", leaf.issuer()),
        None => leaf.issuer().to_string(),
    };
    let pin = first.info().pin.get(..23).unwrap_or_default();
    Finding::new(&spec.name, Defect::WrongCa, format!("{issuer} ({}, {pin}…)", first.subject()), found)
}

fn times(name: &str, certificate: &Certificate, now: Timestamp) -> Vec<Finding> {
    let (begin, end) = (certificate.info().not_before, certificate.info().not_after);
    if end < now {
        return vec![Finding::new(name, Defect::Expired, format!("an end after {now}"), end.to_string())];
    }
    if begin > now {
        return vec![Finding::new(
            name,
            Defect::NotYetValid,
            format!("a beginning by {now}"),
            begin.to_string(),
        )];
    }
    Vec::new()
}

fn missing_names(spec: &CertSpec, leaf: &Certificate) -> Option<Finding> {
    let info = leaf.info();
    let dns =
        spec.dns_names.iter().filter(|name| !info.dns_names.iter().any(|own| own.eq_ignore_ascii_case(name)));
    let own: Vec<_> = info.ip_addresses.iter().map(std::net::IpAddr::to_canonical).collect();
    let addresses = spec.ip_addresses.iter().filter(|address| !own.contains(&address.to_canonical()));
    let missing: Vec<String> = dns.cloned().chain(addresses.map(ToString::to_string)).collect();
    (!missing.is_empty()).then(|| {
        let has: Vec<String> =
            info.dns_names.iter().cloned().chain(own.iter().map(ToString::to_string)).collect();
        let found = if has.is_empty() { "no names".to_owned() } else { format!("only {}", has.join(", ")) };
        Finding::new(&spec.name, Defect::SanMissing, missing.join(", "), found)
    })
}

fn usage(spec: &CertSpec, leaf: &Certificate) -> Option<Finding> {
    let class = leaf.info().class();
    let serves = class.is_some_and(CertClass::serves) || !spec.class.serves();
    let identifies = class.is_some_and(CertClass::identifies) || !spec.class.identifies();
    (!serves || !identifies).then(|| {
        let expected = match spec.class {
            CertClass::Server => "serverAuth",
            CertClass::Client => "clientAuth",
            CertClass::Peer | CertClass::Ca => "serverAuth and clientAuth",
        };
        let found = if leaf.info().is_ca { "a CA".to_owned() } else { leaf.info().ext_key_usage.join(", ") };
        Finding::new(&spec.name, Defect::Usage, expected, found)
    })
}

fn algorithm(spec: &CertSpec, key: &PublicKey) -> Option<Finding> {
    (key.algorithm() != Some(spec.algorithm))
        .then(|| Finding::new(&spec.name, Defect::Algorithm, spec.algorithm.name(), key.description()))
}
