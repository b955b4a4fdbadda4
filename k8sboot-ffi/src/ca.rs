//! Certificate authorities: made or read, and put to work.

use std::ffi::c_char;

use crate::{
    error::{Failure, k8sboot_code_t, k8sboot_error_t},
    guard::{guard, guard_void, needs},
    handle::{Slot, exclusive, give, out, read, release},
    text::{k8sboot_buf_t, plain, secret, text},
};

#[cfg(feature = "crypto")]
type Authority = k8sboot_core::pki::Ca;
#[cfg(not(feature = "crypto"))]
type Authority = std::convert::Infallible;

/// A certificate authority with its private key. Immutable. Freed with `k8sboot_ca_free`, which wipes the key.
pub struct k8sboot_ca_t(Slot<Authority>);

exclusive!(k8sboot_ca_t, Authority);

/// Makes a certificate authority that signs itself, with a new key, as kubeadm makes them.
///
/// `spec` is a JSON object: `commonName`, and optionally `algorithm` (`RSA-2048`, the default, `RSA-3072`, `RSA-4096`,
/// `ECDSA-P256`, `ECDSA-P384`; `Ed25519` is refused, kubeadm cannot read such authorities) and `validity` (a Go duration
/// from now on, default `87600h`).
///
/// # Safety
///
/// `spec` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_ca_new(
    spec: *const c_char,
    out: *mut *mut k8sboot_ca_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let spec = text(spec, "spec")?;
            needs!("crypto", {
                *out = give(imp::new(spec)?);
                Ok(())
            })
        })
    }
}

/// Reads a certificate authority from PEM texts, for example `ca.crt` and `ca.key`.
///
/// `certificates` may be a bundle: the one whose key is given signs, the others are kept as its chain. `key` is PKCS#1,
/// SEC1 or PKCS#8; the library wipes its own copy, the caller's stays the caller's.
///
/// # Safety
///
/// The texts are NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_ca_from_pem(
    certificates: *const c_char,
    key: *const c_char,
    out: *mut *mut k8sboot_ca_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let certificates = text(certificates, "certificates")?;
            let key = text(key, "key")?;
            needs!("crypto", {
                *out = give(Authority::from_pem(certificates, &key.to_owned().into())?);
                Ok(())
            })
        })
    }
}

/// Writes the certificate of an authority, and those above it, to `out` as PEM.
///
/// # Safety
///
/// `ca` is NULL or live; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_ca_certificate(
    ca: *const k8sboot_ca_t,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            needs!("crypto", {
                *out = plain(read(ca, "ca")?.chain_pem());
                Ok(())
            })
        })
    }
}

/// Writes the private key of an authority to `out` as PEM, in kubeadm's format. The buffer is wiped when it is freed.
///
/// # Safety
///
/// `ca` is NULL or live; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_ca_key(
    ca: *const k8sboot_ca_t,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            needs!("crypto", {
                let ca = read(ca, "ca")?;
                let key = ca.key().ok_or_else(|| Failure::misuse("ca", "its key is elsewhere"))?;
                *out = secret(&key.to_pem());
                Ok(())
            })
        })
    }
}

/// Writes the pin of an authority, `sha256:HEX`, to `out`: what `kubeadm join` takes as CA certificate hash.
///
/// # Safety
///
/// `ca` is NULL or live; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_ca_pin(
    ca: *const k8sboot_ca_t,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            needs!("crypto", {
                *out = plain(k8sboot_core::token::CaPin::new(read(ca, "ca")?.pin()).to_string());
                Ok(())
            })
        })
    }
}

/// Issues a certificate with a new key: PEM with the chain up to the authority to `certificate`, PEM to `key`, whose
/// buffer is wiped when it is freed. On failure both are NULL.
///
/// `spec` is a JSON object: `usages` (`serverAuth`, `clientAuth` or both), and optionally `commonName` (the user),
/// `organizations` (the groups), `dnsNames`, `ipAddresses`, `algorithm` (as for `k8sboot_ca_new`, or `Ed25519`) and
/// `validity` (default `8760h`). It begins to be valid five minutes ago, and ends when the spec says even if the
/// authority ends earlier.
///
/// # Safety
///
/// `ca` is NULL or live; `spec` is NULL or NUL-terminated; `certificate`, `key` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_ca_issue(
    ca: *const k8sboot_ca_t,
    spec: *const c_char,
    certificate: *mut *mut k8sboot_buf_t,
    key: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let certificate = out(certificate, "certificate")?;
            let key = out(key, "key")?;
            let spec = text(spec, "spec")?;
            needs!("crypto", {
                let issued = imp::issue(&*read(ca, "ca")?, spec)?;
                *certificate = plain(issued.0);
                *key = secret(&issued.1);
                Ok(())
            })
        })
    }
}

/// Signs a request and writes the certificate, with the chain up to the authority, to `out` as PEM.
///
/// `request` is PEM, signed by its own key. `spec` is as for `k8sboot_ca_issue` without `algorithm`: the request must ask
/// for exactly these names; use and lifetime are the spec's, whatever the request says.
///
/// # Safety
///
/// `ca` is NULL or live; the texts are NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_ca_sign_csr(
    ca: *const k8sboot_ca_t,
    request: *const c_char,
    spec: *const c_char,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let request = text(request, "request")?;
            let spec = text(spec, "spec")?;
            needs!("crypto", {
                *out = plain(imp::sign(&*read(ca, "ca")?, request, spec)?);
                Ok(())
            })
        })
    }
}

/// Frees an authority and wipes its key. NULL is allowed.
///
/// # Safety
///
/// `ca` is NULL or came from this library, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_ca_free(ca: *mut k8sboot_ca_t) {
    // SAFETY: exactly the caller's promise.
    guard_void(|| unsafe { release(ca) });
}

#[cfg(feature = "crypto")]
mod imp {
    use k8sboot_core::{
        entropy::System,
        pki::{Ca, CertSpec, KeyAlgorithm, Policy, RandomKeys},
        secret::SecretBytes,
        time::GoDuration,
    };
    use serde::Deserialize;

    use super::Failure;
    use crate::{
        json,
        pki::{LeafSpec, issuing},
    };

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct CaSpec {
        common_name: String,
        #[serde(default, deserialize_with = "json::algorithm::deserialize")]
        algorithm: Option<KeyAlgorithm>,
        #[serde(default, deserialize_with = "json::validity::deserialize")]
        validity: Option<GoDuration>,
    }

    pub(super) fn new(spec: &str) -> Result<Ca, Failure> {
        let given: CaSpec = json::object(spec, "spec")?;
        let algorithm = given.algorithm.unwrap_or(KeyAlgorithm::Rsa2048);
        let mut spec = CertSpec::authority("ca", &given.common_name, algorithm);
        spec.validity = given.validity.unwrap_or(spec.validity);
        // The default policy changes nothing and refuses what the readers of such an authority do not take.
        let spec = Policy::default().apply(spec)?;
        Ok(Ca::self_signed(&spec, &issuing(&RandomKeys::new(&System)))?)
    }

    pub(super) fn issue(ca: &Ca, spec: &str) -> Result<(String, SecretBytes), Failure> {
        let spec = json::object::<LeafSpec>(spec, "spec")?.into_spec("spec")?;
        let issued = ca.issue(&spec, &issuing(&RandomKeys::new(&System)))?;
        Ok((with_chain(ca, &issued.certificate.to_pem()), issued.key.to_pem()))
    }

    pub(super) fn sign(ca: &Ca, request: &str, spec: &str) -> Result<String, Failure> {
        let spec: LeafSpec = json::object(spec, "spec")?;
        if spec.algorithm.is_some() {
            return Err(Failure::json("spec", &"algorithm: expected none, the request brings its key"));
        }
        let with = RandomKeys::new(&System);
        let certificate = ca.sign_csr(request, &spec.into_spec("spec")?, &issuing(&with))?;
        Ok(with_chain(ca, &certificate))
    }

    fn with_chain(ca: &Ca, certificate: &str) -> String {
        format!("{certificate}{}", ca.intermediates_pem())
    }
}
