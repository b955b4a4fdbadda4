//! Tokens and cluster-info as the API objects that hold them.

use std::ffi::c_char;

use crate::{
    error::{Failure, k8sboot_code_t, k8sboot_error_t},
    guard::{guard, needs},
    handle::out,
    text::{k8sboot_buf_t, plain, secret_text, text, texts},
};

#[cfg(feature = "api")]
pub(crate) use imp::entry;

/// Writes the Secret of a token to `out`, as YAML. The buffer is wiped when it is freed.
///
/// `token` is one entry of kubeadm's `bootstrapTokens` as a JSON object: `token`, and optionally `ttl`, `expires`,
/// `usages`, `groups`, `description`, with kubeadm's defaults. `now` are the seconds since 1970, from which `ttl` counts.
///
/// # Safety
///
/// `token` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_token_to_secret(
    token: *const c_char,
    now: i64,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let token = text(token, "token")?;
            needs!("config", {
                *out = secret_text(imp::to_secret(token, now)?);
                Ok(())
            })
        })
    }
}

/// Reads the Secret of a token (YAML or JSON) and writes a JSON object to `out`: `token`, `expires` (RFC 3339, left out
/// if it lives for ever), `usages`, `groups`, `description`. The buffer is wiped when it is freed.
///
/// # Safety
///
/// `secret` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_token_from_secret(
    secret: *const c_char,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let secret = text(secret, "secret")?;
            needs!("config", {
                *out = secret_text(imp::from_secret(secret)?);
                Ok(())
            })
        })
    }
}

/// Writes the ConfigMap cluster-info to `out`, as YAML, signed with each of the tokens.
///
/// `server` is the URL of the API servers, `ca_certificates` the PEM text of the cluster's CA. `tokens` are `tokens_len`
/// tokens, none of which the document shows.
///
/// # Safety
///
/// The texts are NULL or NUL-terminated; `tokens` has `tokens_len` of them; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_cluster_info_new(
    server: *const c_char,
    ca_certificates: *const c_char,
    tokens: *const *const c_char,
    tokens_len: usize,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let server = text(server, "server")?;
            let ca = text(ca_certificates, "ca_certificates")?;
            let tokens = texts(tokens, tokens_len, "tokens")?;
            needs!("config", {
                needs!("crypto", {
                    *out = plain(imp::cluster_info(server, ca, &tokens)?);
                    Ok(())
                })
            })
        })
    }
}

/// Reads the ConfigMap cluster-info (YAML or JSON) and writes its kubeconfig to `out`, if and only if it is signed with
/// the token and its CA is one of the pins `sha256:HEX`, of which there must be at least one.
///
/// # Safety
///
/// The texts are NULL or NUL-terminated; `pins` has `pins_len` of them; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_cluster_info_trusted(
    config_map: *const c_char,
    token: *const c_char,
    pins: *const *const c_char,
    pins_len: usize,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let config_map = text(config_map, "config_map")?;
            let token = text(token, "token")?;
            let pins = texts(pins, pins_len, "pins")?;
            needs!("config", {
                needs!("crypto", {
                    *out = plain(imp::trusted(config_map, token, &pins)?);
                    Ok(())
                })
            })
        })
    }
}

#[cfg(feature = "config")]
mod imp {
    use k8sboot_core::{
        config::v1beta4,
        manifest::{Object, yaml},
        time::Timestamp,
        token::{TokenSpec, Ttl},
    };
    use serde_json::{Map, Value, json};

    use super::Failure;

    const FIELDS: [&str; 6] = ["token", "description", "ttl", "expires", "usages", "groups"];

    pub(super) fn to_secret(entry: &str, now: i64) -> Result<String, Failure> {
        let entry = self::entry(entry)?;
        Ok(TokenSpec::from_config(&entry)?.to_secret(Timestamp::from_seconds(now))?.to_yaml())
    }

    /// An entry of `bootstrapTokens`.
    pub(crate) fn entry(entry: &str) -> Result<v1beta4::BootstrapToken, Failure> {
        let json = |error: serde_json::Error| Failure::json("token", &error);
        let entry: Map<String, Value> = serde_json::from_str(entry).map_err(json)?;
        if let Some(unknown) = entry.keys().find(|name| !FIELDS.contains(&name.as_str())) {
            let problem = format!("unknown field `{unknown}`, expected one of {}", FIELDS.join(", "));
            return Err(Failure::json("token", &problem));
        }
        serde_json::from_value(Value::Object(entry)).map_err(json)
    }

    pub(super) fn from_secret(secret: &str) -> Result<String, Failure> {
        let spec = TokenSpec::from_secret(&object(secret, "secret")?)?;
        let usages = [(spec.usages.signing, "signing"), (spec.usages.authentication, "authentication")];
        let mut json = json!({
            "token": spec.token.expose(),
            "usages": usages.iter().filter(|(has, _)| *has).map(|(_, name)| *name).collect::<Vec<_>>(),
            "groups": spec.groups,
            "description": spec.description,
        });
        if let (Ttl::Until(end), Value::Object(fields)) = (spec.ttl, &mut json) {
            fields.insert("expires".to_owned(), end.to_string().into());
        }
        Ok(json.to_string())
    }

    /// The one object of a text.
    fn object(text: &str, argument: &'static str) -> Result<Object, Failure> {
        let mut documents = yaml::parse_all(text)?;
        match (documents.pop(), documents.len()) {
            (Some(document), 0) => Ok(Object::from_value(document)?),
            (one, others) => {
                let found = others + usize::from(one.is_some());
                Err(Failure::json(argument, &format!("expected one object, found {found}")))
            }
        }
    }

    #[cfg(feature = "crypto")]
    pub(super) fn cluster_info(server: &str, ca: &str, tokens: &[&str]) -> Result<String, Failure> {
        use k8sboot_core::token::{CaPin, ClusterInfo, Signatures};

        CaPin::of_certificate_pem(ca)?;
        let info = ClusterInfo::new(server, ca);
        let mut signatures = Signatures::default();
        for token in tokens {
            signatures.add(&info, &token.parse()?);
        }
        Ok(info.to_config_map(&signatures)?.to_yaml())
    }

    #[cfg(feature = "crypto")]
    pub(super) fn trusted(config_map: &str, token: &str, pins: &[&str]) -> Result<String, Failure> {
        use k8sboot_core::token::ClusterInfo;

        let pins = pins.iter().map(|pin| pin.parse()).collect::<Result<Vec<_>, _>>()?;
        let object = object(config_map, "config_map")?;
        Ok(ClusterInfo::trusted(&object, &token.parse()?, &pins)?.kubeconfig().to_owned())
    }
}
