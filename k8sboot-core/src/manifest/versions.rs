//! What differs by minor version of Kubernetes, 1.33 to 1.37: one table.
//!
//! Sources: kubeadm's constants.go and changelogs of each minor; the pull requests named at the fields; image versions of
//! 1.33 to 1.35 and 1.37 from `kubeadm config images list` and from running clusters of those versions.

use crate::version::Version;

/// How a component's command line is put together from kubeadm's defaults and the user's `extraArgs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentOrder {
    /// All together by name, then by value.
    Sorted,
    /// The defaults by name, then the user's as given (kubernetes/kubernetes#135400).
    DefaultsThenGiven,
}

/// What a minor version writes differently from its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Release {
    /// The minor version, for example 36.
    pub minor: u32,
    /// Tag of the etcd image. Within a minor it rises with patch releases; this is the newest known here.
    pub etcd_tag: &'static str,
    /// Tag of the CoreDNS image.
    pub coredns_tag: &'static str,
    /// Tag of the pause image.
    pub pause_tag: &'static str,
    /// Order of command lines and kubelet flags.
    pub arguments: ArgumentOrder,
    /// Probes name the port `probe-port`, which the container declares; else they have its number and nothing is
    /// declared (#132776). CoreDNS likewise with `liveness-probe` and `readiness-probe` (#131587).
    pub named_probe_port: bool,
    /// The runtime endpoint stands in instance-config.yaml; else in the flag `--container-runtime-endpoint` and in an
    /// annotation of the Node (gate NodeLocalCRISocket, beta and on from 1.34).
    pub instance_config: bool,
    /// kubeadm-flags.env has `--pod-infra-container-image`.
    pub pod_infra_image_flag: bool,
    /// kube-controller-manager mounts the FlexVolume directory.
    pub flexvolume: bool,
    /// Objects in files have `creationTimestamp: null`, as Go printed an unset time then (#130989).
    pub null_creation_timestamp: bool,
    /// `kubeproxydaemonset` is a patch target.
    pub kube_proxy_patches: bool,
}

/// The newest minor whose component configuration types are known field by field.
pub const NEWEST_KNOWN_TYPES: u32 = 36;

/// The table, oldest first.
pub const RELEASES: [Release; 5] = [
    Release {
        minor: 33,
        etcd_tag: "3.5.24-0",
        coredns_tag: "v1.12.0",
        pause_tag: "3.10",
        arguments: ArgumentOrder::Sorted,
        named_probe_port: false,
        instance_config: false,
        pod_infra_image_flag: true,
        flexvolume: true,
        null_creation_timestamp: true,
        kube_proxy_patches: false,
    },
    V1_34,
    Release { minor: 35, coredns_tag: "v1.13.1", pod_infra_image_flag: false, ..V1_34 },
    V1_36,
    Release { minor: 37, etcd_tag: "3.7.0-0", coredns_tag: "v1.14.6", kube_proxy_patches: true, ..V1_36 },
];

const V1_34: Release = Release {
    minor: 34,
    etcd_tag: "3.6.8-0",
    coredns_tag: "v1.12.1",
    pause_tag: "3.10.1",
    arguments: ArgumentOrder::Sorted,
    named_probe_port: true,
    instance_config: true,
    pod_infra_image_flag: true,
    flexvolume: true,
    null_creation_timestamp: false,
    kube_proxy_patches: false,
};

const V1_36: Release = Release {
    minor: 36,
    coredns_tag: "v1.14.2",
    pause_tag: "3.10.2",
    arguments: ArgumentOrder::DefaultsThenGiven,
    pod_infra_image_flag: false,
    flexvolume: false,
    ..V1_34
};

/// The table's entry for a version; the nearest one for versions outside the table.
#[must_use]
pub fn release(version: &Version) -> &'static Release {
    let [first, .., last] = &RELEASES;
    let listed = RELEASES.iter().find(|release| release.minor == version.minor());
    listed.unwrap_or(if version.minor() < first.minor { first } else { last })
}

/// What a release of etcd calls the flags that kubeadm sets and that were renamed.
///
/// Flags that a release does not have are left out: it would not start with them.
#[must_use]
pub fn etcd_flags(image_tag: &str) -> &'static [(&'static str, &'static str)] {
    const NEW: &[(&str, &str)] =
        &[("feature-gates", "InitialCorruptCheck=true"), ("watch-progress-notify-interval", "5s")];
    match etcd_minor(image_tag) {
        Some((3, minor)) if minor < 5 => &[("experimental-initial-corrupt-check", "true")],
        Some((3, 5)) => &[
            ("experimental-initial-corrupt-check", "true"),
            ("experimental-watch-progress-notify-interval", "5s"),
        ],
        // Tags that tell no version (`latest`, a date, a digest): what kubeadm writes today.
        _ => NEW,
    }
}

/// Major and minor of a tag such as `3.6.8-0` or `v3.5.24`.
fn etcd_minor(tag: &str) -> Option<(u32, u32)> {
    let mut numbers = tag.strip_prefix('v').unwrap_or(tag).split('.');
    let (major, minor) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
    Some((major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_minor_once_in_order() {
        let minors: Vec<u32> = RELEASES.iter().map(|r| r.minor).collect();
        assert_eq!(minors, [33, 34, 35, 36, 37]);
        for (version, minor) in [("v1.30.0", 33), ("v1.35.1", 35), ("v1.37.0-rc.1", 37), ("v1.40.0", 37)] {
            assert_eq!(release(&version.parse().unwrap()).minor, minor);
        }
    }

    #[test]
    fn etcd_gets_only_flags_that_it_has() {
        for (tag, flag) in [
            ("3.6.8-0", Some("watch-progress-notify-interval")),
            ("v3.7.0", Some("watch-progress-notify-interval")),
            ("latest", Some("watch-progress-notify-interval")),
            ("3.5.24-0", Some("experimental-watch-progress-notify-interval")),
            ("3.4.30", None),
        ] {
            assert_eq!(etcd_flags(tag).get(1).map(|(name, _)| *name), flag, "{tag}");
        }
    }
}
