//! Certificate signing requests of kubelets in a cluster: judged, approved, denied.

use std::ffi::c_char;

use crate::{
    cluster::k8sboot_cluster_t,
    error::{k8sboot_code_t, k8sboot_error_t},
    event::{Run, k8sboot_run_t},
    guard::{guard, needs},
    handle::{out, shared},
    text::{k8sboot_buf_t, optional_text, plain, text},
};

/// Judges certificate signing requests of kubelets by their subjects, usages, names and the Node objects, approves those
/// where everything is right, denies those that ask for what their requester must not have, and leaves the others alone.
///
/// `options` is NULL or a JSON object, all members optional: `name` (of one request; left out, every request that nobody
/// has decided), `bootstrappers` (groups whose members may ask for the first certificate of a node; default that of
/// kubeadm's tokens) and `replaceReadyNodes` (false: a bootstrap token cannot take over a node that is at work). `run` may
/// be NULL; this call has no events.
///
/// Writes to `out` a JSON object: `schemaVersion` (1) and `reviewed`, each with `name`, `verdict` (`approve`, `deny` or
/// `leave`), `reason` (one word) and `message`.
///
/// # Safety
///
/// `cluster` is NULL or live; `options` is NULL or NUL-terminated; `run` is NULL or a sized struct whose members are what
/// they should be; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_cluster_csr_review(
    cluster: *const k8sboot_cluster_t,
    options: *const c_char,
    run: *const k8sboot_run_t,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let options = optional_text(options, "options")?;
            let run = Run::new(run, "run")?;
            needs!("api", {
                *out = plain(imp::review(shared(cluster, "cluster")?, options, run)?);
                Ok(())
            })
        })
    }
}

/// Approves a certificate signing request without judging it. One that is not there is `K8SBOOT_E_CSR_GONE`.
///
/// `message` is for people; it stands in the request's condition. `run` may be NULL; this call has no events.
///
/// # Safety
///
/// `cluster` is NULL or live; the texts are NULL or NUL-terminated; `run` is NULL or a sized struct whose members are what
/// they should be; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_cluster_csr_approve(
    cluster: *const k8sboot_cluster_t,
    name: *const c_char,
    message: *const c_char,
    run: *const k8sboot_run_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let (name, message) = (text(name, "name")?, text(message, "message")?);
            let run = Run::new(run, "run")?;
            needs!("api", { imp::approve(shared(cluster, "cluster")?, name, message, run) })
        })
    }
}

/// Denies a certificate signing request; otherwise as `k8sboot_cluster_csr_approve`.
///
/// # Safety
///
/// `cluster` is NULL or live; the texts are NULL or NUL-terminated; `run` is NULL or a sized struct whose members are what
/// they should be; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_cluster_csr_deny(
    cluster: *const k8sboot_cluster_t,
    name: *const c_char,
    message: *const c_char,
    run: *const k8sboot_run_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let (name, message) = (text(name, "name")?, text(message, "message")?);
            let run = Run::new(run, "run")?;
            needs!("api", { imp::deny(shared(cluster, "cluster")?, name, message, run) })
        })
    }
}

#[cfg(feature = "api")]
mod imp {
    use k8sboot_core::join::{
        self,
        approval::{Policy, Verdict},
        find_request,
    };
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::{Run, k8sboot_cluster_t};
    use crate::{cluster::asked, error::Failure, json::optional_object};

    /// What stands in the condition of a request that a program decided.
    const REASON: &str = "Decided";

    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields, default)]
    struct Options {
        name: Option<String>,
        bootstrappers: Option<Vec<String>>,
        replace_ready_nodes: bool,
    }

    pub(super) fn review(
        cluster: &k8sboot_cluster_t,
        options: Option<&str>,
        run: Run,
    ) -> Result<String, Failure> {
        let given: Options = optional_object(options, "options")?;
        let mut policy = Policy::default();
        policy.bootstrappers = given.bootstrappers.unwrap_or(policy.bootstrappers);
        policy.replace_ready_nodes = given.replace_ready_nodes;
        let reviewed: Vec<(String, Verdict)> = asked(cluster, run, |client| match given.name {
            Some(name) => join::review(client, &name, &policy).map(|verdict| vec![(name, verdict)]),
            None => {
                let all = join::review_pending(client, &policy)?;
                Ok(all.into_iter().map(|one| (one.name, one.verdict)).collect())
            }
        })?;
        let reviewed: Vec<Value> = reviewed.iter().map(|(name, verdict)| told(name, verdict)).collect();
        Ok(json!({ "schemaVersion": 1, "reviewed": reviewed }).to_string())
    }

    fn told(name: &str, verdict: &Verdict) -> Value {
        let word = match verdict {
            Verdict::Approve { .. } => "approve",
            Verdict::Deny(_) => "deny",
            _ => "leave",
        };
        json!({ "name": name, "verdict": word, "reason": verdict.reason(), "message": verdict.to_string() })
    }

    pub(super) fn approve(
        cluster: &k8sboot_cluster_t,
        name: &str,
        message: &str,
        run: Run,
    ) -> Result<(), Failure> {
        asked(cluster, run, |client| join::approve(client, &find_request(client, name)?, REASON, message))
    }

    pub(super) fn deny(
        cluster: &k8sboot_cluster_t,
        name: &str,
        message: &str,
        run: Run,
    ) -> Result<(), Failure> {
        asked(cluster, run, |client| join::deny(client, &find_request(client, name)?, REASON, message))
    }
}
