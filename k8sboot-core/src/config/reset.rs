//! `ResetConfig`: a configuration for reset whose every default is filled in and every rule checked.

use super::{
    ConfigError, ConfigErrors, Documents, defaults,
    rules::{self, Report},
    v1beta4,
};
use crate::facts::NodeFacts;

const UNMOUNT_FLAGS: [&str; 4] = ["MNT_FORCE", "MNT_DETACH", "MNT_EXPIRE", "UMOUNT_NOFOLLOW"];

/// A proven reset configuration. Made by [`Documents::into_reset`].
#[derive(Clone, Debug)]
pub struct ResetConfig {
    reset: v1beta4::ResetConfiguration,
    host: NodeFacts,
    warnings: Vec<ConfigError>,
}

impl ResetConfig {
    /// The ResetConfiguration document, defaults filled in.
    #[must_use]
    pub const fn reset(&self) -> &v1beta4::ResetConfiguration {
        &self.reset
    }

    /// The facts about the host that the defaults came from.
    #[must_use]
    pub const fn host(&self) -> &NodeFacts {
        &self.host
    }

    /// The directory of certificates and keys, absolute.
    #[must_use]
    pub fn certificates_dir(&self) -> &str {
        &self.reset.certificates_dir
    }

    /// The runtime socket, `unix:///…`.
    #[must_use]
    pub fn cri_socket(&self) -> &str {
        &self.reset.cri_socket
    }

    /// What is allowed but probably not wanted.
    #[must_use]
    pub fn warnings(&self) -> &[ConfigError] {
        &self.warnings
    }
}

/// Fills in the defaults of the document and proves every rule for reset.
pub(super) fn prove(mut documents: Documents, host: &NodeFacts) -> Result<ResetConfig, ConfigErrors> {
    documents.warn_unused("reset", &["ResetConfiguration"]);
    let Documents { reset, positions, mut warnings, .. } = documents;
    let mut reset = reset.unwrap_or_default();
    let mut report = Report::new(&positions);
    report.on("ResetConfiguration");
    defaults::static_reset(&mut reset);
    defaults::host_socket(&mut report, "criSocket", &mut reset.cri_socket, host);

    rules::absolute(&mut report, "certificatesDir", &reset.certificates_dir);
    rules::socket(&mut report, "criSocket", &reset.cri_socket);
    rules::preflight_errors(&mut report, "ignorePreflightErrors", &reset.ignore_preflight_errors);
    rules::timeouts(&mut report, &reset.timeouts.clone().unwrap_or_default());
    for (index, flag) in reset.unmount_flags.iter().enumerate() {
        report.one_of(&format!("unmountFlags[{index}]"), flag, &UNMOUNT_FLAGS);
    }
    let has = |flag: &str| reset.unmount_flags.iter().any(|given| given == flag);
    if has("MNT_EXPIRE") && (has("MNT_FORCE") || has("MNT_DETACH")) {
        let found = reset.unmount_flags.join(", ");
        let remedy = "the kernel refuses it together with MNT_FORCE or MNT_DETACH";
        report.conflict("unmountFlags", "MNT_EXPIRE without the others", found, remedy);
    }

    let Report { errors, warnings: more, .. } = report;
    if !errors.is_empty() {
        return Err(ConfigErrors::sorted(errors));
    }
    warnings.extend(more);
    Ok(ResetConfig { reset, host: host.clone(), warnings })
}
