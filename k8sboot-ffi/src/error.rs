//! Result codes and error objects.

use std::{
    ffi::{CString, c_char},
    fmt::Display,
};

use k8sboot_core::error::{Details, Problem, chain};
use serde::Serialize;
use serde_json::Value;

use crate::{guard::guard_void, handle::release, text::c_string};

/// Result of a call: `K8SBOOT_OK` or one of the `K8SBOOT_E_…` numbers.
///
/// Numbers are never reused. A later version may return numbers that this header does not name.
pub type k8sboot_code_t = i32;

/// Success.
pub const K8SBOOT_OK: k8sboot_code_t = 0;
/// A bug in k8sboot. The handles that the call used are poisoned; everything else goes on.
pub const K8SBOOT_E_PANIC: k8sboot_code_t = 1;
/// A pointer that must not be NULL is NULL.
pub const K8SBOOT_E_NULL: k8sboot_code_t = 2;
/// A text argument is not UTF-8.
pub const K8SBOOT_E_UTF8: k8sboot_code_t = 3;
/// A JSON argument is not JSON or not of the documented form.
pub const K8SBOOT_E_JSON: k8sboot_code_t = 4;
/// A number or name that stands for a choice is not one of the choices.
pub const K8SBOOT_E_ENUM: k8sboot_code_t = 5;
/// The call breaks the rules of the library: a poisoned handle, one in use elsewhere, a struct of impossible size.
pub const K8SBOOT_E_MISUSE: k8sboot_code_t = 6;
/// The call was cancelled, by `k8sboot_cancel_trigger` or by the event callback.
pub const K8SBOOT_E_CANCELLED: k8sboot_code_t = 7;
/// The call did not end in the time it was given.
pub const K8SBOOT_E_TIMEOUT: k8sboot_code_t = 8;
/// The function belongs to a feature that this library was built without.
pub const K8SBOOT_E_NOT_BUILT: k8sboot_code_t = 9;

/// What went wrong, for people and for programs. Freed with `k8sboot_error_free`.
pub struct k8sboot_error_t {
    code: k8sboot_code_t,
    message: CString,
    details: CString,
}

/// The code that the failed call returned; 0 for NULL.
///
/// # Safety
///
/// `error` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_error_code(error: *const k8sboot_error_t) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise.
    unsafe { error.as_ref() }.map_or(K8SBOOT_OK, |error| error.code)
}

/// The whole cause chain on one line; valid until the error is freed. Empty for NULL.
///
/// # Safety
///
/// `error` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_error_message(error: *const k8sboot_error_t) -> *const c_char {
    // SAFETY: exactly the caller's promise.
    unsafe { error.as_ref() }.map_or(c"".as_ptr(), |error| error.message.as_ptr())
}

/// JSON object with `kind` (the name of the code) and, as far as they apply, `path`, `field`, `line`, `column`,
/// `expected`, `found`, `remedy`, `errno`, `retryable`, `errors` (all problems where there are several) and `report` (what
/// a run did before it failed). Valid until the error is freed. `{}` for NULL.
///
/// # Safety
///
/// `error` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_error_details(error: *const k8sboot_error_t) -> *const c_char {
    // SAFETY: exactly the caller's promise.
    unsafe { error.as_ref() }.map_or(c"{}".as_ptr(), |error| error.details.as_ptr())
}

/// Frees an error. NULL is allowed.
///
/// # Safety
///
/// `error` is NULL or came from this library, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_error_free(error: *mut k8sboot_error_t) {
    // SAFETY: exactly the caller's promise.
    guard_void(|| unsafe { release(error) });
}

/// Why a call fails, before it crosses the boundary.
#[derive(Debug)]
pub(crate) struct Failure(Box<Reason>);

#[derive(Debug)]
struct Reason {
    code: k8sboot_code_t,
    kind: &'static str,
    message: String,
    details: Details,
    errors: Vec<Value>,
    report: Option<Value>,
}

impl<P: Problem> From<P> for Failure {
    fn from(problem: P) -> Self {
        let code = problem.code();
        Self(Box::new(Reason {
            code: code.number(),
            kind: code.name(),
            message: chain(&problem),
            details: problem.details(),
            errors: Vec::new(),
            report: None,
        }))
    }
}

impl Failure {
    fn boundary(code: k8sboot_code_t, kind: &'static str, message: String) -> Self {
        let (details, errors) = (Details::default(), Vec::new());
        Self(Box::new(Reason { code, kind, message, details, errors, report: None }))
    }

    fn argument(code: k8sboot_code_t, kind: &'static str, argument: &str, problem: &str) -> Self {
        let mut failure = Self::boundary(code, kind, format!("argument {argument}: {problem}"));
        failure.0.details.field = Some(argument.to_owned());
        failure
    }

    pub(crate) fn panic(text: &str) -> Self {
        Self::boundary(K8SBOOT_E_PANIC, "PANIC", format!("bug in k8sboot: {text}"))
    }

    pub(crate) fn null(argument: &str) -> Self {
        Self::argument(K8SBOOT_E_NULL, "NULL", argument, "expected a pointer, found NULL")
    }

    pub(crate) fn utf8(argument: &str, position: usize) -> Self {
        let problem = format!("expected UTF-8, found something else at byte {position}");
        Self::argument(K8SBOOT_E_UTF8, "UTF8", argument, &problem)
    }

    /// `problem` must not show the value of a secret field.
    pub(crate) fn json(argument: &str, problem: &impl Display) -> Self {
        Self::argument(K8SBOOT_E_JSON, "JSON", argument, &problem.to_string())
    }

    pub(crate) fn choice(argument: &str, expected: &str, found: impl Display) -> Self {
        let problem = format!("expected one of {expected}, found {found}");
        Self::argument(K8SBOOT_E_ENUM, "ENUM", argument, &problem)
    }

    pub(crate) fn misuse(argument: &str, problem: &str) -> Self {
        Self::argument(K8SBOOT_E_MISUSE, "MISUSE", argument, problem)
    }

    pub(crate) fn poisoned(argument: &str) -> Self {
        Self::misuse(
            argument,
            "an earlier call on this handle hit a bug in k8sboot (free it and make a new one)",
        )
    }

    pub(crate) fn busy(argument: &str) -> Self {
        Self::misuse(argument, "the handle is in use by another call (use it from one thread at a time)")
    }

    pub(crate) fn cancelled() -> Self {
        Self::boundary(K8SBOOT_E_CANCELLED, "CANCELLED", "cancelled by the caller".into())
    }

    pub(crate) fn timeout(milliseconds: u64) -> Self {
        let message = format!("not done within the {milliseconds} ms that the caller gave");
        Self::boundary(K8SBOOT_E_TIMEOUT, "TIMEOUT", message)
    }

    #[cfg_attr(feature = "full", allow(dead_code, reason = "everything is built"))]
    pub(crate) fn not_built(feature: &str) -> Self {
        let message = format!(
            "this library was built without the feature {feature} (build it with --features {feature})"
        );
        Self::boundary(K8SBOOT_E_NOT_BUILT, "NOT_BUILT", message)
    }

    /// Adds the list of all problems to the details.
    pub(crate) fn with_errors(mut self, errors: Vec<Value>) -> Self {
        self.0.errors = errors;
        self
    }

    /// Adds what a run did before it failed to the details.
    pub(crate) fn with_report(mut self, report: Value) -> Self {
        self.0.report = Some(report);
        self
    }

    /// Adds where a run stopped to the message.
    pub(crate) fn because(mut self, cause: &dyn std::error::Error) -> Self {
        self.0.message = format!("{}: {}", self.0.message, chain(cause));
        self
    }

    /// The failure as one of several findings: `kind`, `code`, `message` and the details.
    pub(crate) fn into_json(self) -> Value {
        #[derive(Serialize)]
        struct Json<'a> {
            kind: &'a str,
            code: k8sboot_code_t,
            message: &'a str,
            #[serde(flatten)]
            details: &'a Details,
        }
        let Reason { code, kind, message, details, .. } = &*self.0;
        serde_json::to_value(Json { kind, code: *code, message, details }).unwrap_or_default()
    }

    pub(crate) fn code(&self) -> k8sboot_code_t {
        self.0.code
    }
}

impl From<Failure> for k8sboot_error_t {
    fn from(failure: Failure) -> Self {
        let code = failure.0.code;
        Self { code, message: c_string(&failure.0.message), details: c_string(&details_json(&failure.0)) }
    }
}

fn details_json(reason: &Reason) -> String {
    #[derive(Serialize)]
    struct Json<'a> {
        kind: &'a str,
        #[serde(flatten)]
        details: &'a Details,
        #[serde(skip_serializing_if = "<[Value]>::is_empty")]
        errors: &'a [Value],
        #[serde(skip_serializing_if = "Option::is_none")]
        report: &'a Option<Value>,
    }
    let Reason { kind, details, errors, report, .. } = reason;
    // Strings, numbers and lists: there is nothing in it that JSON cannot hold.
    serde_json::to_string(&Json { kind, details, errors, report }).unwrap_or_else(|_| "{}".into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use k8sboot_core::{error::Code, token::BootstrapToken};

    use super::*;

    #[test]
    fn keeps_code_message_and_details_of_the_core() {
        let error = k8sboot_error_t::from(Failure::from("x".parse::<BootstrapToken>().unwrap_err()));
        assert_eq!(error.code, Code::TOKEN_SHAPE.number());
        assert!(error.message.to_str().unwrap().starts_with("token: "));
        let details: Value = serde_json::from_slice(error.details.as_bytes()).unwrap();
        assert_eq!(details["kind"], "TOKEN_SHAPE");
        assert_eq!(details["retryable"], false);
    }

    #[test]
    fn a_nul_in_a_message_is_replaced_and_nothing_is_lost() {
        let error = k8sboot_error_t::from(Failure::panic("a\0b"));
        assert_eq!(error.message.to_str().unwrap(), "bug in k8sboot: a\u{fffd}b");
    }

    #[test]
    fn codes_of_the_core_stay_out_of_the_range_of_the_boundary_and_differ() {
        let mut seen = BTreeSet::new();
        for code in Code::all() {
            assert!(code.number() >= 1000, "{code:?}");
            assert!(seen.insert(code.number()), "{code:?} twice");
        }
    }
}
