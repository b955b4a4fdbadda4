//! Undoing leaks by a DEL of the whole chain.

use std::ffi::c_char;

use serde::Deserialize;

use crate::{
    error::{k8sboot_code_t, k8sboot_error_t},
    event::{Run, k8sboot_run_t},
    guard::{guard, needs},
    handle::{out, read},
    json::object,
    leaks::k8sboot_leaks_t,
    text::{k8sboot_buf_t, plain, text},
};

/// Runs the chain DEL of every leak in the report of `k8sboot_leaks_judge` that a stored result is known of, with the
/// configuration that was stored at its ADD and without a network namespace: that undoes port mappings and traffic rules
/// as well. Call it before `k8sboot_leaks_collect`, which frees what is left. Blocks.
///
/// `request` is a JSON object: `pluginPath` (list of directories with programs, required), `cacheDir` (default
/// `/var/lib/cni`) and `pluginTimeoutMs` (for each plugin; default 240000). `run` as for `k8sboot_cni_run`.
///
/// Writes to `out` a JSON object with `schemaVersion` (1) and `deleted`, each with `container`, `interface`, `source` (the
/// file of the stored result) and `error` (null, or `kind`, `code` and `message`): a DEL that fails does not hinder the
/// others.
///
/// # Safety
///
/// `leaks` is NULL or live; `request` is NULL or NUL-terminated; `run` is NULL or a sized struct whose members are what
/// they should be; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_leaks_delete(
    leaks: *const k8sboot_leaks_t,
    request: *const c_char,
    run: *const k8sboot_run_t,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let leaks = read(leaks, "leaks")?;
            let request: Request = object(text(request, "request")?, "request")?;
            let run = Run::new(run, "run")?;
            needs!("node", {
                *out = plain(imp::delete(leaks.report()?, &request, run)?);
                Ok(())
            })
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Request {
    plugin_path: Vec<String>,
    #[serde(default)]
    cache_dir: Option<String>,
    #[serde(default)]
    plugin_timeout_ms: Option<u64>,
}

#[cfg(feature = "node")]
mod imp {
    use k8sboot_core::{
        error::{Problem, chain},
        exec::{CniRun, LeakDelete},
        ipam::leak::LeakReport,
    };
    use serde_json::{Value, json};

    use super::{Request, Run};
    use crate::{
        cni_run::imp::{Watch, cni},
        error::Failure,
    };

    pub(super) fn delete(report: &LeakReport, request: &Request, run: Run) -> Result<String, Failure> {
        let cni = cni(&request.plugin_path, request.cache_dir.as_deref(), request.plugin_timeout_ms);
        let watch = Watch::new(run);
        let done = cni.delete_leaks(report, &CniRun::default().watch(&watch));
        if let Some(stopped) = watch.into_stopped() {
            return Err(stopped);
        }
        let deleted: Vec<Value> = done.iter().map(told).collect();
        Ok(json!({ "schemaVersion": 1, "deleted": deleted }).to_string())
    }

    fn told(one: &LeakDelete) -> Value {
        let error = one.outcome.as_ref().err().map(|error| {
            json!({ "kind": error.code().name(), "code": error.code().number(), "message": chain(error) })
        });
        json!({
            "container": one.container,
            "interface": one.interface,
            "source": one.source,
            "error": error,
        })
    }
}
