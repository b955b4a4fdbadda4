//! Renewal of leaves: the same subject, names and usages with a new key and a new term.

use super::{
    CertSpec, Certificate, Issued, Issuing, KeyAlgorithm, PkiError, Signer as _,
    certificate::raw_extension,
    der::oid,
    issue::{self, Template, backdated},
    spec::LEAF_VALIDITY,
};
use crate::{pki::Ca, time::GoDuration};

/// What a renewal changes. The default changes nothing but key and term.
#[derive(Clone, Copy, Debug, Default)]
pub struct Renewal<'a> {
    /// Kind of the new key; `None` keeps the old one's.
    ///
    /// kubeadm, renewing offline without configuration, makes RSA-2048 keys whatever the cluster had.
    pub algorithm: Option<KeyAlgorithm>,
    /// Lifetime from now; `None` means kubeadm's 365 days.
    pub validity: Option<GoDuration>,
    /// Takes the alternative names of this spec instead of the old certificate's, so that changes of the configuration
    /// arrive. kubeadm never does.
    pub names: Option<&'a CertSpec>,
}

/// Renews a leaf, for a file or for a kubeconfig, at any time, also long after its end; needs nothing but the CA.
///
/// Subject, extended key usages and alternative names are taken over byte for byte. The term begins
/// [`BACKDATE`](super::BACKDATE) before now, also for kubeconfig clients. `name` is kubeadm's name of the certificate.
///
/// Source: kubeadm 1.36 `certs renew`.
///
/// # Errors
///
/// [`PkiError::Spec`] for CAs (replacing one is more than a renewal), for certificates without extended key usage, and for
/// an old key of a kind that is not made here unless `algorithm` is given; the errors of key source, entropy and signer.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::{entropy::System, pki::{*, renew::{Renewal, renew}}, time::Timestamp};
/// # let keys = RandomKeys::new(&System);
/// # let with = Issuing { keys: &keys, entropy: &System, now: Timestamp::from_seconds(1_800_000_000) };
/// # let ca = Ca::self_signed(&CertSpec::authority("ca", "kubernetes", KeyAlgorithm::EcdsaP256), &with)?;
/// # let old = ca.issue(&CertSpec::user("jane", Subject::named("jane"), KeyAlgorithm::EcdsaP256), &with)?.certificate;
/// let later = Issuing { now: with.now.plus_seconds(5 * 365 * 86_400), ..with };
/// let new = renew("jane", &old, &ca, &Renewal::default(), &later)?;
/// assert_eq!(new.certificate.subject(), old.subject());
/// # Ok::<(), PkiError>(())
/// ```
pub fn renew(
    name: &str,
    old: &Certificate,
    ca: &Ca,
    renewal: &Renewal<'_>,
    with: &Issuing<'_>,
) -> Result<Issued, PkiError> {
    let refuse = |expected, found: String| Err(PkiError::Spec { name: name.to_owned(), expected, found });
    if old.info().is_ca {
        return refuse("a leaf certificate to renew", "a CA".to_owned());
    }
    let Some(ext_key_usage) = raw_extension(old, oid::EXT_KEY_USAGE) else {
        return refuse("a certificate with an extended key usage", "none".to_owned());
    };
    let Some(algorithm) = renewal.algorithm.or_else(|| old.public_key().algorithm()) else {
        return refuse(
            "a key of a kind that can be made, or one to be named",
            old.public_key().description(),
        );
    };
    let alternative_names = match renewal.names {
        Some(spec) => issue::alternative_names(spec)?,
        None => raw_extension(old, oid::SUBJECT_ALT_NAME),
    };
    let template = Template {
        name: name.to_owned(),
        subject: old.subject().der().to_vec(),
        is_ca: false,
        ext_key_usage: Some(ext_key_usage),
        alternative_names,
        not_before: backdated(with.now),
        not_after: with.now.plus(renewal.validity.unwrap_or(LEAF_VALIDITY)),
    };
    let key = with.keys.generate(algorithm, name)?;
    let certificate = ca.sign(&template, key.public_key(), with)?;
    Ok(Issued { certificate, key })
}
