//! Running chains of CNI plugins.

use std::ffi::c_char;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    error::{Failure, k8sboot_code_t, k8sboot_error_t},
    event::{Run, k8sboot_run_t},
    guard::{guard, needs},
    handle::out,
    json::object,
    text::{k8sboot_buf_t, plain, text},
};

/// Runs the plugins of a CNI configuration list. `command` is `ADD`, `DEL`, `CHECK`, `GC` or `STATUS`. Blocks.
///
/// `list` is a configuration list; `k8sboot_cni_check` makes one of a single plugin (its `list`). `request` is a JSON
/// object: `pluginPath` (list of directories with programs, required), `cacheDir` (default `/var/lib/cni`), `containerId`,
/// `ifName`, `netns` (for ADD, DEL and CHECK), `args` (`K=V;K=V`), `capabilityArgs` (object), `validAttachments` (list of
/// `containerID` and `ifname`, required for GC: an empty list means that nothing is valid), `pluginTimeoutMs` (for each
/// plugin; default 240000) and `undoFailedAdd` (false).
///
/// ADD stores its result and writes it to `out`, indented by four blanks; the others write an empty text. DEL goes on past
/// a plugin that fails, and GC past everything: the code is then `K8SBOOT_E_CNI_SEVERAL` or that of the only problem, and
/// the details hold all of them in `errors`. A plugin gets its standard input from memory, never through a pipe; the
/// calling thread enters no namespace; a plugin that does not end is stopped with everything it started.
///
/// `run` may be NULL; its events are those of steps, one for each plugin, `stage` being the command, and `json` has
/// `program`.
///
/// # Safety
///
/// The texts are NULL or NUL-terminated; `run` is NULL or a sized struct whose members are what they should be; `out` and
/// `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_cni_run(
    command: *const c_char,
    list: *const c_char,
    request: *const c_char,
    run: *const k8sboot_run_t,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let (command, list) = (text(command, "command")?, text(list, "list")?);
            let request: Request = object(text(request, "request")?, "request")?;
            let run = Run::new(run, "run")?;
            needs!("node", {
                *out = plain(imp::run(command, list, request, run)?);
                Ok(())
            })
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
struct Request {
    plugin_path: Vec<String>,
    cache_dir: Option<String>,
    container_id: String,
    if_name: String,
    netns: String,
    args: String,
    capability_args: Map<String, Value>,
    valid_attachments: Option<Vec<Valid>>,
    plugin_timeout_ms: Option<u64>,
    undo_failed_add: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Valid {
    #[serde(rename = "containerID")]
    container_id: String,
    ifname: String,
}

#[cfg(feature = "node")]
pub(crate) mod imp {
    use std::{cell::RefCell, path::PathBuf, time::Duration};

    use k8sboot_core::{
        cni::{Attachment, CniArgs, Json, Layout, NetworkList, ValidAttachment},
        error::{Problem, chain},
        exec::{ChainError, Cni, CniEvent, CniRun, CniStep, CniWatch},
    };
    use serde_json::json;

    use super::{Failure, Request, Run};
    use crate::event::{
        Event, K8SBOOT_EVENT_STEP_DONE, K8SBOOT_EVENT_STEP_FAILED, K8SBOOT_EVENT_STEP_STARTED,
    };

    pub(super) fn run(command: &str, list: &str, request: Request, run: Run) -> Result<String, Failure> {
        let list = NetworkList::parse(list.as_bytes())?;
        let cni = cni(&request.plugin_path, request.cache_dir.as_deref(), request.plugin_timeout_ms)
            .undo_failed_add(request.undo_failed_add);
        let watch = Watch::new(run);
        let with = CniRun::default().watch(&watch);
        let done = match command {
            "ADD" => {
                cni.add(&list, &attachment(&request)?, &with).map(|result| result.render(Layout::Indented))
            }
            "DEL" => cni.del(&list, &attachment(&request)?, &with).map(|()| String::new()),
            "CHECK" => cni.check(&list, &attachment(&request)?, &with).map(|()| String::new()),
            "GC" => cni.gc(&list, &valid(&request)?, &with).map(|()| String::new()),
            "STATUS" => cni.status(&list, &with).map(|()| String::new()),
            other => {
                return Err(Failure::choice("command", "ADD, DEL, CHECK, GC, STATUS", format!("{other:?}")));
            }
        };
        done.map_err(|error| watch.failure(error))
    }

    pub(crate) fn cni(
        plugin_path: &[String],
        cache_dir: Option<&str>,
        plugin_timeout_ms: Option<u64>,
    ) -> Cni {
        let cni = Cni::new(plugin_path.iter().map(PathBuf::from).collect());
        let cni = cache_dir.into_iter().fold(cni, |cni, directory| cni.cache(directory));
        plugin_timeout_ms.iter().fold(cni, |cni, limit| cni.timeout(Duration::from_millis(*limit)))
    }

    fn attachment(request: &Request) -> Result<Attachment, Failure> {
        let args = CniArgs::parse(&request.args).map_err(|error| Failure::json("request", &error))?;
        let attachment = Attachment::new(&request.container_id, &request.if_name, &request.netns)?.args(args);
        Ok(request
            .capability_args
            .iter()
            .fold(attachment, |attachment, (name, value)| attachment.capability(name, Json::from(value))))
    }

    fn valid(request: &Request) -> Result<Vec<ValidAttachment>, Failure> {
        let missing = "validAttachments: expected a list for GC, found nothing (give [] if nothing is valid)";
        let listed = request.valid_attachments.as_ref().ok_or_else(|| Failure::json("request", &missing))?;
        Ok(listed
            .iter()
            .map(|one| ValidAttachment { container: one.container_id.clone(), interface: one.ifname.clone() })
            .collect())
    }

    pub(crate) struct Watch {
        caller: Run,
        /// Why the call was asked to stop.
        stopped: RefCell<Option<Failure>>,
    }

    impl Watch {
        pub(crate) fn new(caller: Run) -> Self {
            Self { caller, stopped: RefCell::default() }
        }

        /// Why the call was asked to stop, if it was.
        pub(crate) fn into_stopped(self) -> Option<Failure> {
            self.stopped.into_inner()
        }

        fn look_up(&self, asked: Result<(), Failure>) -> bool {
            if let Err(failure) = asked {
                self.stopped.borrow_mut().get_or_insert(failure);
            }
            self.stopped.borrow().is_none()
        }

        fn failure(&self, error: ChainError) -> Failure {
            let all = |error: &ChainError| -> Vec<serde_json::Value> {
                let one = |error: &ChainError| {
                    let object = error.error_object();
                    json!({
                        "kind": error.code().name(),
                        "code": error.code().number(),
                        "message": chain(error),
                        "pluginCode": object.map(|object| object.code.0),
                        "details": error.details(),
                    })
                };
                error.errors().iter().map(one).collect()
            };
            let errors = all(&error);
            let failure = match self.stopped.borrow_mut().take() {
                Some(stopped) if error.is_stop() => stopped.because(&error),
                _ => Failure::from(error),
            };
            failure.with_errors(errors)
        }
    }

    impl CniWatch for Watch {
        fn goes_on(&self) -> bool {
            self.stopped.borrow().is_none() && self.look_up(self.caller.go_on())
        }

        fn event(&self, event: &CniEvent<'_>) {
            // After a stop no further event comes.
            if self.stopped.borrow().is_some() {
                return;
            }
            let (kind, step, text) = match event {
                CniEvent::Started(step) => (K8SBOOT_EVENT_STEP_STARTED, step, said(step)),
                CniEvent::Done(step) => (K8SBOOT_EVENT_STEP_DONE, step, said(step)),
                CniEvent::Failed(step, error) => (K8SBOOT_EVENT_STEP_FAILED, step, chain(*error)),
                _ => return,
            };
            let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            let json = json!({ "program": step.program });
            let (step, steps, stage) = (count(step.number), count(step.steps), step.command.as_str());
            let told = Event { kind, step, steps, stage, text: &text, json: Some(&json) };
            self.look_up(self.caller.emit(told));
        }
    }

    fn said(step: &CniStep<'_>) -> String {
        format!("plugin {} ({})", step.program, step.command)
    }
}
