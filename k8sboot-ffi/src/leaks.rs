//! Leaks: who holds each address of a store, is it alive, and what is freed.

use std::{ffi::c_char, sync::Arc, time::Duration};

use k8sboot_core::{
    ipam::{
        Owner, Record,
        leak::{LeakReport, Policy, Runtimes, Testimony, Witness, judge},
    },
    store::collect,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    error::{Failure, k8sboot_code_t, k8sboot_error_t},
    guard::{guard, guard_void},
    handle::{Slot, exclusive, give, out, own_shared, read, release, write},
    ipam::owner,
    json::optional_object,
    store::{k8sboot_store_t, used_owned},
    text::{k8sboot_buf_t, optional_text, plain, text, texts},
};

/// A search for leaks in a store: first the records are read, then witnesses are asked, then it is judged, and what the
/// report says can be freed. Freed with `k8sboot_leaks_free`.
pub struct k8sboot_leaks_t(Slot<Leaks>);

exclusive!(k8sboot_leaks_t, Leaks);

pub(crate) struct Leaks {
    store: Arc<k8sboot_store_t>,
    records: Vec<Record>,
    testimonies: Vec<Testimony>,
    report: Option<LeakReport>,
}

/// Reads the records of a store. Only then list the containers: an ADD in between is not judged.
///
/// The search keeps the store open.
///
/// # Safety
///
/// `store` is NULL or live; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_leaks_new(
    store: *const k8sboot_store_t,
    out: *mut *mut k8sboot_leaks_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let store = own_shared(store, "store")?;
            let records = used_owned(&store)?.store().records()?;
            *out = give(Leaks { store, records, testimonies: Vec::new(), report: None });
            Ok(())
        })
    }
}

/// Says that an ADD of this interface of a container is running, so that what it holds is kept. An embedder that runs
/// every ADD itself says which are running, before it lists its containers, and may then set the grace period to 0.
///
/// With NULL for both, the caller says that it tells the running ADDs and none is.
///
/// # Safety
///
/// `leaks` is NULL or live; the texts are NULL or NUL-terminated; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_leaks_add_running(
    leaks: *mut k8sboot_leaks_t,
    container: *const c_char,
    interface: *const c_char,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let mut leaks = write(leaks, "leaks")?;
            let running: Option<Owner<'_>> = match (container.is_null(), interface.is_null()) {
                (true, true) => None,
                _ => Some(owner(container, interface)?),
            };
            leaks.add(Testimony::in_flight("the caller", running));
            Ok(())
        })
    }
}

/// Adds the listing of a runtime that the caller has: `ids` are the containers or sandboxes that exist, in whatever
/// state, whole or at least the first 12 characters; `runtime` names it in the report.
///
/// List them after `k8sboot_leaks_new`. An empty listing frees nothing of this boot unless `believeEmpty` is set.
///
/// # Safety
///
/// `leaks` is NULL or live; `runtime` is NULL or NUL-terminated; `ids` has `ids_len` texts; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_leaks_add_containers(
    leaks: *mut k8sboot_leaks_t,
    runtime: *const c_char,
    ids: *const *const c_char,
    ids_len: usize,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let mut leaks = write(leaks, "leaks")?;
            let runtime = text(runtime, "runtime")?;
            leaks.add(Testimony::containers(runtime, texts(ids, ids_len, "ids")?));
            Ok(())
        })
    }
}

/// Asks the witnesses that the library knows, judges every record and writes the report to `out`: a JSON object of the
/// schema `k8sboot.leaks/v1` with `policy`, `witnesses`, `summary` (a count for each state: `free`, `live`, `young`,
/// `leaked`, `broken`, `foreign`, `unknown`), `addresses` (a verdict each with its reasons), `free`, `unrecorded` and
/// `toFree`. Changes nothing.
///
/// `options` is NULL or a JSON object, all members optional: `docker` (path of the socket), `cri` (list of sockets),
/// `containerd` (list of sockets: the containers of every namespace of containerd, nerdctl's too), `namespaces` (true: read the addresses inside every network namespace of the host), `cniCache` (list of directories
/// with stored CNI results, for example `/var/lib/cni`), `graceSeconds` (600), `allRuntimes` (true: nobody else uses the network), `believeEmpty` (true: a runtime that lists nothing is believed).
/// A witness that fails is in the report, and then nothing is freed. One that was not built is
/// `K8SBOOT_E_NOT_BUILT`.
///
/// # Safety
///
/// `leaks` is NULL or live; `options` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_leaks_judge(
    leaks: *mut k8sboot_leaks_t,
    options: *const c_char,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let mut leaks = write(leaks, "leaks")?;
            let options: Options = optional_object(optional_text(options, "options")?, "options")?;
            *out = plain(leaks.judge(&options)?.to_json().to_string());
            Ok(())
        })
    }
}

/// Writes the report of `k8sboot_leaks_judge` to `out` for people, a line an address.
///
/// # Safety
///
/// `leaks` is NULL or live; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_leaks_text(
    leaks: *const k8sboot_leaks_t,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            *out = plain(read(leaks, "leaks")?.report()?.to_text());
            Ok(())
        })
    }
}

/// Frees what the report of `k8sboot_leaks_judge` says, each record only if it is still as it was read, and writes what
/// was done to `out`: a JSON object with `schemaVersion` (1), `freed` and `changed` (lists of records as in
/// `k8sboot_store_records`; what changed stays), `before` and `after` (how many entries there were and are).
///
/// # Safety
///
/// `leaks` is NULL or live; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_leaks_collect(
    leaks: *mut k8sboot_leaks_t,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            *out = plain(write(leaks, "leaks")?.collect()?.to_string());
            Ok(())
        })
    }
}

/// Frees a search. NULL is allowed.
///
/// # Safety
///
/// `leaks` is NULL or came from this library, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_leaks_free(leaks: *mut k8sboot_leaks_t) {
    // SAFETY: exactly the caller's promise.
    guard_void(|| unsafe { release(leaks) });
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
struct Options {
    docker: Option<String>,
    cri: Vec<String>,
    containerd: Vec<String>,
    namespaces: bool,
    cni_cache: Vec<String>,
    grace_seconds: Option<u64>,
    all_runtimes: bool,
    believe_empty: bool,
}

impl Options {
    fn policy(&self) -> Policy {
        let runtimes = if self.all_runtimes { Runtimes::All } else { Runtimes::Some };
        let policy = Policy::default().runtimes(runtimes);
        self.grace_seconds.map_or(policy, |seconds| policy.grace(Duration::from_secs(seconds)))
    }

    fn witnesses(&self) -> Result<Vec<Box<dyn Witness>>, Failure> {
        let mut witnesses = Vec::new();
        for socket in &self.cri {
            witnesses.push(imp::cri(socket)?);
        }
        for socket in &self.containerd {
            witnesses.push(imp::containerd(socket)?);
        }
        if let Some(socket) = &self.docker {
            witnesses.push(imp::docker(socket)?);
        }
        if self.namespaces {
            witnesses.push(imp::namespaces()?);
        }
        if !self.cni_cache.is_empty() {
            witnesses.push(imp::results(&self.cni_cache)?);
        }
        Ok(witnesses)
    }
}

impl Leaks {
    /// Another testimony; what was judged without it does not count any more.
    fn add(&mut self, testimony: Testimony) {
        self.report = None;
        self.testimonies.push(testimony);
    }

    fn judge(&mut self, options: &Options) -> Result<&LeakReport, Failure> {
        self.report = None;
        let witnesses = options.witnesses()?;
        let asked = witnesses.iter().map(|witness| witness.testify());
        let testimonies: Vec<Testimony> = self
            .testimonies
            .iter()
            .cloned()
            .chain(asked)
            .map(|testimony| {
                let believed = testimony.known_empty || options.believe_empty;
                testimony.known_empty(believed)
            })
            .collect();
        let report = {
            let store = used_owned(&self.store)?;
            judge(&self.records, &testimonies, &options.policy(), store.ranges())
        };
        Ok(self.report.insert(report))
    }

    pub(crate) fn report(&self) -> Result<&LeakReport, Failure> {
        let none = || Failure::misuse("leaks", "nothing was judged yet (call k8sboot_leaks_judge first)");
        self.report.as_ref().ok_or_else(none)
    }

    fn collect(&self) -> Result<Value, Failure> {
        let done = collect(used_owned(&self.store)?.store(), self.report()?)?;
        Ok(json!({
            "schemaVersion": 1,
            "freed": crate::record::all(&done.freed),
            "changed": crate::record::all(&done.changed),
            "before": done.before,
            "after": done.after,
        }))
    }
}

/// The witnesses of this machine, or that they are not built.
mod imp {
    use super::{Failure, Witness};

    pub(super) fn cri(socket: &str) -> Result<Box<dyn Witness>, Failure> {
        crate::guard::needs!("cri", { Ok(Box::new(k8sboot_core::probe::witness::Cri::new(socket))) })
    }

    pub(super) fn containerd(socket: &str) -> Result<Box<dyn Witness>, Failure> {
        crate::guard::needs!("cri", { Ok(Box::new(k8sboot_core::probe::witness::Containerd::new(socket))) })
    }

    pub(super) fn docker(socket: &str) -> Result<Box<dyn Witness>, Failure> {
        crate::guard::needs!("docker", { Ok(Box::new(k8sboot_core::probe::witness::Docker::new(socket))) })
    }

    pub(super) fn results(directories: &[String]) -> Result<Box<dyn Witness>, Failure> {
        crate::guard::needs!("node", {
            Ok(Box::new(k8sboot_core::probe::witness::StoredResults::new(directories)))
        })
    }

    pub(super) fn namespaces() -> Result<Box<dyn Witness>, Failure> {
        crate::guard::needs!("node", { Ok(Box::new(k8sboot_core::probe::witness::Namespaces::new())) })
    }
}
