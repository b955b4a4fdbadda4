//! The plugin's own network namespace.

use std::{fs, os::unix::fs::MetadataExt};

use k8sboot_core::cni::{Environment, ErrorCode, ErrorObject};

/// Refuses `CNI_NETNS` if it is the namespace this process is in. A path that leads nowhere is no problem of an IPAM plugin.
pub(crate) fn refuse_own(environment: &Environment) -> Result<(), ErrorObject> {
    if environment.netns.is_empty() || environment.may_be_own_netns() {
        return Ok(());
    }
    let identity = |path: &str| fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
    let Some(given) = identity(&environment.netns) else { return Ok(()) };
    if identity("/proc/self/ns/net") == Some(given) {
        let text = "plugin's netns and netns from CNI_NETNS should not be the same";
        return Err(ErrorObject::new(ErrorCode::NETNS, text));
    }
    Ok(())
}
