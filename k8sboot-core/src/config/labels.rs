//! Version labels such as `stable-1.36`, resolved without the network.
//!
//! kubeadm asks `https://dl.k8s.io/release/LABEL.txt` and falls back to its own version; here the answer is built in, so
//! that the same configuration gives the same cluster everywhere and at any time.

use crate::version::Version;

/// The oldest minor that is set up.
pub const OLDEST_MINOR: u32 = 33;
/// The newest minor that is known; newer ones are set up like it.
pub const NEWEST_MINOR: u32 = 37;
/// The minor that a missing version, `stable`, `stable-1` and `latest` stand for: kubeadm's own in the reference.
const DEFAULT_MINOR: u32 = 36;

/// The patch that a label with a minor stands for. 1.36 names the release that everything was compared with.
const PATCHES: [(u32, u32); 5] = [(33, 13), (34, 10), (35, 8), (36, 2), (37, 1)];

/// The version that a label stands for; nothing if the text is no label or its minor is not known.
///
/// Labels: `stable`, `stable-1`, `stable-1.MINOR`, and the same with `latest`.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::config::resolve_label;
/// assert_eq!(resolve_label("stable-1.36").map(|v| v.to_string()).as_deref(), Some("v1.36.2"));
/// assert!(resolve_label("v1.36.2").is_none());
/// ```
#[must_use]
pub fn resolve_label(label: &str) -> Option<Version> {
    let rest = label.strip_prefix("stable").or_else(|| label.strip_prefix("latest"))?;
    let minor = match rest {
        "" | "-1" => DEFAULT_MINOR,
        _ => rest.strip_prefix("-1.").filter(|minor| !minor.starts_with(['0', '+']))?.parse().ok()?,
    };
    let (minor, patch) = PATCHES.iter().find(|(known, _)| *known == minor)?;
    Some(Version::new(1, *minor, *patch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_stand_for_versions() {
        for (label, want) in [
            ("stable", Some("v1.36.2")),
            ("stable-1", Some("v1.36.2")),
            ("latest", Some("v1.36.2")),
            ("latest-1", Some("v1.36.2")),
            ("stable-1.35", Some("v1.35.8")),
            ("latest-1.37", Some("v1.37.1")),
            ("stable-1.32", None),
            ("stable-1.036", None),
            ("stable-2", None),
            ("stable1", None),
            ("ci/latest", None),
            ("", None),
        ] {
            assert_eq!(resolve_label(label).map(|v| v.to_string()).as_deref(), want, "{label}");
        }
    }

    #[test]
    fn every_supported_minor_has_a_patch() {
        let minors: Vec<u32> = PATCHES.iter().map(|(minor, _)| *minor).collect();
        assert_eq!(minors, (OLDEST_MINOR..=NEWEST_MINOR).collect::<Vec<_>>());
    }
}
