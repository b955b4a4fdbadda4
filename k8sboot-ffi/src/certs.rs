//! Certificates of a tree that is there: when they end, and their renewal.

use std::ffi::c_char;

use crate::{
    config::k8sboot_config_t,
    error::{Failure, k8sboot_code_t, k8sboot_error_t},
    guard::{guard, needs},
    handle::{give, out, read},
    plan::k8sboot_plan_t,
    text::{k8sboot_buf_t, plain, text, texts},
};

/// Writes when the certificates below `root` end to `out`, as JSON: the object `CertificateExpirationInfo` of
/// `kubeadm certs check-expiration -o json` (`output.kubeadm.k8s.io/v1alpha3`).
///
/// `config` is the cluster's configuration; with NULL the certificates are looked for in kubeadm's default places.
///
/// # Safety
///
/// `root` is NULL or NUL-terminated; `config` is NULL or live; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_certs_expiration(
    root: *const c_char,
    config: *const k8sboot_config_t,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let root = text(root, "root")?;
            needs!("host", {
                *out = plain(match config.is_null() {
                    true => imp::expiration(root, None)?,
                    false => imp::expiration(root, Some(&*read(config, "config")?))?,
                });
                Ok(())
            })
        })
    }
}

/// Plans the renewal of certificates below `root` and writes the plan to `out`: a new key and certificate each, whatever
/// is left of the old term. Changes nothing; `k8sboot_plan_apply` carries it out.
///
/// `names` are `names_len` names of kubeadm (`apiserver`, `etcd-server`, `admin.conf`); `all` stands for every leaf and
/// kubeconfig but kubelet.conf, which the kubelet renews. `config` as for `k8sboot_certs_expiration`; without one, kinds
/// of keys and names are taken from the certificates themselves.
///
/// # Safety
///
/// `root` is NULL or NUL-terminated; `config` is NULL or live; `names` has `names_len` texts, each NULL or NUL-terminated;
/// `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_certs_renew(
    root: *const c_char,
    config: *const k8sboot_config_t,
    names: *const *const c_char,
    names_len: usize,
    out: *mut *mut k8sboot_plan_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let root = text(root, "root")?;
            let names = texts(names, names_len, "names")?;
            if names.is_empty() {
                return Err(Failure::misuse("names", "expected at least one name (all renews everything)"));
            }
            needs!("host", {
                *out = give(match config.is_null() {
                    true => imp::renewal(root, None, &names)?,
                    false => imp::renewal(root, Some(&*read(config, "config")?), &names)?,
                });
                Ok(())
            })
        })
    }
}

#[cfg(feature = "host")]
mod imp {
    use std::{net::Ipv4Addr, time::SystemTime};

    use k8sboot_core::{
        config::InitConfig,
        exec::Tree,
        facts::{Facts, NodeFacts},
        flow::{self, CertsScope, RenewChoice},
        probe,
        time::Timestamp,
    };

    use super::Failure;
    use crate::plan::{Origin, Planned};

    pub(super) fn expiration(root: &str, config: Option<&InitConfig>) -> Result<String, Failure> {
        let (_, report) =
            scoped(root, config, |scope, seen| Ok(flow::expiration(scope, seen)?.to_json().to_string()))?;
        Ok(report)
    }

    pub(super) fn renewal(
        root: &str,
        config: Option<&InitConfig>,
        names: &[&str],
    ) -> Result<Planned, Failure> {
        let choice = match names.contains(&"all") {
            true => RenewChoice::All,
            false => RenewChoice::Named(names.iter().map(ToString::to_string).collect()),
        };
        let (tree, (plan, seen)) = scoped(root, config, |scope, seen| {
            Ok((flow::plan_renewal(scope, &choice, seen)?, seen.clone()))
        })?;
        Ok(Planned { plan, seen, origin: Origin::Tree(tree) })
    }

    /// Looks at the tree and asks about what was seen.
    fn scoped<T>(
        root: &str,
        config: Option<&InitConfig>,
        ask: impl FnOnce(CertsScope<'_>, &Facts) -> Result<T, Failure>,
    ) -> Result<(Tree, T), Failure> {
        let tree = Tree::open(root)?;
        let default_places;
        let (config, authoritative) = match config {
            Some(config) => (config, true),
            None => {
                default_places = kubeadm_defaults()?;
                (&default_places, false)
            }
        };
        let scope = CertsScope { config, authoritative, now: Timestamp::from(SystemTime::now()) };
        let seen = probe::Host::new(tree.clone()).look(&flow::certs_wanted(config)?)?;
        Ok((tree, ask(scope, &seen)?))
    }

    /// kubeadm's default places; names and addresses do not matter for them.
    fn kubeadm_defaults() -> Result<InitConfig, Failure> {
        let builder = InitConfig::builder("stable-1").node_name("node");
        Ok(builder.advertise_address(Ipv4Addr::new(192, 0, 2, 1).into()).build(&NodeFacts::default())?)
    }
}
