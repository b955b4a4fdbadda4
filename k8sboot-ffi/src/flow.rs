//! Flows (init, join): planned and carried out stage by stage, or all at once.

use std::ffi::c_char;

use crate::{
    config::k8sboot_config_t,
    error::{k8sboot_code_t, k8sboot_error_t},
    event::{Run, k8sboot_run_t},
    guard::{guard, guard_void, needs},
    handle::{Slot, exclusive, give, out, peek, read, release, take, write},
    plan::k8sboot_plan_t,
    text::{k8sboot_buf_t, optional_text, plain, secret_text, text},
};

#[cfg(feature = "host")]
use crate::{initing::Ready, running::Running};
#[cfg(not(feature = "host"))]
type Running = std::convert::Infallible;

/// Stages that are planned and carried out one after the other. Freed with `k8sboot_flow_free`, at any time.
pub struct k8sboot_flow_t(Slot<Running>);

exclusive!(k8sboot_flow_t, Running);

/// Makes a flow that turns a node into the first control plane of a cluster, as `kubeadm init`.
///
/// `*config` is used up and becomes NULL, if the call succeeds. `root` is the directory that stands for `/`; it is made
/// when the first plan is carried out. The patches that the configuration names are read now.
///
/// `options` is NULL or a JSON object, all members optional: `from` and `until`, the first and the last stage, and `skip`,
/// a list of stages; `waitForKubelet` (true; false where something else than a kubelet runs the static pods),
/// `uploadCerts` (false; true uploads the shared keys for further control planes) and `certificateKey` (64 hexadecimal
/// digits that seal them). The stages are `preflight`, `pki`, `kubeconfig`, `etcd`, `control-plane`, `kubelet`,
/// `wait-control-plane`, `upload-config`, `upload-certs`, `mark-control-plane`, `bootstrap-token`, `kubelet-finalize`,
/// `addons`. `until` is `kubelet` by default: the stages after it speak to the API server, and are carried out by a library
/// that was built with the feature `api`.
///
/// # Safety
///
/// `config` is NULL or points to NULL or a live configuration that nobody else uses; the texts are NULL or
/// NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_init_new(
    config: *mut *mut k8sboot_config_t,
    root: *const c_char,
    options: *const c_char,
    out: *mut *mut k8sboot_flow_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let root = text(root, "root")?;
            let options = optional_text(options, "options")?;
            needs!("host", {
                let ready = Ready::new(&*peek(config, "config")?, root, options)?;
                *out = give(ready.begin(take(config, "config")?)?);
                Ok(())
            })
        })
    }
}

/// Looks at the node, plans the next stage and writes the plan to `out`; NULL after the last. Changes nothing.
///
/// Asking again without `k8sboot_flow_apply` goes on to the stage after, planned as if the ones before had been carried
/// out: a dry run.
///
/// # Safety
///
/// `flow` is NULL or live and used by nobody else; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_flow_next_plan(
    flow: *mut k8sboot_flow_t,
    out: *mut *mut k8sboot_plan_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            needs!("host", {
                if let Some(plan) = write(flow, "flow")?.next_plan()? {
                    *out = give(plan);
                }
                Ok(())
            })
        })
    }
}

/// Carries out the plan that `k8sboot_flow_next_plan` gave last and writes the report to `report`, as JSON like that of
/// `k8sboot_flow_run`.
///
/// `*plan` is used up and becomes NULL as soon as carrying out begins; `run` may be NULL. On failure (cancelled and timed
/// out included) the flow is over, and the details of the error hold the report of what was done. What was done stays: a
/// new flow goes on from there.
///
/// # Safety
///
/// `flow` is NULL or live and used by nobody else; `plan` is NULL or points to NULL or a live plan that nobody else uses;
/// `run` is NULL or a sized struct whose members are what they should be; `report` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_flow_apply(
    flow: *mut k8sboot_flow_t,
    plan: *mut *mut k8sboot_plan_t,
    run: *const k8sboot_run_t,
    report: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let report = out(report, "report")?;
            let run = Run::new(run, "run")?;
            needs!("host", {
                let mut flow = write(flow, "flow")?;
                flow.owns(&*peek(plan, "plan")?)?;
                *report = plain(flow.apply(&take(plan, "plan")?, run)?);
                Ok(())
            })
        })
    }
}

/// Plans and carries out every stage that is left, after a rehearsal that finds what can be known before anything is
/// changed, and writes the report to `report` as JSON: `schema`
/// (`k8sboot.report/v1`), `changed` (how many steps changed something), and `stages` with their steps, paths and outcomes.
///
/// `run` may be NULL. Doing it twice is the same as doing it once. On failure as for `k8sboot_flow_apply`.
///
/// # Safety
///
/// `flow` is NULL or live and used by nobody else; `run` is NULL or a sized struct whose members are what they should be;
/// `report` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_flow_run(
    flow: *mut k8sboot_flow_t,
    run: *const k8sboot_run_t,
    report: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let report = out(report, "report")?;
            let run = Run::new(run, "run")?;
            needs!("host", {
                *report = plain(write(flow, "flow")?.run(run)?);
                Ok(())
            })
        })
    }
}

/// Writes the commands that add nodes to the cluster to `out`, as a JSON list: for each bootstrap token one for workers,
/// and before it one for control planes if the cluster has a common endpoint. The buffer is wiped when it is freed.
///
/// They need the cluster's CA: ask after stage `pki`.
///
/// # Safety
///
/// `flow` is NULL or live; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_flow_join_commands(
    flow: *const k8sboot_flow_t,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            needs!("host", {
                *out = secret_text(read(flow, "flow")?.join_commands()?);
                Ok(())
            })
        })
    }
}

/// Frees a flow. NULL is allowed. What it did stays done.
///
/// # Safety
///
/// `flow` is NULL or came from this library, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_flow_free(flow: *mut k8sboot_flow_t) {
    // SAFETY: exactly the caller's promise.
    guard_void(|| unsafe { release(flow) });
}
