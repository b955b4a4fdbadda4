//! The rules that values must keep, beside having the right type.
//!
//! Every rule reports and goes on. Most are kubeadm's; what it overlooks and the cluster then stumbles over is refused too.

mod cluster;
mod etcd;
mod network;
mod node;
mod report;
mod text;

pub(super) use cluster::cluster;
pub(super) use network::network;
pub(super) use node::{
    advertise_address, bind_port, bootstrap_tokens, certificate_key, node_registration, preflight_errors,
    socket, timeouts,
};
pub(super) use report::Report;
pub(super) use text::absolute;
pub(crate) use text::host_port;
