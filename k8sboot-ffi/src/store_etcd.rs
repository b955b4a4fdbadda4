//! The store that keeps leases in etcd.

use std::ffi::c_char;

use crate::{
    error::{k8sboot_code_t, k8sboot_error_t},
    guard::{guard, needs},
    ranges,
    store::{k8sboot_store_t, open, shared_out},
    text::text,
};

/// Opens the leases of a network in etcd (v3 API). `ranges` as for `k8sboot_pool_new`.
///
/// `options` is a JSON object: `endpoints` (list of `https://HOST:PORT`) and, as wanted, `tls` (`ca`, `certificate`, `key`
/// as PEM texts, `serverName`), `user` (`name`, `password`), `connectTimeoutMs` (2000), `requestTimeoutMs` (5000),
/// `prefix` (`/k8sboot/ipam`), `leaseSeconds` (records vanish so long after this store was last alive; left out, they
/// stay) and `leaseId`. Until it is freed the store keeps a thread that follows etcd.
///
/// # Safety
///
/// The texts are NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_store_etcd(
    network: *const c_char,
    ranges: *const c_char,
    options: *const c_char,
    out: *mut *const k8sboot_store_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = shared_out(out, "out")?;
            let network = text(network, "network")?;
            let ranges = ranges::parse(text(ranges, "ranges")?, "ranges")?;
            let options = text(options, "options")?;
            needs!("etcd", {
                let store = imp::open(network, ranges.clone(), options)?;
                *out = open(store, ranges);
                Ok(())
            })
        })
    }
}

#[cfg(feature = "etcd")]
mod imp {
    use std::time::Duration;

    use k8sboot_core::{
        ipam::Ranges,
        store::etcd::{EtcdClient, EtcdOptions, EtcdStore, EtcdStoreOptions, EtcdTls, StoreLease},
    };
    use serde::Deserialize;

    use crate::{error::Failure, json};

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Options {
        endpoints: Vec<String>,
        tls: Option<Tls>,
        user: Option<User>,
        connect_timeout_ms: Option<u64>,
        request_timeout_ms: Option<u64>,
        prefix: Option<String>,
        lease_seconds: Option<u64>,
        lease_id: Option<i64>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Tls {
        ca: String,
        certificate: Option<String>,
        key: Option<String>,
        server_name: Option<String>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct User {
        name: String,
        password: String,
    }

    pub(super) fn open(network: &str, ranges: Ranges, options: &str) -> Result<EtcdStore, Failure> {
        let given: Options = json::object(options, "options")?;
        let mut reach = EtcdOptions::new(given.endpoints);
        reach.connect_timeout = given.connect_timeout_ms.map_or(reach.connect_timeout, Duration::from_millis);
        reach.request_timeout = given.request_timeout_ms.map_or(reach.request_timeout, Duration::from_millis);
        if let Some(tls) = given.tls {
            reach = reach.tls(tls.options()?);
        }
        if let Some(user) = given.user {
            reach = reach.user(user.name, user.password.into());
        }
        let mut kept = EtcdStoreOptions::default();
        if let Some(prefix) = given.prefix {
            kept.prefix = prefix;
        }
        kept.lease = match (given.lease_seconds, given.lease_id) {
            (None, None) => None,
            (None, Some(_)) => {
                return Err(Failure::json("options", &"leaseId: expected leaseSeconds beside it"));
            }
            (Some(seconds), id) => {
                let lease = StoreLease::new(Duration::from_secs(seconds));
                Some(id.map_or(lease, |id| lease.id(id)))
            }
        };
        Ok(EtcdStore::open(&EtcdClient::connect(&reach)?, network, ranges, &kept)?)
    }

    impl Tls {
        fn options(self) -> Result<EtcdTls, Failure> {
            let mut tls = EtcdTls::new(self.ca);
            if let Some(name) = self.server_name {
                tls = tls.server_name(name);
            }
            match (self.certificate, self.key) {
                (Some(certificate), Some(key)) => Ok(tls.client(certificate, key.into())),
                (None, None) => Ok(tls),
                _ => Err(Failure::json("options", &"tls: expected certificate and key, found one of them")),
            }
        }
    }
}
