//! YAML as Kubernetes' Go programs print and read it.
//!
//! kubeadm writes files with `sigs.k8s.io/yaml`, which is JSON turned into YAML 1.1 by go-yaml v2. [`to_yaml`] prints
//! the same bytes. That matters beyond looks: kubeadm hashes the printed component configurations
//! (`kubeadm.kubernetes.io/component-config.hash`) to find out whether somebody edited them, and a general YAML printer
//! quotes, folds and sorts differently.

mod emit;
mod number;
mod order;
mod read;
mod resolve;
mod scalar;

pub use emit::to_yaml;
pub use read::parse_all;
