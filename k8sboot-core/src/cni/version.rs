//! The versions of the protocol.

use std::fmt;

use super::{
    error::{CniError, cut},
    json::Json,
};

/// A version of the protocol, in the order of release.
///
/// Source: a plugin compares the version of its configuration with its list exactly, so `1.0` is not 1.0.0.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::cni::Version;
/// assert_eq!(Version::parse("1.0.0"), Ok(Version::V1_0_0));
/// assert_eq!(Version::parse(""), Ok(Version::V0_1_0));
/// assert!(Version::parse("1.0").is_err());
/// assert!(Version::V0_4_0 < Version::V1_0_0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// 0.1.0, also meant by a configuration without `cniVersion`.
    V0_1_0,
    /// 0.2.0, brings VERSION.
    V0_2_0,
    /// 0.3.0, brings lists of plugins and of addresses.
    V0_3_0,
    /// 0.3.1, the format of 0.3.0.
    V0_3_1,
    /// 0.4.0, brings CHECK.
    V0_4_0,
    /// 1.0.0, drops `version` of addresses.
    V1_0_0,
    /// 1.1.0, brings GC and STATUS.
    V1_1_0,
}

impl Version {
    /// Every version, in order.
    pub const ALL: [Self; 7] =
        [Self::V0_1_0, Self::V0_2_0, Self::V0_3_0, Self::V0_3_1, Self::V0_4_0, Self::V1_0_0, Self::V1_1_0];

    /// The newest.
    pub const LATEST: Self = Self::V1_1_0;

    /// Reads one of the seven texts exactly; the empty text is 0.1.0.
    ///
    /// # Errors
    ///
    /// [`CniError::Version`] for any other text.
    pub fn parse(text: &str) -> Result<Self, CniError> {
        if text.is_empty() {
            return Ok(Self::V0_1_0);
        }
        Self::ALL.into_iter().find(|version| version.as_str() == text).ok_or_else(|| CniError::Version {
            what: "cniVersion",
            expected: "0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0 or 1.1.0, exactly".to_owned(),
            found: cut(text),
        })
    }

    /// The text, for example `1.0.0`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V0_1_0 => "0.1.0",
            Self::V0_2_0 => "0.2.0",
            Self::V0_3_0 => "0.3.0",
            Self::V0_3_1 => "0.3.1",
            Self::V0_4_0 => "0.4.0",
            Self::V1_0_0 => "1.0.0",
            Self::V1_1_0 => "1.1.0",
        }
    }

    const fn numbers(self) -> (i64, i64, i64) {
        match self {
            Self::V0_1_0 => (0, 1, 0),
            Self::V0_2_0 => (0, 2, 0),
            Self::V0_3_0 => (0, 3, 0),
            Self::V0_3_1 => (0, 3, 1),
            Self::V0_4_0 => (0, 4, 0),
            Self::V1_0_0 => (1, 0, 0),
            Self::V1_1_0 => (1, 1, 0),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Up to three numbers of a version that need not be a known one; missing ones are 0, an empty text is 0.1.0.
///
/// # Errors
///
/// [`CniError::Version`] if a part is no number or there are more than three.
pub fn version_numbers(text: &str) -> Result<(i64, i64, i64), CniError> {
    if text.is_empty() {
        return Ok((0, 1, 0));
    }
    let wrong = || CniError::Version {
        what: "cniVersion",
        expected: "up to three numbers with dots between".to_owned(),
        found: cut(text),
    };
    let mut numbers = [0_i64; 3];
    for (index, part) in text.split('.').enumerate() {
        *numbers.get_mut(index).ok_or_else(wrong)? = part.parse().map_err(|_| wrong())?;
    }
    Ok(numbers.into())
}

/// Whether a version that need not be a known one is at least another.
///
/// # Errors
///
/// As for [`version_numbers`].
///
/// # Examples
///
/// ```
/// # use k8sboot_core::cni::{Version, at_least};
/// assert!(at_least("1.0", Version::V0_4_0)?);
/// assert!(!at_least("", Version::V0_2_0)?);
/// # Ok::<(), k8sboot_core::cni::CniError>(())
/// ```
pub fn at_least(text: &str, least: Version) -> Result<bool, CniError> {
    Ok(version_numbers(text)? >= least.numbers())
}

/// What a plugin answers to VERSION: the versions it takes.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::cni::{Supported, Version};
/// let old = Supported::parse(br#"{"cniVersion":"0.2.0"}"#)?;
/// assert!(old.contains(Version::V0_1_0) && !old.contains(Version::V0_3_0));
/// # Ok::<(), k8sboot_core::cni::CniError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supported {
    versions: Vec<String>,
}

impl Supported {
    /// All that this library knows.
    #[must_use]
    pub fn all() -> Self {
        Self { versions: Version::ALL.map(|version| version.as_str().to_owned()).to_vec() }
    }

    /// Reads an answer. Without `supportedVersions` an answer of 0.2.0 means 0.1.0 and 0.2.0.
    ///
    /// # Errors
    ///
    /// [`CniError::Json`] or [`CniError::Field`].
    pub fn parse(stdout: &[u8]) -> Result<Self, CniError> {
        let document = Json::parse(stdout)?;
        let fields = document.fields()?;
        let version = fields.required("cniVersion")?;
        let listed = fields.list("supportedVersions")?.unwrap_or_default();
        let mut versions = Vec::with_capacity(listed.len());
        for item in &listed {
            versions.push(item.text()?.unwrap_or_default().to_owned());
        }
        if versions.is_empty() {
            if version != "0.2.0" {
                return Err(fields.missing("supportedVersions", "a list of versions"));
            }
            versions = vec!["0.1.0".to_owned(), "0.2.0".to_owned()];
        }
        Ok(Self { versions })
    }

    /// What a plugin from before VERSION means by refusing it.
    #[must_use]
    pub fn only_first() -> Self {
        Self { versions: vec!["0.1.0".to_owned()] }
    }

    /// Prints an answer with a line end, as the reference library prints its own: the newest version, then all.
    #[must_use]
    pub fn render(&self) -> String {
        let versions = self.versions.iter().map(|version| Json::text(version)).collect();
        let object = Json::Object(vec![
            ("cniVersion".to_owned(), Json::text(Version::LATEST.as_str())),
            ("supportedVersions".to_owned(), Json::List(versions)),
        ]);
        object.render(super::Layout::Compact) + "\n"
    }

    /// The texts as they were answered.
    #[must_use]
    pub fn versions(&self) -> &[String] {
        &self.versions
    }

    /// Whether a version is among them.
    #[must_use]
    pub fn contains(&self, version: Version) -> bool {
        self.versions.iter().any(|text| text == version.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_by_numbers_but_knows_by_text() {
        for (text, want) in [("0.4", true), ("0.4.0", true), ("0.3.9", false), ("1", true), ("", false)] {
            assert_eq!(at_least(text, Version::V0_4_0), Ok(want), "{text}");
        }
        for text in ["1.0.0.0", "a", "1.", "1..0", " 1.0.0", "99999999999999999999"] {
            assert!(version_numbers(text).is_err(), "{text}");
        }
        for text in ["1.0", "01.0.0", "1.0.0 ", "0.5.0", "2.0.0"] {
            assert!(Version::parse(text).is_err(), "{text}");
        }
        for version in Version::ALL {
            assert_eq!(Version::parse(version.as_str()), Ok(version));
            assert_eq!(version_numbers(version.as_str()).unwrap(), version.numbers());
        }
    }

    #[test]
    fn answers_version_as_the_reference_library() {
        let text = Supported::all().render();
        assert_eq!(
            text,
            "{\"cniVersion\":\"1.1.0\",\"supportedVersions\":[\"0.1.0\",\"0.2.0\",\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]}\n"
        );
        assert_eq!(Supported::parse(text.as_bytes()), Ok(Supported::all()));
        assert!(Supported::parse(br#"{"cniVersion":"0.3.0"}"#).is_err());
        assert!(Supported::parse(br#"{"supportedVersions":["0.3.0"]}"#).is_err());
    }
}
