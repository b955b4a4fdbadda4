//! Bootstrap tokens in a cluster.

use std::ffi::c_char;

use crate::{
    cluster::k8sboot_cluster_t,
    error::{k8sboot_code_t, k8sboot_error_t},
    event::{Run, k8sboot_run_t},
    guard::{guard, needs},
    handle::{out, shared},
    text::{k8sboot_buf_t, optional_text, secret_text, text},
};

/// Makes a bootstrap token valid in a cluster, and writes a JSON object to `out`: `schemaVersion` (1), `token`, `id` and
/// `expires` (RFC 3339; left out if it lives for ever). The buffer is wiped when it is freed.
///
/// `token` is NULL or an entry of kubeadm's `bootstrapTokens` as for `k8sboot_token_to_secret`; without a `token` inside,
/// one is drawn from the operating system's randomness. An id that is taken is `K8SBOOT_E_TOKENS_EXISTS`. `run` may be
/// NULL; this call has no events.
///
/// # Safety
///
/// `cluster` is NULL or live; `token` is NULL or NUL-terminated; `run` is NULL or a sized struct whose members are what
/// they should be; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_cluster_token_create(
    cluster: *const k8sboot_cluster_t,
    token: *const c_char,
    run: *const k8sboot_run_t,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let token = optional_text(token, "token")?;
            let run = Run::new(run, "run")?;
            needs!("api", {
                *out = secret_text(imp::create(shared(cluster, "cluster")?, token, run)?);
                Ok(())
            })
        })
    }
}

/// Lists the bootstrap tokens of a cluster, unusable and malformed ones too, and writes a JSON object to `out`:
/// `schemaVersion` (1) and `tokens`, each with `id`, `expires`, `useful`, `problems` (`name` and `text`), `usages`,
/// `groups` and `description`. The buffer is wiped when it is freed.
///
/// `options` is NULL or a JSON object, all members optional: `showSecrets` (true: each also has `token`). `run` may be
/// NULL; this call has no events.
///
/// # Safety
///
/// `cluster` is NULL or live; `options` is NULL or NUL-terminated; `run` is NULL or a sized struct whose members are what
/// they should be; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_cluster_token_list(
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
                *out = secret_text(imp::list(shared(cluster, "cluster")?, options, run)?);
                Ok(())
            })
        })
    }
}

/// Deletes a bootstrap token of a cluster, given by its id or whole; the secret half is not compared.
///
/// One that is not there is `K8SBOOT_E_TOKENS_NOT_FOUND`. `run` may be NULL; this call has no events.
///
/// # Safety
///
/// `cluster` is NULL or live; `id_or_token` is NULL or NUL-terminated; `run` is NULL or a sized struct whose members are
/// what they should be; `err` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_cluster_token_delete(
    cluster: *const k8sboot_cluster_t,
    id_or_token: *const c_char,
    run: *const k8sboot_run_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let id_or_token = text(id_or_token, "id_or_token")?;
            let run = Run::new(run, "run")?;
            needs!("api", { imp::delete(shared(cluster, "cluster")?, id_or_token, run) })
        })
    }
}

#[cfg(feature = "api")]
mod imp {
    use std::time::SystemTime;

    use k8sboot_core::{
        config::v1beta4::SecretText,
        entropy::System,
        time::Timestamp,
        token::{BootstrapToken, TokenSpec},
    };
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::{Run, k8sboot_cluster_t};
    use crate::{cluster::asked, error::Failure, json as arguments, token_object::entry};

    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields, default)]
    struct ListOptions {
        show_secrets: bool,
    }

    fn now() -> Timestamp {
        SystemTime::now().into()
    }

    pub(super) fn create(
        cluster: &k8sboot_cluster_t,
        token: Option<&str>,
        run: Run,
    ) -> Result<String, Failure> {
        let mut given = entry(token.unwrap_or("{}"))?;
        if given.token.is_empty() {
            given.token = SecretText::new(BootstrapToken::generate(&System)?.expose());
        }
        let spec = TokenSpec::from_config(&given)?;
        let expires = asked(cluster, run, |client| client.create_token(&spec, now()))?;
        let mut made = json!({
            "schemaVersion": 1,
            "token": spec.token.expose(),
            "id": spec.token.id().as_str(),
        });
        if let (Some(end), Value::Object(fields)) = (expires, &mut made) {
            fields.insert("expires".to_owned(), end.to_string().into());
        }
        Ok(made.to_string())
    }

    pub(super) fn list(
        cluster: &k8sboot_cluster_t,
        options: Option<&str>,
        run: Run,
    ) -> Result<String, Failure> {
        let options: ListOptions = arguments::optional_object(options, "options")?;
        let tokens = asked(cluster, run, |client| client.tokens(now()))?;
        let tokens: Vec<Value> = tokens.iter().map(|token| token.to_json(options.show_secrets)).collect();
        Ok(json!({ "schemaVersion": 1, "tokens": tokens }).to_string())
    }

    pub(super) fn delete(cluster: &k8sboot_cluster_t, id_or_token: &str, run: Run) -> Result<(), Failure> {
        asked(cluster, run, |client| client.delete_token(id_or_token)).map(drop)
    }
}
