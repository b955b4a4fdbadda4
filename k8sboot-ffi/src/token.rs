//! Bootstrap tokens: made, checked, used to sign and verify, and printed as a join command.

use std::ffi::c_char;

use k8sboot_core::token::{BootstrapToken, CaPin};

use crate::{
    error::{Failure, k8sboot_code_t, k8sboot_error_t},
    guard::{guard, needs},
    handle::out,
    text::{bytes, k8sboot_buf_t, optional_text, plain, secret, secret_text, text, texts},
};

/// The node joins as a worker.
pub const K8SBOOT_ROLE_WORKER: u32 = 0;
/// The node joins as a further control plane.
pub const K8SBOOT_ROLE_CONTROL_PLANE: u32 = 1;

/// Draws a token from the operating system's randomness and writes it to `out`. The buffer is wiped when it is freed.
///
/// # Safety
///
/// `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_token_generate(
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            needs!("crypto", {
                *out = secret_text(BootstrapToken::generate(&k8sboot_core::entropy::System)?.expose());
                Ok(())
            })
        })
    }
}

/// Checks that a text is a bootstrap token, `[a-z0-9]{6}.[a-z0-9]{16}`.
///
/// # Safety
///
/// `token` is NULL or NUL-terminated; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_token_check(
    token: *const c_char,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            text(token, "token")?.parse::<BootstrapToken>()?;
            Ok(())
        })
    }
}

/// Writes the public half of a token to `out`. Unlike the token it may be logged.
///
/// # Safety
///
/// `token` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_token_id(
    token: *const c_char,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let token: BootstrapToken = text(token, "token")?.parse()?;
            *out = plain(token.id().as_str());
            Ok(())
        })
    }
}

/// Signs `content`, the kubeconfig text of a cluster-info document, and writes the detached JWS to `out`.
///
/// # Safety
///
/// `token` is NULL or NUL-terminated; `content` has `content_len` readable bytes; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_token_sign(
    token: *const c_char,
    content: *const u8,
    content_len: usize,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let token: BootstrapToken = text(token, "token")?.parse()?;
            let content = bytes(content, content_len, "content")?;
            needs!("crypto", {
                *out = plain(k8sboot_core::token::jws::sign(content, &token));
                Ok(())
            })
        })
    }
}

/// Checks that `signature` is the detached JWS of exactly `content` with `token`, in constant time.
///
/// # Safety
///
/// `token` and `signature` are NULL or NUL-terminated; `content` has `content_len` readable bytes; `err` is NULL or
/// writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_token_verify(
    token: *const c_char,
    content: *const u8,
    content_len: usize,
    signature: *const c_char,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let token: BootstrapToken = text(token, "token")?.parse()?;
            let content = bytes(content, content_len, "content")?;
            let signature = text(signature, "signature")?;
            needs!("crypto", {
                k8sboot_core::token::jws::verify(content, signature, &token)?;
                Ok(())
            })
        })
    }
}

/// Writes the pins `sha256:HEX` of all certificates of a PEM text to `out`, as a JSON list in their order.
///
/// # Safety
///
/// `certificates` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_pin_list(
    certificates: *const c_char,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let certificates = text(certificates, "certificates")?;
            needs!("crypto", {
                let pins = CaPin::of_certificate_pem(certificates)?;
                let list: Vec<String> = pins.iter().map(ToString::to_string).collect();
                *out = plain(serde_json::Value::from(list).to_string());
                Ok(())
            })
        })
    }
}

/// Writes the command that adds a node to the cluster to `out`, on one line. The buffer is wiped when it is freed.
///
/// `endpoint` is `HOST:PORT` of the API servers, IPv6 addresses in brackets; `pins` are `pins_len` texts `sha256:HEX`,
/// at least one; `role` is one of `K8SBOOT_ROLE_…`; `certificate_key` is NULL or the key of the uploaded certificates,
/// which a control plane needs unless they are brought to the node in another way.
///
/// # Safety
///
/// The texts are NULL or NUL-terminated; `pins` has `pins_len` of them; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_token_join_command(
    token: *const c_char,
    endpoint: *const c_char,
    pins: *const *const c_char,
    pins_len: usize,
    role: u32,
    certificate_key: *const c_char,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let token: BootstrapToken = text(token, "token")?.parse()?;
            let endpoint = text(endpoint, "endpoint")?;
            let pins = texts(pins, pins_len, "pins")?
                .into_iter()
                .map(str::parse)
                .collect::<Result<Vec<CaPin>, _>>()?;
            let certificate_key = optional_text(certificate_key, "certificate_key")?;
            needs!("crypto", {
                *out = secret(&join(token, endpoint, pins, role, certificate_key)?.expose_line());
                Ok(())
            })
        })
    }
}

#[cfg(feature = "crypto")]
fn join(
    token: BootstrapToken,
    endpoint: &str,
    pins: Vec<CaPin>,
    role: u32,
    certificate_key: Option<&str>,
) -> Result<k8sboot_core::token::JoinCommand, Failure> {
    use k8sboot_core::token::JoinCommand;

    match (role, certificate_key) {
        (K8SBOOT_ROLE_WORKER, None) => Ok(JoinCommand::worker(endpoint, token, pins)?),
        (K8SBOOT_ROLE_WORKER, Some(_)) => Err(Failure::misuse(
            "certificate_key",
            "expected NULL for a worker (only control planes take it)",
        )),
        (K8SBOOT_ROLE_CONTROL_PLANE, key) => {
            Ok(JoinCommand::control_plane(endpoint, token, pins, key.map(str::parse).transpose()?)?)
        }
        (other, _) => Err(Failure::choice("role", "K8SBOOT_ROLE_…", other)),
    }
}
