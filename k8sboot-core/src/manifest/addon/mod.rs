//! The add-ons of a fresh cluster: CoreDNS and kube-proxy.
//!
//! Each add-on is a list of objects in kubeadm's order of creation, or one function per object. Both are left out of a
//! cluster whose configuration disables them (`dns.disabled`, `proxy.disabled`).

pub mod coredns;
pub mod kube_proxy;
mod kube_proxy_config;
