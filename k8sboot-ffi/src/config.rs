//! Configurations: documents in, a proven configuration or the list of all problems out.

use std::{ffi::c_char, net::IpAddr};

use k8sboot_core::facts::NodeFacts;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    error::{Failure, k8sboot_code_t, k8sboot_error_t},
    guard::{guard, guard_void, needs},
    handle::{Slot, exclusive, give, out, read, release},
    text::{k8sboot_buf_t, optional_text, plain, secret_text, text},
};

/// InitConfiguration and ClusterConfiguration.
pub const K8SBOOT_CONFIG_INIT: u32 = 0;
/// JoinConfiguration.
pub const K8SBOOT_CONFIG_JOIN: u32 = 1;
/// ResetConfiguration.
pub const K8SBOOT_CONFIG_RESET: u32 = 2;

#[cfg(feature = "api")]
pub(crate) use imp::failure;

#[cfg(feature = "config")]
type Proven = k8sboot_core::config::InitConfig;
#[cfg(not(feature = "config"))]
type Proven = std::convert::Infallible;

/// A configuration with every default filled in and every rule checked. Immutable. Freed with `k8sboot_config_free`.
pub struct k8sboot_config_t(Slot<Proven>);

exclusive!(k8sboot_config_t, Proven);

/// Reads kubeadm configuration documents (YAML or JSON), fills in the defaults and proves the result.
///
/// `facts` is NULL or a JSON object with what the defaults need to know about the node, all members optional:
/// `hostname`, `defaultAddresses`, `criSockets`, `systemdResolved`, `caDirectories`,
/// `proxyEnvironment` (list of `{"name", "value"}`). `fresh_token` is NULL or a bootstrap token that is used if the
/// documents name none. On failure the details of the error list every problem under `errors`.
///
/// # Safety
///
/// The texts are NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_config_new(
    documents: *const c_char,
    facts: *const c_char,
    fresh_token: *const c_char,
    out: *mut *mut k8sboot_config_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let documents = text(documents, "documents")?;
            let facts = parse_facts(optional_text(facts, "facts")?)?;
            let token = optional_text(fresh_token, "fresh_token")?;
            needs!("config", {
                let token = token.map(str::parse).transpose()?;
                *out = give(imp::prove(documents, &facts, token).map_err(imp::failure)?);
                Ok(())
            })
        })
    }
}

/// Checks documents of every kind (init, join, reset) and writes a JSON report to `out`: `schemaVersion` (1), `valid`, `errors` and `warnings`, each with
/// `kind`, `code`, `message`, `document`, `field`, `line`, `column`, `expected`, `found`, `remedy`.
///
/// Documents with problems are no failure of the call. `facts` as for `k8sboot_config_new`.
///
/// # Safety
///
/// The texts are NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_config_validate(
    documents: *const c_char,
    facts: *const c_char,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let documents = text(documents, "documents")?;
            let facts = parse_facts(optional_text(facts, "facts")?)?;
            needs!("config", {
                *out = plain(imp::report(documents, &facts).to_string());
                Ok(())
            })
        })
    }
}

/// Writes documents of kubeadm's v1beta3 or v1beta4 to `out` as v1beta4 with every default, as `kubeadm config migrate`.
/// The buffer holds the bootstrap tokens and is wiped when it is freed.
///
/// `facts` and `fresh_token` as for `k8sboot_config_new`. Configurations of the kubelet and of kube-proxy are left out.
///
/// # Safety
///
/// The texts are NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_config_migrate(
    documents: *const c_char,
    facts: *const c_char,
    fresh_token: *const c_char,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let documents = text(documents, "documents")?;
            let facts = parse_facts(optional_text(facts, "facts")?)?;
            let token = optional_text(fresh_token, "fresh_token")?;
            needs!("config", {
                let token = token.map(str::parse).transpose()?;
                let migrated =
                    k8sboot_core::config::migrate(documents, &facts, token).map_err(imp::failure)?;
                *out = secret_text(migrated.yaml.expose());
                Ok(())
            })
        })
    }
}

/// Writes a complete example of a kind of configuration to `out`, as `kubeadm config print`. `kind` is one of
/// `K8SBOOT_CONFIG_…`.
///
/// # Safety
///
/// `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_config_defaults(
    kind: u32,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            needs!("config", {
                *out = plain(imp::example(kind)?);
                Ok(())
            })
        })
    }
}

/// Writes a JSON summary of the proven configuration to `out`: `schemaVersion` (1), `nodeName`, `kubernetesVersion`,
/// `clusterName`, `advertiseAddress`, `bindPort`, `apiServer`, `localApiServer`, `dnsAddress`, `certificatesDir`,
/// `serviceSubnets`, `podSubnets`, `encryptionAlgorithm`, `warnings`. It holds no secret.
///
/// # Safety
///
/// `config` is NULL or live; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_config_describe(
    config: *const k8sboot_config_t,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            needs!("config", {
                *out = plain(imp::describe(&*read(config, "config")?).to_string());
                Ok(())
            })
        })
    }
}

/// Frees a configuration. NULL is allowed.
///
/// # Safety
///
/// `config` is NULL or came from `k8sboot_config_new`, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_config_free(config: *mut k8sboot_config_t) {
    // SAFETY: exactly the caller's promise.
    guard_void(|| unsafe { release(config) });
}

/// What the caller says about the node.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Facts {
    hostname: String,
    default_addresses: Vec<IpAddr>,
    cri_sockets: Vec<String>,
    systemd_resolved: bool,
    ca_directories: Vec<String>,
    proxy_environment: Vec<Variable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Variable {
    name: String,
    value: String,
}

pub(crate) fn parse_facts(text: Option<&str>) -> Result<NodeFacts, Failure> {
    let given = match text {
        None => Facts::default(),
        // By way of a map: a derived struct would take a JSON list as well.
        Some(text) => serde_json::from_str::<Map<String, Value>>(text)
            .and_then(|map| serde_json::from_value::<Facts>(Value::Object(map)))
            .map_err(|error| Failure::json("facts", &error))?,
    };
    let mut facts = NodeFacts::named(given.hostname);
    facts.default_addresses = given.default_addresses;
    facts.cri_sockets = given.cri_sockets;
    facts.systemd_resolved = given.systemd_resolved;
    facts.ca_directories = given.ca_directories;
    facts.proxy_environment = given.proxy_environment.into_iter().map(|v| (v.name, v.value)).collect();
    Ok(facts)
}

#[cfg(feature = "config")]
mod imp {
    use k8sboot_core::{
        config::{
            ConfigError, ConfigErrors, DefaultsKind, Documents, InitConfig, JoinConfig, ResetConfig,
            print_defaults,
        },
        error::Problem,
        token::BootstrapToken,
    };

    use super::{
        Failure, K8SBOOT_CONFIG_INIT, K8SBOOT_CONFIG_JOIN, K8SBOOT_CONFIG_RESET, NodeFacts, Value, json,
    };

    pub(super) fn prove(
        documents: &str,
        facts: &NodeFacts,
        fresh_token: Option<BootstrapToken>,
    ) -> Result<InitConfig, ConfigErrors> {
        Documents::parse(documents)?.into_init(facts, fresh_token)
    }

    pub(crate) fn failure(errors: ConfigErrors) -> Failure {
        let list = problems(errors.as_slice());
        Failure::from(errors).with_errors(list)
    }

    pub(super) fn report(documents: &str, facts: &NodeFacts) -> Value {
        let (mut errors, mut warnings) = (Vec::new(), Vec::new());
        match Documents::parse(documents) {
            Err(problems) => errors = problems.as_slice().to_vec(),
            Ok(documents) => {
                let (join, reset) = (documents.join.is_some(), documents.reset.is_some());
                let init = documents.init.is_some() || documents.cluster.is_some() || !(join || reset);
                let mut keep = |proven: Result<&[ConfigError], &ConfigErrors>| match proven {
                    Ok(more) => warnings.extend_from_slice(more),
                    Err(more) => errors.extend_from_slice(more.as_slice()),
                };
                if init {
                    let proven = documents.clone().into_init(facts, None);
                    keep(proven.as_ref().map(InitConfig::warnings));
                }
                if join {
                    keep(documents.clone().into_join(facts).as_ref().map(JoinConfig::warnings));
                }
                if reset {
                    keep(documents.into_reset(facts).as_ref().map(ResetConfig::warnings));
                }
            }
        }
        json!({
            "schemaVersion": 1,
            "valid": errors.is_empty(),
            "errors": problems(&errors),
            "warnings": problems(&warnings),
        })
    }

    pub(super) fn example(kind: u32) -> Result<String, Failure> {
        let kind = match kind {
            K8SBOOT_CONFIG_INIT => DefaultsKind::Init,
            K8SBOOT_CONFIG_JOIN => DefaultsKind::Join,
            K8SBOOT_CONFIG_RESET => DefaultsKind::Reset,
            other => return Err(Failure::choice("kind", "K8SBOOT_CONFIG_…", other)),
        };
        Ok(print_defaults(kind))
    }

    pub(super) fn describe(config: &InitConfig) -> Value {
        let texts = |cidrs: &[k8sboot_core::cidr::Cidr]| -> Vec<String> {
            cidrs.iter().map(ToString::to_string).collect()
        };
        json!({
            "schemaVersion": 1,
            "nodeName": config.node_name(),
            "kubernetesVersion": config.version().to_string(),
            "clusterName": config.cluster().cluster_name,
            "advertiseAddress": config.advertise_address().to_string(),
            "bindPort": config.bind_port(),
            "apiServer": config.api_server(),
            "localApiServer": config.local_api_server(),
            "dnsAddress": config.dns_address().map(|address| address.to_string()),
            "certificatesDir": config.certificates_dir(),
            "serviceSubnets": texts(config.service_subnets()),
            "podSubnets": texts(config.pod_subnets()),
            "encryptionAlgorithm": config.cluster().encryption_algorithm,
            "warnings": problems(config.warnings()),
        })
    }

    fn problems(errors: &[ConfigError]) -> Vec<Value> {
        errors
            .iter()
            .map(|error| {
                json!({
                    "kind": error.code().name(),
                    "code": error.code().number(),
                    "message": error.to_string(),
                    "document": error.document,
                    "field": error.field,
                    "line": error.line,
                    "column": error.column,
                    "expected": error.expected,
                    "found": error.found,
                    "remedy": error.remedy,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::K8SBOOT_E_JSON;

    #[test]
    fn facts_are_read_strictly() {
        let facts = parse_facts(Some(
            r#"{"hostname":"a","defaultAddresses":["10.0.0.1","fd00::1"],"proxyEnvironment":[{"name":"N","value":"v"}]}"#,
        ))
        .unwrap();
        assert_eq!(facts.hostname, "a");
        assert_eq!(facts.default_addresses.len(), 2);
        assert_eq!(facts.proxy_environment, [("N".to_owned(), "v".to_owned())]);
        assert_eq!(parse_facts(None).unwrap(), NodeFacts::default());
        for wrong in ["", "[]", r#"{"hostName":"a"}"#, r#"{"defaultAddresses":["10.0.0.256"]}"#] {
            assert_eq!(parse_facts(Some(wrong)).unwrap_err().code(), K8SBOOT_E_JSON, "{wrong}");
        }
    }
}
