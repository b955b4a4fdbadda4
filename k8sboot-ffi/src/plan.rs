//! Plans: looked at, compared, carried out.

use crate::{
    error::{Failure, k8sboot_code_t, k8sboot_error_t},
    event::{Run, k8sboot_run_t},
    guard::{guard, guard_void, needs},
    handle::{Slot, exclusive, out, peek, read, release, take},
    text::{k8sboot_buf_t, plain},
};

#[cfg(feature = "host")]
pub(crate) use imp::{Origin, Planned};
#[cfg(not(feature = "host"))]
pub(crate) type Planned = std::convert::Infallible;

/// The steps of one stage, with what was seen when they were planned. Immutable; holds no secret. Used up when it is
/// carried out, else freed with `k8sboot_plan_free`.
pub struct k8sboot_plan_t(Slot<Planned>);

exclusive!(k8sboot_plan_t, Planned);

/// Writes a plan to `out` as JSON: `schema` (`k8sboot.plan/v1`), `stage`, `steps` and `notes`. A view: only the plan
/// itself can be carried out.
///
/// # Safety
///
/// `plan` is NULL or live; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_plan_json(
    plan: *const k8sboot_plan_t,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            needs!("host", {
                *out = plain(read(plan, "plan")?.plan.to_json().to_string());
                Ok(())
            })
        })
    }
}

/// Writes a plan to `out` for people, a line a step.
///
/// # Safety
///
/// `plan` is NULL or live; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_plan_text(
    plan: *const k8sboot_plan_t,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            needs!("host", {
                *out = plain(read(plan, "plan")?.plan.to_text());
                Ok(())
            })
        })
    }
}

/// Writes how a plan differs from what was there when it was made to `out`, as JSON: `schemaVersion` (1), `stage` and
/// `files`, each with `path`, `change` (`create`, `replace`, `remove`), `why` and, where the content is no secret, `text`
/// (a unified diff).
///
/// # Safety
///
/// `plan` is NULL or live; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_plan_diff(
    plan: *const k8sboot_plan_t,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            needs!("host", {
                *out = plain(imp::diff(&*read(plan, "plan")?));
                Ok(())
            })
        })
    }
}

/// Carries out a plan that stands for itself (`k8sboot_certs_renew`) on the tree that it was made for, and writes the
/// report to `report` as JSON: `schema` (`k8sboot.report/v1`), `changed`, `stages`. Plans of a flow are carried out with
/// `k8sboot_flow_apply`.
///
/// `*plan` is used up and becomes NULL as soon as carrying out begins. `run` may be NULL. On failure the details of the
/// error hold the report of what was done; a new plan goes on from there.
///
/// # Safety
///
/// `plan` is NULL or points to NULL or a live plan that nobody else uses; `run` is NULL or a sized struct whose members
/// are what they should be; `report` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_plan_apply(
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
                let tree = imp::tree_of(&*peek(plan, "plan")?)?;
                *report = plain(imp::apply(&take(plan, "plan")?, tree, run)?);
                Ok(())
            })
        })
    }
}

/// Frees a plan. NULL is allowed.
///
/// # Safety
///
/// `plan` is NULL or came from this library, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_plan_free(plan: *mut k8sboot_plan_t) {
    // SAFETY: exactly the caller's promise.
    guard_void(|| unsafe { release(plan) });
}

#[cfg(feature = "host")]
mod imp {
    use std::sync::Arc;

    use k8sboot_core::{
        blocking::wait,
        exec::{Host, Tree},
        facts::Facts,
        flow::{Report, carry_out},
        plan::Plan,
    };
    use serde_json::json;

    use super::{Failure, Run};
    use crate::watch::{Watch, Watched};

    pub(crate) struct Planned {
        pub(crate) plan: Plan,
        /// What was there when it was made.
        pub(crate) seen: Facts,
        pub(crate) origin: Origin,
    }

    /// Where a plan may be carried out.
    pub(crate) enum Origin {
        /// In the flow with this identity.
        Flow(Arc<()>),
        /// On this tree.
        Tree(Tree),
    }

    pub(super) fn diff(planned: &Planned) -> String {
        let files = planned.plan.diff(&planned.seen).files;
        json!({ "schemaVersion": 1, "stage": planned.plan.stage, "files": files }).to_string()
    }

    pub(super) fn tree_of(planned: &Planned) -> Result<Tree, Failure> {
        match &planned.origin {
            Origin::Tree(tree) => Ok(tree.clone()),
            Origin::Flow(_) => {
                Err(Failure::misuse("plan", "it is one of a flow (carry it out with k8sboot_flow_apply)"))
            }
        }
    }

    pub(super) fn apply(planned: &Planned, tree: Tree, run: Run) -> Result<String, Failure> {
        let _lock = tree.lock()?;
        let watch = Watch::new(run);
        let mut host = Host::new(tree);
        let mut host = Watched { executor: &mut host, watch: &watch };
        let done = watch.during(|| wait(carry_out(&planned.plan, &mut host, &watch.run())));
        let mut report = Report::default();
        report.stages.push(done.map_err(|error| watch.with_report(watch.failure(error)))?);
        Ok(report.to_json().to_string())
    }
}
