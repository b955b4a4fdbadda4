//! A discovery endpoint in the caller's process.

use std::ffi::c_char;

use crate::{
    cluster::k8sboot_cluster_t,
    error::{k8sboot_code_t, k8sboot_error_t},
    guard::{guard, guard_void, needs},
    handle::{Slot, exclusive, give, out, read, release, shared},
    text::{k8sboot_buf_t, optional_text, plain},
};

#[cfg(feature = "api")]
type Server = k8sboot_core::exec::DiscoveryServer;
#[cfg(not(feature = "api"))]
type Server = std::convert::Infallible;

/// A discovery endpoint that runs: cluster-info over plain HTTP, signed for the token that is named. It keeps threads until
/// it is freed with `k8sboot_discovery_server_free`.
pub struct k8sboot_discovery_server_t(Slot<Server>);

exclusive!(k8sboot_discovery_server_t, Server);

/// Starts a discovery endpoint for the tokens of a cluster, which nodes reach where the API server answers no strangers:
/// `http://HOST:9898` among the endpoints of `k8sboot_discover`. It keeps the connection to the cluster, whose identity
/// must be allowed to read cluster-info in `kube-public` and Secrets in `kube-system`.
///
/// `options` is NULL or a JSON object, all members optional: `address` (`0.0.0.0:9898`; port 0 takes a free one),
/// `connections` (how many are served at a time; 64) and `timeMs` (how long each may last; 5000).
///
/// # Safety
///
/// `cluster` is NULL or live; `options` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_discovery_server_new(
    cluster: *const k8sboot_cluster_t,
    options: *const c_char,
    out: *mut *mut k8sboot_discovery_server_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let options = optional_text(options, "options")?;
            needs!("api", {
                *out = give(imp::start(shared(cluster, "cluster")?, options)?);
                Ok(())
            })
        })
    }
}

/// Writes where a discovery endpoint listens to `out`, as `ADDRESS:PORT`.
///
/// # Safety
///
/// `server` is NULL or live; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_discovery_server_address(
    server: *const k8sboot_discovery_server_t,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            needs!("api", {
                *out = plain(read(server, "server")?.address().to_string());
                Ok(())
            })
        })
    }
}

/// Ends a discovery endpoint and its connections, and frees it. NULL is allowed.
///
/// # Safety
///
/// `server` is NULL or came from this library, and is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_discovery_server_free(server: *mut k8sboot_discovery_server_t) {
    // SAFETY: exactly the caller's promise.
    guard_void(|| unsafe { release(server) });
}

#[cfg(feature = "api")]
mod imp {
    use std::time::Duration;

    use k8sboot_core::{
        api::ClusterTokens,
        exec::{DiscoveryServer, ServeLimits},
    };
    use serde::Deserialize;

    use super::k8sboot_cluster_t;
    use crate::{error::Failure, json::optional_object};

    const ADDRESS: &str = "0.0.0.0:9898";

    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields, default)]
    struct Options {
        address: Option<String>,
        connections: Option<usize>,
        time_ms: Option<u64>,
    }

    pub(super) fn start(
        cluster: &k8sboot_cluster_t,
        options: Option<&str>,
    ) -> Result<DiscoveryServer, Failure> {
        let given: Options = optional_object(options, "options")?;
        let mut limits = ServeLimits::default();
        if let Some(connections) = given.connections {
            limits = limits.connections(connections);
        }
        if let Some(time) = given.time_ms {
            limits = limits.time(Duration::from_millis(time));
        }
        let address = given.address.as_deref().unwrap_or(ADDRESS);
        Ok(DiscoveryServer::start(address, ClusterTokens::new(cluster.client().clone()), limits)?)
    }
}
