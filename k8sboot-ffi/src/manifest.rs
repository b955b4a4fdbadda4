//! What a configuration becomes: static pods, the kubelet's configuration, API objects, images. Pure: nothing is read
//! and nothing is written.

use std::ffi::c_char;

use crate::{
    config::k8sboot_config_t,
    error::{Failure, k8sboot_code_t, k8sboot_error_t},
    guard::{guard, needs},
    handle::{out, read},
    text::{k8sboot_buf_t, plain, secret_text, text},
};

/// Writes the static pod of a component to `out`, as YAML, byte for byte as kubeadm writes it, before patches.
///
/// `component` is `etcd` (unless etcd is external), `kube-apiserver`, `kube-controller-manager` or `kube-scheduler`.
///
/// # Safety
///
/// `config` is NULL or live; `component` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_manifest_static_pod(
    config: *const k8sboot_config_t,
    component: *const c_char,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let component = text(component, "component")?;
            needs!("config", {
                *out = plain(imp::static_pod(&*read(config, "config")?, component)?);
                Ok(())
            })
        })
    }
}

/// Writes the kubelet's `config.yaml` of this node to `out`, as YAML, before patches.
///
/// # Safety
///
/// `config` is NULL or live; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_manifest_kubelet_config(
    config: *const k8sboot_config_t,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            needs!("config", {
                *out = plain(imp::kubelet_config(&*read(config, "config")?)?);
                Ok(())
            })
        })
    }
}

/// Writes every object of a fresh cluster to `out`, as a stream of YAML documents in the order in which kubeadm creates
/// them, before patches. Bootstrap tokens are among them: the buffer is wiped when it is freed.
///
/// `ca_certificates` is the PEM text of the cluster's CA, which goes into cluster-info. `now` are the seconds since 1970
/// from which the lifetimes of bootstrap tokens count.
///
/// # Safety
///
/// `config` is NULL or live; `ca_certificates` is NULL or NUL-terminated; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_manifest_objects(
    config: *const k8sboot_config_t,
    ca_certificates: *const c_char,
    now: i64,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            let ca = text(ca_certificates, "ca_certificates")?;
            needs!("config", {
                needs!("crypto", {
                    *out = secret_text(imp::objects(&*read(config, "config")?, ca, now)?);
                    Ok(())
                })
            })
        })
    }
}

/// Writes the images that a control-plane node needs to `out`, as a JSON list in kubeadm's order.
///
/// # Safety
///
/// `config` is NULL or live; `out` and `err` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn k8sboot_manifest_images(
    config: *const k8sboot_config_t,
    out: *mut *mut k8sboot_buf_t,
    err: *mut *mut k8sboot_error_t,
) -> k8sboot_code_t {
    // SAFETY: exactly the caller's promise, written above.
    unsafe {
        guard(err, || {
            let out = self::out(out, "out")?;
            needs!("config", {
                let images = k8sboot_core::manifest::images(&*read(config, "config")?);
                *out = plain(serde_json::Value::from(images).to_string());
                Ok(())
            })
        })
    }
}

#[cfg(feature = "config")]
mod imp {
    use k8sboot_core::{
        config::InitConfig,
        manifest::{PatchSet, RenderOptions, kubelet, static_pods},
    };

    use super::Failure;

    pub(super) fn static_pod(config: &InitConfig, component: &str) -> Result<String, Failure> {
        let pods = static_pods(config, &RenderOptions::default())?;
        match pods.iter().find(|pod| pod.component == component) {
            Some(pod) => Ok(pod.object.to_yaml()),
            None => {
                let known: Vec<&str> = pods.iter().map(|pod| pod.component).collect();
                Err(Failure::choice("component", &known.join(", "), format!("{component:?}")))
            }
        }
    }

    pub(super) fn kubelet_config(config: &InitConfig) -> Result<String, Failure> {
        Ok(kubelet::node_config_yaml(config, &PatchSet::none())?)
    }

    #[cfg(feature = "crypto")]
    pub(super) fn objects(config: &InitConfig, ca: &str, now: i64) -> Result<String, Failure> {
        use k8sboot_core::{
            manifest::cluster::{self, ObjectInputs},
            time::Timestamp,
            token::CaPin,
        };

        // What is no certificate would go into cluster-info unseen.
        CaPin::of_certificate_pem(ca)?;
        let objects = cluster::objects(config, &ObjectInputs::new(ca, Timestamp::from_seconds(now)))?;
        let documents: Vec<String> = objects.iter().map(|staged| staged.object.to_yaml()).collect();
        Ok(documents.join("---\n"))
    }
}
