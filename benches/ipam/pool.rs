//! The pool in memory, with its index of owners.

use k8sboot_benches::{Cases, Failure};
use k8sboot_core::ipam::{Allocation, Owner, Pool, PoolOptions, Ranges, Request};

/// Every case of the pool.
pub(crate) fn cases(b: &mut Cases) -> Result<(), Failure> {
    for held in [0, 126, 252] {
        let mut pool = filled("10.244.1.0/24", held)?;
        let (owner, mut out) = (Owner::new("one-more", "eth0")?, Allocation::new());
        b.case(format!("pool/24/{held}-held")).point("pool /24", f64::from(held)).run(|| {
            pool.allocate(&Request::new(owner), &mut out)?;
            pool.release_each(owner, |_| {});
            Ok(())
        });
    }
    Ok(())
}

/// A pool with so many owners.
fn filled(subnet: &str, held: u32) -> Result<Pool, Failure> {
    let mut pool = Pool::new(Ranges::of_subnets(&[subnet.parse()?])?, PoolOptions::default());
    let mut out = Allocation::new();
    for n in 0..held {
        pool.allocate(&Request::new(Owner::new(&format!("{n:064x}"), "eth0")?), &mut out)?;
    }
    Ok(pool)
}
