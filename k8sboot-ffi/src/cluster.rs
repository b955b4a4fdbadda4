//! The connection to a cluster's API server.

use std::ffi::c_char;

use crate::{
    error::{Failure, k8sboot_code_t, k8sboot_error_t},
    event::{Run, k8sboot_run_t},
    guard::{guard, guard_void, needs},
    handle::{Shared, add_owner, out, release_shared, share, shared},
    store::shared_out,
    text::{k8sboot_buf_t, optional_text, plain, text},
};

#[cfg(feature = "api")]
pub(crate) use imp::asked;

#[cfg(feature = "api")]
type Connection = k8sboot_core::api::Client;
#[cfg(not(feature = "api"))]
type Connection = std::convert::Infallible;

/// A connection to the API server of a cluster. Shared: any thread may use it, several at once too;
/// `k8sboot_cluster_ref` adds an owner. It keeps one thread until its last owner has freed it.
pub struct k8sboot_cluster_t(Connection);

impl Shared for k8sboot_cluster_t {}

/// Makes a connection as the current context of a kubeconfig says. Nothing is sent before the first call.
///
/// `kubeconfig` is its text; what it needs must be embedded, not named as files. `options` is NULL or a JSON object, all
/// members optional: `server` (another `https://HOST:PORT`, with the same trust and identity), `serverName` (the name in
/// the server's certificate), `connectTimeoutMs` (5000) and `timeoutMs` (for each answer; 10000).
///
/// # Safety
///
/// The texts are NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_cluster_new(
    kubeconfig: *const c_char,
    options: *const c_char,
    out: *mut *const k8sboot_cluster_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = shared_out(out, "out")?;
            let kubeconfig = text(kubeconfig, "kubeconfig")?;
            let options = optional_text(options, "options")?;
            needs!("api", {
                *out = share(k8sboot_cluster_t(imp::connect(kubeconfig, options)?));
                Ok(())
            })
        })
    }
}

/// Asks the API server who it is and writes a JSON object to `out`: `schemaVersion` (1), `server` (the URL), `version`
/// (for example `v1.36.2`) and `platform`. `run` may be NULL; this call has no events.
///
/// # Safety
///
/// `cluster` is NULL or live; `run` is NULL or a sized struct whose members are what they should be; `out` and `err` are
/// NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_cluster_version(
    cluster: *const k8sboot_cluster_t,
    run: *const k8sboot_run_t,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let run = Run::new(run, "run")?;
            needs!("api", {
                *out = plain(imp::version(shared(cluster, "cluster")?, run)?);
                Ok(())
            })
        })
    }
}

/// Adds an owner and returns the same pointer. NULL stays NULL.
///
/// # Safety
///
/// `cluster` is NULL or live.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_cluster_ref(cluster: *const k8sboot_cluster_t) -> *const k8sboot_cluster_t {
    // SAFETY: exactly the caller's promise.
    unsafe { add_owner(cluster) }
}

/// Ends one owner; the last one closes the connection. NULL is allowed.
///
/// # Safety
///
/// `cluster` is NULL or live, and this owner does not use it again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_cluster_free(cluster: *const k8sboot_cluster_t) {
    // SAFETY: exactly the caller's promise.
    guard_void(|| unsafe { release_shared(cluster) });
}

#[cfg(feature = "api")]
mod imp {
    use std::time::Duration;

    use k8sboot_core::{
        api::{ApiError, Client, ClientOptions, Method},
        error::Problem,
        kubeconfig::Kubeconfig,
    };
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::{Failure, Run, k8sboot_cluster_t};
    use crate::{json as arguments, watch::Watch};

    const CONNECT_MS: u64 = 5_000;
    const ANSWER_MS: u64 = 10_000;

    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields, default)]
    struct Options {
        server: Option<String>,
        server_name: Option<String>,
        connect_timeout_ms: Option<u64>,
        timeout_ms: Option<u64>,
    }

    pub(super) fn connect(kubeconfig: &str, options: Option<&str>) -> Result<Client, Failure> {
        let given: Options = arguments::optional_object(options, "options")?;
        let connect = Duration::from_millis(given.connect_timeout_ms.unwrap_or(CONNECT_MS));
        let answer = Duration::from_millis(given.timeout_ms.unwrap_or(ANSWER_MS));
        let mut options = ClientOptions::from_kubeconfig(&Kubeconfig::parse(kubeconfig)?)?;
        if let Some(server) = given.server {
            options = options.server(server);
        }
        if let Some(name) = given.server_name {
            options = options.server_name(name);
        }
        Ok(Client::new(&options.timeouts(connect, answer))?)
    }

    impl k8sboot_cluster_t {
        pub(crate) const fn client(&self) -> &Client {
            &self.0
        }
    }

    /// Makes calls to the API server that end when the caller wants it.
    pub(crate) fn asked<T, P: Problem + 'static>(
        cluster: &k8sboot_cluster_t,
        run: Run,
        work: impl FnOnce(&Client) -> Result<T, P>,
    ) -> Result<T, Failure> {
        let watch = Watch::new(run);
        let client = cluster.client().clone().cancelled_by(watch.run().cancel);
        watch.during(|| work(&client)).map_err(|error| watch.failure(error))
    }

    pub(super) fn version(cluster: &k8sboot_cluster_t, run: Run) -> Result<String, Failure> {
        let answer = asked::<_, ApiError>(cluster, run, |client| client.call(Method::Get, "/version", None))?;
        let found: Value = serde_json::from_slice(&answer).unwrap_or_default();
        let text = |field: &str| found.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(json!({
            "schemaVersion": 1,
            "server": cluster.client().server(),
            "version": text("gitVersion"),
            "platform": text("platform"),
        })
        .to_string())
    }
}
