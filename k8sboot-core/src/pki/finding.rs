//! What is wrong with a certificate or key that is there.

use std::fmt;

use super::PkiError;
use crate::error::{Code, Details, Problem};

/// How much a [`Finding`] matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It works, but is probably not what was meant.
    Warning,
    /// Whoever uses it will fail: now, or against some peer.
    Error,
}

/// The ways in which a certificate or key can be unfit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Defect {
    /// Signed by another CA.
    WrongCa,
    /// The key beside it is another one.
    KeyMismatch,
    /// There is no key.
    KeyMissing,
    /// Its end has passed.
    Expired,
    /// Its beginning has not come.
    NotYetValid,
    /// A DNS name or address is not in it.
    SanMissing,
    /// It names someone else.
    Subject,
    /// It is for another use.
    Usage,
    /// It is no CA.
    NotACa,
    /// It ends later than its issuer.
    OutlivesIssuer,
    /// Its key is of another kind than configured.
    Algorithm,
}

impl Defect {
    /// How much it matters.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::OutlivesIssuer | Self::Algorithm => Severity::Warning,
            _ => Severity::Error,
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::WrongCa => "remove the certificate and its key, or put the CA there that signed it",
            Self::KeyMismatch => "put the matching key there, or remove certificate and key",
            Self::KeyMissing => "put the key there, or remove the certificate",
            Self::Expired => "renew it",
            Self::NotYetValid => "check the clock, or renew it",
            Self::SanMissing | Self::Subject | Self::Usage => {
                "remove certificate and key and have them made anew"
            }
            Self::NotACa => "put the certificate of a CA there",
            Self::OutlivesIssuer => "it ends with its issuer: renew the issuer, or shorten the lifetime",
            Self::Algorithm => "renew it to get a key of the configured kind",
        }
    }

    const fn what(self) -> &'static str {
        match self {
            Self::WrongCa => "issuer",
            Self::KeyMismatch | Self::KeyMissing => "key",
            Self::Expired | Self::NotYetValid | Self::OutlivesIssuer => "validity",
            Self::SanMissing => "subject alternative names",
            Self::Subject => "subject",
            Self::Usage => "usage",
            Self::NotACa => "basic constraints",
            Self::Algorithm => "kind of key",
        }
    }
}

/// One thing that is wrong with a certificate or key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Name of the certificate or key, for example `etcd-server`.
    pub name: String,
    /// What is wrong.
    pub defect: Defect,
    /// What would have been right.
    pub expected: String,
    /// What was there.
    pub found: String,
}

impl Finding {
    pub(super) fn new(
        name: &str,
        defect: Defect,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self { name: name.to_owned(), defect, expected: expected.into(), found: found.into() }
    }

    /// How much it matters.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.defect.severity()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, defect, expected, found } = self;
        write!(f, "pki: {name}: {}: expected {expected}, found {found} ({})", defect.what(), defect.remedy())
    }
}

impl std::error::Error for Finding {}

impl Problem for Finding {
    fn code(&self) -> Code {
        match self.defect {
            Defect::WrongCa => Code::PKI_WRONG_CA,
            Defect::KeyMismatch => Code::PKI_CERTIFICATE_KEY_MISMATCH,
            Defect::KeyMissing => Code::PKI_KEY_MISSING,
            Defect::Expired => Code::PKI_EXPIRED,
            Defect::NotYetValid => Code::PKI_NOT_YET_VALID,
            Defect::SanMissing => Code::PKI_SAN_MISSING,
            Defect::Subject => Code::PKI_SUBJECT,
            Defect::Usage => Code::PKI_USAGE,
            Defect::NotACa => Code::PKI_NOT_A_CA,
            Defect::OutlivesIssuer => Code::PKI_OUTLIVES_ISSUER,
            Defect::Algorithm => Code::PKI_ALGORITHM_DIFFERS,
        }
    }

    fn details(&self) -> Details {
        Details {
            expected: Some(self.expected.clone()),
            found: Some(self.found.clone()),
            remedy: Some(self.defect.remedy().to_owned()),
            ..Details::default()
        }
    }
}

impl From<Finding> for PkiError {
    fn from(finding: Finding) -> Self {
        Self::Unfit { finding }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_defect_has_a_code_of_its_own_and_a_remedy() {
        let all = [
            Defect::WrongCa,
            Defect::KeyMismatch,
            Defect::KeyMissing,
            Defect::Expired,
            Defect::NotYetValid,
            Defect::SanMissing,
            Defect::Subject,
            Defect::Usage,
            Defect::NotACa,
            Defect::OutlivesIssuer,
            Defect::Algorithm,
        ];
        let mut codes = Vec::new();
        for defect in all {
            let finding = Finding::new("ca", defect, "x", "y");
            assert!(Code::all().any(|code| code == finding.code()), "{defect:?}");
            assert!(!codes.contains(&finding.code()), "{defect:?}");
            codes.push(finding.code());
            let text = finding.to_string();
            assert!(text.ends_with(&format!("expected x, found y ({})", defect.remedy())), "{text}");
            assert_eq!(PkiError::from(finding.clone()).to_string(), text);
            assert_eq!(PkiError::from(finding.clone()).details(), finding.details());
        }
    }
}
