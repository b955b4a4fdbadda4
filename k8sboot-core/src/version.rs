//! Kubernetes versions: parse, compare, print.

use std::{cmp::Ordering, fmt, str::FromStr};

/// A Kubernetes version such as `v1.36.2`, `v1.37.0-rc.1` or `v1.36.2+build5`.
///
/// Ordered as semantic versions are: a pre-release comes before its release, build metadata does not count.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::version::Version;
/// let version: Version = "1.36.2".parse()?;
/// assert_eq!(version.to_string(), "v1.36.2");
/// assert!("v1.37.0-rc.1".parse::<Version>()? < "v1.37.0".parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Version {
    major: u32,
    minor: u32,
    patch: u32,
    pre: String,
    build: String,
}

/// A text is not a Kubernetes version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a version like v1.36.2, found {found:?}")]
#[non_exhaustive]
pub struct VersionError {
    /// The text as given.
    pub found: String,
}

impl Version {
    /// The release `vMAJOR.MINOR.PATCH`.
    #[must_use]
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch, pre: String::new(), build: String::new() }
    }

    /// The major number, 1.
    #[must_use]
    pub const fn major(&self) -> u32 {
        self.major
    }

    /// The minor number, for example 36.
    #[must_use]
    pub const fn minor(&self) -> u32 {
        self.minor
    }

    /// The patch number.
    #[must_use]
    pub const fn patch(&self) -> u32 {
        self.patch
    }

    /// The pre-release part without its dash, for example `rc.1`; empty for releases.
    #[must_use]
    pub fn pre(&self) -> &str {
        &self.pre
    }

    /// The tag of an image of this version: a `+` is not allowed there and becomes `_`, as in kubeadm.
    #[must_use]
    pub fn image_tag(&self) -> String {
        self.to_string().replace('+', "_")
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        parse(text).ok_or_else(|| VersionError { found: text.chars().take(64).collect() })
    }
}

fn parse(text: &str) -> Option<Version> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let (text, build) = text.split_once('+').map_or((text, None), |(t, b)| (t, Some(b)));
    let (numbers, pre) = text.split_once('-').map_or((text, None), |(t, p)| (t, Some(p)));
    let identifiers = |part: Option<&str>| {
        part.is_none_or(|p| {
            p.split('.').all(|i| !i.is_empty() && i.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
        })
    };
    if !identifiers(build) || !identifiers(pre) {
        return None;
    }
    let mut parts = numbers.split('.').map(|number| {
        let plain = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        (plain && (number.len() == 1 || !number.starts_with('0'))).then(|| number.parse().ok()).flatten()
    });
    let version = Version {
        major: parts.next()??,
        minor: parts.next()??,
        patch: parts.next()??,
        pre: pre.unwrap_or_default().to_owned(),
        build: build.unwrap_or_default().to_owned(),
    };
    parts.next().is_none().then_some(version)
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.pre.is_empty() {
            write!(f, "-{}", self.pre)?;
        }
        if !self.build.is_empty() {
            write!(f, "+{}", self.build)?;
        }
        Ok(())
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.major, self.minor, self.patch)
            .cmp(&(other.major, other.minor, other.patch))
            .then_with(|| compare_pre(&self.pre, &other.pre))
    }
}

fn compare_pre(left: &str, right: &str) -> Ordering {
    match (left.is_empty(), right.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let (mut left, mut right) = (left.split('.'), right.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(l), Some(r)) => match (l.parse::<u64>(), r.parse::<u64>()) {
                (Ok(l), Ok(r)) => l.cmp(&r),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => l.cmp(r),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_as_semantic_versions() {
        let order = [
            "v1.35.0",
            "v1.36.0-alpha.1",
            "v1.36.0-alpha.10",
            "v1.36.0-beta.0",
            "v1.36.0-rc.1",
            "v1.36.0",
            "v1.36.2",
        ];
        for pair in order.windows(2) {
            assert!(pair[0].parse::<Version>().unwrap() < pair[1].parse().unwrap(), "{pair:?}");
        }
        assert_eq!("v1.36.2+a".parse::<Version>().unwrap(), "1.36.2".parse().unwrap());
    }

    #[test]
    fn refuses_what_is_no_version() {
        for text in [
            "", "v1", "v1.36", "1.36.x", "v1.36.02", "v1.36.2-", "v1.36.2+", "1.36.2.1", "vv1.36.2",
            "stable-1", "v1.-1.0",
        ] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }
}
