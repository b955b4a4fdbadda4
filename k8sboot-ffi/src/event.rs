//! What long calls take (callback, cancellation, time limit) and what they report.

use std::{
    ffi::{c_char, c_void},
    mem::{MaybeUninit, align_of, size_of},
    ptr, slice,
    sync::{
        Arc,
        atomic::{AtomicPtr, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{cancel::k8sboot_cancel_t, error::Failure, handle::own_shared, text::c_string};

/// A stage begins: `stage` names it.
pub const K8SBOOT_EVENT_STAGE_STARTED: u32 = 1;
/// A stage has ended well.
pub const K8SBOOT_EVENT_STAGE_DONE: u32 = 2;
/// A step begins: `text` says what for, `step` of `steps` which.
pub const K8SBOOT_EVENT_STEP_STARTED: u32 = 3;
/// A step has ended: `json` has its outcome.
pub const K8SBOOT_EVENT_STEP_DONE: u32 = 4;
/// A wait goes on: `text` says what for.
pub const K8SBOOT_EVENT_WAITING: u32 = 5;
/// A step has failed: `text` says why, `json` has `id`, `kind` and `code`.
pub const K8SBOOT_EVENT_STEP_FAILED: u32 = 6;
/// Something that a person should know: `text` says it.
pub const K8SBOOT_EVENT_NOTE: u32 = 7;

/// One event of a running call. The strings live for the callback only and are never NULL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct k8sboot_event_t {
    /// `sizeof` this struct as the library knows it.
    pub size: usize,
    /// One of `K8SBOOT_EVENT_…`; ignore those you do not know.
    pub kind: u32,
    /// The step, from 1; 0 if the event is not about a step.
    pub step: u32,
    /// How many steps the stage has.
    pub steps: u32,
    /// The stage, for example `control-plane`.
    pub stage: *const c_char,
    /// One line for people.
    pub text: *const c_char,
    /// JSON object with the details.
    pub json: *const c_char,
}

/// Gets the events of a call, on the thread of the call and during the call only. Not 0 means: please stop. The running
/// step is then finished, no further event comes, and the call fails with `K8SBOOT_E_CANCELLED` if anything was left to
/// do.
///
/// Must not throw, unwind or `longjmp`. Must not use the handles of the running call, except `k8sboot_cancel_trigger`.
pub type k8sboot_event_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, event: *const k8sboot_event_t) -> i32>;

/// How a long call runs. All zero, or NULL instead of the struct, means: no events, no cancellation, the
/// configuration's own timeouts.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct k8sboot_run_t {
    /// `sizeof(k8sboot_run_t)` as the caller knows it.
    pub size: usize,
    /// Gets the events.
    pub on_event: k8sboot_event_fn,
    /// Passed to `on_event` untouched.
    pub user: *mut c_void,
    /// Cancels the call when it is triggered.
    pub cancel: *const k8sboot_cancel_t,
    /// Most milliseconds that the call may take; 0 means no limit beside the configuration's.
    pub timeout_ms: u64,
}

/// A C struct that begins with its size and may grow with later versions.
///
/// # Safety
///
/// `repr(C)`, the first member is `size: usize`, all bytes zero is a valid value, and there is no padding.
pub(crate) unsafe trait Sized_: Copy {}

// SAFETY: `repr(C)`, begins with `size`, holds only nullable pointers and integers of pointer size or more.
unsafe impl Sized_ for k8sboot_run_t {}

/// Largest size that is believed: far above any struct to come, far below what garbage looks like.
const MAX_SIZE: usize = 4096;

/// Reads a struct of the caller's size: a missing tail is zero, an unknown one must be.
///
/// # Safety
///
/// `from` is NULL or points to as many readable bytes as its first member says.
pub(crate) unsafe fn read_sized<T: Sized_>(from: *const T, argument: &'static str) -> Result<T, Failure> {
    let mut value = MaybeUninit::<T>::zeroed();
    if !from.is_null() {
        // SAFETY: not NULL; the first member is the size.
        let size = unsafe { from.cast::<usize>().read() };
        if size < size_of::<usize>() || size > MAX_SIZE || size % align_of::<usize>() != 0 {
            return Err(Failure::misuse(argument, &format!("expected its sizeof in size, found {size}")));
        }
        // SAFETY: `size` readable bytes, as the caller promises; the target has room for the part that is copied.
        let tail = unsafe {
            let all = slice::from_raw_parts(from.cast::<u8>(), size);
            let known = size.min(size_of::<T>());
            ptr::copy_nonoverlapping(all.as_ptr(), value.as_mut_ptr().cast::<u8>(), known);
            all.get(known..).unwrap_or_default()
        };
        if tail.iter().any(|byte| *byte != 0) {
            let problem = "it asks for what this version of the library does not know (update the library)";
            return Err(Failure::misuse(argument, problem));
        }
    }
    // SAFETY: all zero is valid, and what was copied is the caller's own value.
    Ok(unsafe { value.assume_init() })
}

/// A [`k8sboot_run_t`] that was checked.
pub(crate) struct Run {
    on_event: k8sboot_event_fn,
    /// Atomic only so that the struct may be shared; the callback is made on the thread of the call alone.
    user: AtomicPtr<c_void>,
    cancel: Option<Arc<k8sboot_cancel_t>>,
    timeout_ms: u64,
    deadline: Option<Instant>,
}

/// What an event says.
#[derive(Clone, Copy, Default)]
pub(crate) struct Event<'a> {
    pub(crate) kind: u32,
    pub(crate) step: u32,
    pub(crate) steps: u32,
    pub(crate) stage: &'a str,
    pub(crate) text: &'a str,
    pub(crate) json: Option<&'a Value>,
}

impl Run {
    /// Checks what the caller gave. The time limit begins to run.
    ///
    /// # Safety
    ///
    /// `run` is NULL or points to as many readable bytes as its first member says; `cancel` is NULL or live, and `user`
    /// is what `on_event` expects for as long as the value lives.
    pub(crate) unsafe fn new(run: *const k8sboot_run_t, argument: &'static str) -> Result<Self, Failure> {
        // SAFETY: exactly the caller's promise.
        let run = unsafe { read_sized(run, argument) }?;
        let cancel = if run.cancel.is_null() {
            None
        } else {
            // SAFETY: not NULL, so live.
            Some(unsafe { own_shared(run.cancel, "cancel") }?)
        };
        let deadline = (run.timeout_ms > 0)
            .then(|| Instant::now().checked_add(Duration::from_millis(run.timeout_ms)))
            .flatten();
        let user = AtomicPtr::new(run.user);
        Ok(Self { on_event: run.on_event, user, cancel, timeout_ms: run.timeout_ms, deadline })
    }

    /// Delivers an event and asks whether to go on.
    pub(crate) fn emit(&self, event: Event<'_>) -> Result<(), Failure> {
        if let Some(on_event) = self.on_event {
            let json = event.json.map_or_else(|| "{}".to_owned(), Value::to_string);
            let (stage, text, json) = (c_string(event.stage), c_string(event.text), c_string(&json));
            let event = k8sboot_event_t {
                size: size_of::<k8sboot_event_t>(),
                kind: event.kind,
                step: event.step,
                steps: event.steps,
                stage: stage.as_ptr(),
                text: text.as_ptr(),
                json: json.as_ptr(),
            };
            // SAFETY: the caller's own function, with its own pointer, on its own thread; the event outlives the call.
            if unsafe { on_event(self.user.load(Ordering::Relaxed), &raw const event) } != 0 {
                return Err(Failure::cancelled());
            }
        }
        self.go_on()
    }

    /// Whether there is anything but events that can stop the call.
    pub(crate) fn is_limited(&self) -> bool {
        self.cancel.is_some() || self.deadline.is_some()
    }

    /// Fails if the call was cancelled or has used up its time.
    pub(crate) fn go_on(&self) -> Result<(), Failure> {
        if self.cancel.as_deref().is_some_and(k8sboot_cancel_t::is_triggered) {
            return Err(Failure::cancelled());
        }
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(Failure::timeout(self.timeout_ms));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{K8SBOOT_E_MISUSE, K8SBOOT_E_TIMEOUT};

    /// A struct as a later version might have it.
    #[repr(C)]
    struct Longer {
        known: k8sboot_run_t,
        unknown: u64,
    }

    fn run(size: usize) -> k8sboot_run_t {
        k8sboot_run_t { size, on_event: None, user: ptr::null_mut(), cancel: ptr::null(), timeout_ms: 5 }
    }

    #[test]
    fn a_shorter_struct_has_a_zero_tail() {
        let short = run(size_of::<k8sboot_run_t>() - size_of::<u64>());
        // SAFETY: readable, and longer than it says.
        let read = unsafe { read_sized(&raw const short, "run") }.unwrap();
        assert_eq!(read.timeout_ms, 0);
        // SAFETY: NULL is allowed.
        let read = unsafe { read_sized(ptr::null::<k8sboot_run_t>(), "run") }.unwrap();
        assert_eq!(read.size, 0);
    }

    #[test]
    fn a_longer_struct_is_read_only_if_its_tail_is_zero() {
        for (unknown, want) in [(0, Ok(5)), (1, Err(K8SBOOT_E_MISUSE))] {
            let longer = Longer { known: run(size_of::<Longer>()), unknown };
            // SAFETY: as many readable bytes as it says.
            let read = unsafe { read_sized((&raw const longer).cast::<k8sboot_run_t>(), "run") };
            assert_eq!(read.map(|run| run.timeout_ms).map_err(|failure| failure.code()), want);
        }
    }

    #[test]
    fn an_impossible_size_is_refused() {
        for size in [0, 1, 7, 9, 13, MAX_SIZE + 8, usize::MAX] {
            let wrong = run(size);
            // SAFETY: the size is refused before more than the first member is read.
            let failure = unsafe { read_sized(&raw const wrong, "run") }.err().unwrap();
            assert_eq!(failure.code(), K8SBOOT_E_MISUSE, "{size}");
        }
    }

    #[test]
    fn the_time_limit_ends_a_run() {
        let mut limited = run(size_of::<k8sboot_run_t>());
        limited.timeout_ms = 1;
        // SAFETY: a live struct.
        let limited = unsafe { Run::new(&raw const limited, "run") }.unwrap();
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(limited.emit(Event::default()).unwrap_err().code(), K8SBOOT_E_TIMEOUT);
    }
}
