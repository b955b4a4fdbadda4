//! Keys, certificate requests, and what certificates say.

use std::ffi::c_char;

use crate::{
    error::{Failure, k8sboot_code_t, k8sboot_error_t},
    guard::{guard, needs},
    handle::out,
    text::{k8sboot_buf_t, plain, secret, text},
};

#[cfg(feature = "crypto")]
pub(crate) use imp::{LeafSpec, issuing};

/// Writes what the certificates of a PEM text say to `out`, as JSON: `schemaVersion` (1) and `certificates`, each with
/// `subject`, `issuer`, `serial`, `notBefore`, `notAfter`, `dnsNames`, `ipAddresses`, `keyUsage`, `extKeyUsage`, `isCa`,
/// `keyAlgorithm`, `pin` and more. Blocks that are no certificates are passed over.
///
/// # Safety
///
/// `certificates` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_pki_inspect(
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
                *out = plain(imp::inspect(certificates)?);
                Ok(())
            })
        })
    }
}

/// Makes a private key and writes it to `out` as PEM, in kubeadm's format. The buffer is wiped when it is freed.
///
/// `algorithm` is `RSA-2048`, `RSA-3072`, `RSA-4096`, `ECDSA-P256`, `ECDSA-P384` or `Ed25519`.
///
/// # Safety
///
/// `algorithm` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_key_generate(
    algorithm: *const c_char,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let algorithm = text(algorithm, "algorithm")?;
            needs!("crypto", {
                *out = secret(&imp::generate(algorithm)?);
                Ok(())
            })
        })
    }
}

/// Writes a certificate request, signed by `key` (PEM), to `out` as PEM.
///
/// `spec` is a JSON object, all members optional: `commonName`, `organizations`, `dnsNames`, `ipAddresses`. Use and
/// lifetime are decided by who signs it.
///
/// # Safety
///
/// The texts are NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_csr_new(
    key: *const c_char,
    spec: *const c_char,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let key = text(key, "key")?;
            let spec = text(spec, "spec")?;
            needs!("crypto", {
                *out = plain(imp::request(key, spec)?);
                Ok(())
            })
        })
    }
}

#[cfg(feature = "crypto")]
mod imp {
    use std::{net::IpAddr, time::SystemTime};

    use k8sboot_core::{
        entropy::System,
        pki::{
            CertClass, CertSpec, Issuing, KeyAlgorithm, KeyPair, KeySource, LEAF_VALIDITY, NotBefore,
            RandomKeys, Subject, csr, inspect as read_certificates,
        },
        secret::SecretBytes,
        time::{GoDuration, Timestamp},
    };
    use serde::Deserialize;
    use serde_json::json;

    use super::Failure;
    use crate::json as arguments;

    /// A certificate that the caller wants.
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    pub(crate) struct LeafSpec {
        usages: Vec<Usage>,
        #[serde(default)]
        common_name: String,
        #[serde(default)]
        organizations: Vec<String>,
        #[serde(default)]
        dns_names: Vec<String>,
        #[serde(default)]
        ip_addresses: Vec<IpAddr>,
        #[serde(default, deserialize_with = "arguments::algorithm::deserialize")]
        pub(crate) algorithm: Option<KeyAlgorithm>,
        #[serde(default, deserialize_with = "arguments::validity::deserialize")]
        validity: Option<GoDuration>,
    }

    #[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
    #[serde(rename_all = "camelCase")]
    enum Usage {
        ServerAuth,
        ClientAuth,
    }

    /// Whom a request names.
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields, default)]
    struct RequestSpec {
        common_name: String,
        organizations: Vec<String>,
        dns_names: Vec<String>,
        ip_addresses: Vec<IpAddr>,
    }

    impl LeafSpec {
        pub(crate) fn into_spec(self, argument: &'static str) -> Result<CertSpec, Failure> {
            let has = |usage| self.usages.contains(&usage);
            let class = match (has(Usage::ServerAuth), has(Usage::ClientAuth)) {
                (true, true) => CertClass::Peer,
                (true, false) => CertClass::Server,
                (false, true) => CertClass::Client,
                (false, false) => {
                    return Err(Failure::json(argument, &"usages: expected serverAuth, clientAuth or both"));
                }
            };
            let names = RequestSpec {
                common_name: self.common_name,
                organizations: self.organizations,
                dns_names: self.dns_names,
                ip_addresses: self.ip_addresses,
            };
            Ok(CertSpec {
                class,
                algorithm: self.algorithm.unwrap_or(KeyAlgorithm::Rsa2048),
                validity: self.validity.unwrap_or(LEAF_VALIDITY),
                ..names.into_spec()
            })
        }
    }

    impl RequestSpec {
        fn into_spec(self) -> CertSpec {
            let name = self.dns_names.first().unwrap_or(&self.common_name).clone();
            let subject = Subject::named(self.common_name).with_organizations(self.organizations);
            CertSpec {
                dns_names: self.dns_names,
                ip_addresses: self.ip_addresses,
                not_before: NotBefore::Backdated,
                ..CertSpec::user(&name, subject, KeyAlgorithm::Rsa2048)
            }
            .normalised()
        }
    }

    /// The operating system's randomness and clock.
    pub(crate) fn issuing<'a>(keys: &'a RandomKeys<'a>) -> Issuing<'a> {
        Issuing { keys, entropy: &System, now: Timestamp::from(SystemTime::now()) }
    }

    pub(super) fn inspect(certificates: &str) -> Result<String, Failure> {
        let certificates = read_certificates(certificates)?;
        Ok(json!({ "schemaVersion": 1, "certificates": certificates }).to_string())
    }

    pub(super) fn generate(algorithm: &str) -> Result<SecretBytes, Failure> {
        let algorithm = arguments::algorithm::parse(algorithm, "algorithm")?;
        Ok(RandomKeys::new(&System).generate(algorithm, "key")?.to_pem())
    }

    pub(super) fn request(key: &str, spec: &str) -> Result<String, Failure> {
        let spec: RequestSpec = arguments::object(spec, "spec")?;
        let key = KeyPair::from_pem(&key.to_owned().into())?;
        Ok(csr::request(&spec.into_spec(), &key)?)
    }
}
