//! Addresses and node subnets in a real etcd, on free ports of the loopback address.

mod addresses;
mod race;
mod secure;
mod server;
mod subnets;
