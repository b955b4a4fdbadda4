//! kubeconfigs: made for users, and checked against a cluster.

use std::ffi::c_char;

use crate::{
    ca::k8sboot_ca_t,
    error::{Failure, k8sboot_code_t, k8sboot_error_t},
    guard::{guard, needs},
    handle::{out, read},
    text::{k8sboot_buf_t, plain, secret, text},
};

/// Issues a client certificate with a new key and writes a kubeconfig with both to `out`, as `kubeadm kubeconfig user`
/// does. The buffer is wiped when it is freed.
///
/// `ca` is the cluster's (`ca.crt`). `spec` is a JSON object: `name` (the user), `cluster` (a name), `server`
/// (`https://HOST:PORT`), and optionally `groups`, `namespace`, `algorithm` (default `ECDSA-P256`) and `validity`
/// (default `8760h`: a certificate cannot be revoked, so give the shortest that the work takes).
///
/// # Safety
///
/// `ca` is NULL or live; `spec` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_kubeconfig_user(
    ca: *const k8sboot_ca_t,
    spec: *const c_char,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let spec = text(spec, "spec")?;
            needs!("config", {
                needs!("crypto", {
                    *out = secret(&imp::user(&*read(ca, "ca")?, spec)?);
                    Ok(())
                })
            })
        })
    }
}

/// Checks whether the current context of a kubeconfig works with the cluster whose CA is `ca_certificates` (PEM), now,
/// and writes JSON to `out`: `schemaVersion` (1), `valid`, and `findings`, each with `kind`, `code`, `message`, and as far
/// as they apply `field`, `expected`, `found`, `remedy`.
///
/// A kubeconfig with findings is no failure of the call, one that cannot be read is. No credential is written.
///
/// # Safety
///
/// The texts are NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_kubeconfig_check(
    kubeconfig: *const c_char,
    ca_certificates: *const c_char,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let kubeconfig = text(kubeconfig, "kubeconfig")?;
            let ca = text(ca_certificates, "ca_certificates")?;
            needs!("config", {
                needs!("crypto", {
                    *out = plain(imp::check(kubeconfig, ca)?);
                    Ok(())
                })
            })
        })
    }
}

#[cfg(all(feature = "config", feature = "crypto"))]
mod imp {
    use std::time::SystemTime;

    use k8sboot_core::{
        entropy::System,
        kubeconfig::{Kubeconfig, UserSpec, for_user},
        pki::{Ca, KeyAlgorithm, RandomKeys},
        secret::SecretBytes,
        time::{GoDuration, Timestamp},
    };
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::Failure;
    use crate::{json as arguments, pki::issuing};

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Spec {
        name: String,
        cluster: String,
        server: String,
        #[serde(default)]
        groups: Vec<String>,
        #[serde(default)]
        namespace: String,
        #[serde(default, deserialize_with = "arguments::algorithm::deserialize")]
        algorithm: Option<KeyAlgorithm>,
        #[serde(default, deserialize_with = "arguments::validity::deserialize")]
        validity: Option<GoDuration>,
    }

    pub(super) fn user(ca: &Ca, spec: &str) -> Result<SecretBytes, Failure> {
        let spec: Spec = arguments::object(spec, "spec")?;
        let mut user = UserSpec::new(spec.name, spec.cluster, spec.server)
            .in_groups(spec.groups)
            .in_namespace(spec.namespace);
        user.algorithm = spec.algorithm.unwrap_or(user.algorithm);
        user.validity = spec.validity.unwrap_or(user.validity);
        Ok(for_user(ca, &user, &issuing(&RandomKeys::new(&System)))?.to_yaml())
    }

    pub(super) fn check(kubeconfig: &str, ca: &str) -> Result<String, Failure> {
        let findings = Kubeconfig::parse(kubeconfig)?.verify(ca, Timestamp::from(SystemTime::now()));
        let valid = findings.is_empty();
        let findings: Vec<Value> =
            findings.into_iter().map(|finding| Failure::from(finding).into_json()).collect();
        Ok(json!({ "schemaVersion": 1, "valid": valid, "findings": findings }).to_string())
    }
}
