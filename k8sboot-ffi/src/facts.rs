//! What the defaults of a configuration need to know about a node, looked up.

use std::ffi::c_char;

use crate::{
    error::{Failure, k8sboot_code_t, k8sboot_error_t},
    guard::{guard, needs},
    handle::out,
    text::{k8sboot_buf_t, optional_text, plain},
};

/// Looks at a node and writes its facts to `out`, as the JSON object that `k8sboot_config_new` takes.
///
/// `root` is the directory that stands for `/`; NULL, or one that does not exist yet, means this machine. Name and files
/// are the tree's if an operating system is in it; addresses and environment are always this machine's. Sends no packet.
///
/// # Safety
///
/// `root` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_facts_gather(
    root: *const c_char,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let root = optional_text(root, "root")?;
            needs!("host", {
                *out = plain(imp::gather(root)?);
                Ok(())
            })
        })
    }
}

#[cfg(feature = "host")]
mod imp {
    use k8sboot_core::probe;
    use serde_json::{Value, json};

    use super::Failure;
    use crate::site::Site;

    pub(super) fn gather(root: Option<&str>) -> Result<String, Failure> {
        let tree = match root {
            Some(root) => Site::new(root)?.look()?,
            None => None,
        };
        let facts = probe::node_facts(tree.as_ref());
        let proxies: Vec<Value> = facts
            .proxy_environment
            .iter()
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect();
        Ok(json!({
            "hostname": facts.hostname,
            "defaultAddresses": facts.default_addresses,
            "criSockets": facts.cri_sockets,
            "systemdResolved": facts.systemd_resolved,
            "caDirectories": facts.ca_directories,
            "proxyEnvironment": proxies,
        })
        .to_string())
    }
}

#[cfg(all(test, feature = "host"))]
mod tests {
    use k8sboot_core::probe;

    use crate::config::parse_facts;

    #[test]
    fn what_is_gathered_is_what_a_configuration_takes() {
        let gathered = super::imp::gather(None).unwrap();
        assert_eq!(parse_facts(Some(&gathered)).unwrap(), probe::node_facts(None));
    }
}
