//! The kubelet's files below /var/lib/kubelet: config.yaml, instance-config.yaml, kubeadm-flags.env.
//!
//! Source of the rules: kubeadm 1.36, kubelet component config and kubelet-start phase;
//! KubeletConfiguration (v1beta1), <https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/>.

mod files;
mod settings;

pub use files::{
    NodeFlags, flags_env, has_instance_config, instance_config_yaml, instance_yaml, node_config_yaml,
    node_yaml,
};
pub use settings::{ClusterSettings, complete, config, differing, warnings};
