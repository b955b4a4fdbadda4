//! Addresses: given, released, refused, restored; a module for each place that keeps them.
//!
//! `--plot FILE` draws what one allocation and release cost against how many addresses are held.

use std::process::ExitCode;

use k8sboot_benches::Bench;

#[path = "ipam/address_set.rs"]
mod address_set;
#[path = "ipam/calls.rs"]
mod calls;
#[path = "ipam/directory.rs"]
mod directory;
#[cfg(feature = "etcd")]
#[path = "ipam/etcd.rs"]
mod etcd;
#[path = "ipam/node_subnets.rs"]
mod node_subnets;
#[path = "ipam/pool.rs"]
mod pool;
#[path = "ipam/process.rs"]
mod process;
#[path = "ipam/state.rs"]
mod state;

fn main() -> ExitCode {
    Bench::new("ipam").run(|b| {
        b.plot("An address given and released: cost against fill", "addresses held");
        address_set::cases(b)?;
        pool::cases(b)?;
        #[cfg(feature = "etcd")]
        etcd::cases(b)?;
        node_subnets::cases(b)?;
        state::cases(b)?;
        directory::cases(b)?;
        process::cases(b);
        calls::cases(b)?;
        Ok(())
    })
}
