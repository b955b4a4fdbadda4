//! Repair of the files of a directory.

use std::{ffi::c_char, net::IpAddr};

use serde::Deserialize;

use crate::{
    error::{Failure, k8sboot_code_t, k8sboot_error_t},
    guard::{guard, needs},
    handle::out,
    json::optional_object,
    store::{Used, k8sboot_store_t, used},
    text::{k8sboot_buf_t, optional_text, plain},
};

/// Looks for files of a directory that are not as they should be (empty, torn, foreign, under two names), and repairs them
/// if asked to.
///
/// `options` is NULL or a JSON object, all members optional: `apply` (false: nothing is changed), `removeForeign` (false:
/// records whose content is nobody's are told only) and `live` (list of addresses that are in use whatever their record
/// says; nothing of them is removed).
///
/// Writes to `out` a JSON object of the schema `k8sboot.repair/v1` with `findings`, each with `name`, `defect`, `text`,
/// `remedy`, `content` (`contentHex` if it is no text) and, if `apply` is set, `outcome`. A file that changed meanwhile is
/// left alone. A store that is no directory is `K8SBOOT_E_MISUSE`.
///
/// # Safety
///
/// `store` is NULL or live; `options` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_store_repair(
    store: *const k8sboot_store_t,
    options: *const c_char,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let store = used(store)?;
            let options: Options = optional_object(optional_text(options, "options")?, "options")?;
            needs!("node", {
                *out = plain(imp::repair(&store, &options)?);
                Ok(())
            })
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
struct Options {
    apply: bool,
    remove_foreign: bool,
    live: Vec<IpAddr>,
}

#[cfg(feature = "node")]
mod imp {
    use k8sboot_core::store::directory::{RepairOptions, repair_json};

    use super::{Failure, Options, Used};

    pub(super) fn repair(store: &Used<'_>, options: &Options) -> Result<String, Failure> {
        let none = || Failure::misuse("store", "it is no directory (open one with k8sboot_store_directory)");
        let directory = store.directory().ok_or_else(none)?;
        let wanted = RepairOptions::default()
            .remove_foreign(options.remove_foreign)
            .live(options.live.iter().copied());
        let findings = directory.findings(&wanted)?;
        let outcomes = if options.apply { directory.repair(&findings)? } else { Vec::new() };
        Ok(repair_json(&findings, &outcomes).to_string())
    }
}
