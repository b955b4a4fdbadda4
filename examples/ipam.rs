//! The example of README.md: an address for a container, from a directory that host-local may use at the same time.
//!
//! `cargo run --example ipam`

use std::error::Error;

#[allow(clippy::print_stdout, reason = "a program for the terminal")]
fn main() -> Result<(), Box<dyn Error>> {
    use k8sboot_core::ipam::{Allocation, Owner, Ranges, Request};
    use k8sboot_core::store::{DirectoryOptions, DirectoryStore, Store};

    let ranges = Ranges::of_subnets(&["10.244.1.0/24".parse()?])?;
    let store = DirectoryStore::open("networks", "cbr0", ranges, DirectoryOptions::new())?;
    let owner = Owner::new("3f2a", "eth0")?;
    let mut given = Allocation::new();
    store.allocate(&Request::new(owner), &mut given)?; // again it would give the same
    for one in given.iter() {
        println!("{}/{} gateway {}", one.address, one.prefix, one.gateway);
    }
    store.release(owner, &mut Vec::new())?;
    Ok(())
}
