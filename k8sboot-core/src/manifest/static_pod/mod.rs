//! The static pods of the control plane, as kubeadm writes them into /etc/kubernetes/manifests.
//!
//! Source of the rules: kubeadm 1.36, static pod manifests; what older and newer releases write differently stands in
//! [`versions`](super::versions).

mod apiserver;
mod args;
mod controller_manager;
mod env;
mod etcd;
mod on_disk;
mod pod;
mod probes;
mod render;
mod scheduler;
mod volumes;

pub(super) use args::{flags, join};
pub use on_disk::{ServedAt, StaticPodFile};
pub use render::{RenderOptions, StaticPod, static_pods};
