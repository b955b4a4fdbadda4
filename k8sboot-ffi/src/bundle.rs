//! Join bundles: everything that a node needs to join, sealed.

use std::ffi::c_char;

use crate::{
    error::{k8sboot_code_t, k8sboot_error_t},
    guard::{guard, needs},
    handle::out,
    text::{k8sboot_buf_t, plain, secret_text, text},
};

#[cfg(feature = "api")]
pub(crate) use imp::seal;

/// Seals what a node needs to join a cluster and writes the text to `out`. Whoever can open it can join nodes.
///
/// `request` is a JSON object: `kubeconfig` (text of one of the cluster, such as `admin.conf`: its server and CA), `token`,
/// `expires` (RFC 3339; the token's end), for control planes `certificateKey`, and `passphrase` (at least 8 bytes) or
/// `key` (64 hexadecimal digits).
///
/// # Safety
///
/// `request` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_bundle_seal(
    request: *const c_char,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let request = text(request, "request")?;
            needs!("api", {
                *out = plain(imp::close(request)?);
                Ok(())
            })
        })
    }
}

/// Opens a join bundle and writes a JSON object to `out`: `schemaVersion` (1), `server`, `certificateAuthorities` (PEM),
/// `caCertHashes`, `token`, `expires` and, if it is for control planes, `certificateKey`. The buffer is wiped when it is
/// freed.
///
/// `secret` is a JSON object with `passphrase` or `key` (64 hexadecimal digits).
///
/// # Safety
///
/// The texts are NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_bundle_open(
    bundle: *const c_char,
    secret: *const c_char,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let bundle = text(bundle, "bundle")?;
            let secret = text(secret, "secret")?;
            needs!("api", {
                *out = secret_text(imp::open(bundle, secret)?);
                Ok(())
            })
        })
    }
}

#[cfg(feature = "api")]
mod imp {
    use std::time::SystemTime;

    use k8sboot_core::{
        discovery::{JoinBundle, Seal},
        entropy::System,
        kubeconfig::Kubeconfig,
        secret::SecretBytes,
        time::Timestamp,
    };
    use serde::Deserialize;
    use serde_json::{Value, json};
    use zeroize::Zeroizing;

    use crate::{
        error::Failure,
        json::{Secret, object},
    };

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Request {
        kubeconfig: Secret,
        token: Secret,
        expires: String,
        certificate_key: Option<Secret>,
        passphrase: Option<Secret>,
        key: Option<Secret>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Opening {
        passphrase: Option<Secret>,
        key: Option<Secret>,
    }

    /// What a bundle is sealed to.
    pub(crate) fn seal(
        passphrase: Option<&Secret>,
        key: Option<&Secret>,
        argument: &'static str,
    ) -> Result<Seal, Failure> {
        match (passphrase, key) {
            (Some(passphrase), None) => {
                Ok(Seal::passphrase(SecretBytes::from(passphrase.expose().to_owned()))?)
            }
            (None, Some(key)) => {
                let wrong = || Failure::json(argument, &"key: expected 64 hexadecimal digits");
                Ok(Seal::key(&bytes(key.expose()).ok_or_else(wrong)?)?)
            }
            _ => Err(Failure::json(argument, &"expected one of passphrase and key, found both or neither")),
        }
    }

    fn bytes(hex: &str) -> Option<SecretBytes> {
        let digits: Option<Zeroizing<Vec<u8>>> = hex
            .chars()
            .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<Vec<u8>>>()
            .map(Zeroizing::new);
        let digits = digits.filter(|digits| digits.len() == 64)?;
        let byte = |pair: &[u8]| pair.iter().fold(0_u8, |byte, digit| (byte << 4) | digit);
        Some(SecretBytes::new(digits.chunks(2).map(byte).collect()))
    }

    pub(super) fn close(request: &str) -> Result<String, Failure> {
        let request: Request = object(request, "request")?;
        let seal = seal(request.passphrase.as_ref(), request.key.as_ref(), "request")?;
        let expires: Timestamp = request.expires.parse().map_err(|_| {
            let found = format!("expires: expected a time in RFC 3339, found {:?}", request.expires);
            Failure::json("request", &found)
        })?;
        let kubeconfig = Kubeconfig::parse(request.kubeconfig.expose())?;
        let mut bundle = JoinBundle::of_kubeconfig(&kubeconfig, request.token.expose().parse()?, expires)?;
        if let Some(key) = &request.certificate_key {
            bundle = bundle.certificate_key(key.expose().parse()?);
        }
        Ok(bundle.seal(&seal, &System)?)
    }

    pub(super) fn open(text: &str, secret: &str) -> Result<String, Failure> {
        let given: Opening = object(secret, "secret")?;
        let seal = seal(given.passphrase.as_ref(), given.key.as_ref(), "secret")?;
        let bundle = JoinBundle::open(text, &seal, Timestamp::from(SystemTime::now()))?;
        let found = bundle.discovered();
        let pins: Vec<String> = found.pins()?.iter().map(ToString::to_string).collect();
        let mut json = json!({
            "schemaVersion": 1,
            "server": found.server(),
            "certificateAuthorities": found.ca_pem(),
            "caCertHashes": pins,
            "token": bundle.token().expose(),
            "expires": bundle.expires().to_string(),
        });
        if let (Some(key), Value::Object(fields)) = (found.certificate_key(), &mut json) {
            fields.insert("certificateKey".to_owned(), key.expose().expose_str().unwrap_or_default().into());
        }
        Ok(json.to_string())
    }
}
