//! The pool in memory, with its index of owners.

use std::{net::IpAddr, time::Duration};

use k8sboot_benches::{Cases, Failure};
use k8sboot_core::ipam::{Allocation, IpamError, Owner, Pool, PoolOptions, Ranges, Repeat, Request};

/// What one allocation and release with the check for duplicates may cost.
const TARGET: Duration = Duration::from_nanos(200);
/// What a refusal may cost.
const REFUSAL: Duration = Duration::from_micros(1);
/// As many owners as the targets speak of.
const OWNERS: u32 = 60_000;

/// Every case of the pool.
pub(crate) fn cases(b: &mut Cases) -> Result<(), Failure> {
    let most = if b.measures() { OWNERS } else { 100 };
    for (name, subnets, size) in [
        ("24", &["10.244.1.0/24"][..], 253),
        ("16", &["10.244.0.0/16"], 65_533),
        ("8", &["10.0.0.0/8"], u32::MAX),
        ("64", &["fd00:10:244:1::/64"], u32::MAX),
        ("dual-stack", &["10.244.0.0/16", "fd00:10:244:1::/64"], 65_533),
    ] {
        let half = (size / 2).min(most / 2);
        let one_free = if size < u32::MAX && b.measures() { size - 1 } else { most };
        for (fill, held) in [("empty", 0), ("half", half), ("one-free", one_free)] {
            // Of a range that cannot be filled so many are held in a row, with one hole.
            let fill = if fill == "one-free" && size == u32::MAX { "60000-held" } else { fill };
            give_and_release(b, &format!("pool/{name}/{fill}"), &mut filled(subnets, held)?, held)?;
        }
    }
    refusals(b)
}

fn give_and_release(b: &mut Cases, name: &str, pool: &mut Pool, held: u32) -> Result<(), Failure> {
    let (id, mut out) = (container(u32::MAX), Allocation::new());
    let owner = Owner::new(&id, "eth0")?;
    let series = name.rsplit_once('/').map_or(name, |(series, _)| series).replace("pool/", "pool /");
    // The target is that of one address.
    let case = if pool.ranges().sets().len() == 1 { b.case(name).at_most(TARGET) } else { b.case(name) };
    case.point(series, f64::from(held)).run(|| {
        pool.allocate(&Request::new(owner).repeat(Repeat::Refuse), &mut out)?;
        pool.release_each(owner, |_| {});
        Ok(())
    });
    Ok(())
}

/// What cannot be served: a full range set, a duplicate.
fn refusals(b: &mut Cases) -> Result<(), Failure> {
    let (subnet, size) = if b.measures() { ("10.244.0.0/16", 65_533) } else { ("10.244.0.0/24", 253) };
    let mut pool = filled(&[subnet], size)?;
    let (new, known, mut out) = (container(u32::MAX), container(7), Allocation::new());
    let (new, known) = (Owner::new(&new, "eth0")?, Owner::new(&known, "eth0")?);
    b.case("pool/refusal/full-16").at_most(REFUSAL).run(|| {
        match pool.allocate(&Request::new(new), &mut out) {
            Err(IpamError::Exhausted { .. }) => Ok(()),
            other => Err(format!("expected a full range set, found {other:?}").into()),
        }
    });
    let again = Request::new(known).repeat(Repeat::Refuse);
    b.case("pool/refusal/duplicate").at_most(REFUSAL).run(|| match pool.allocate(&again, &mut out) {
        Err(IpamError::Duplicate { .. }) => Ok(()),
        other => Err(format!("expected a duplicate, found {other:?}").into()),
    });
    let again = Request::new(known);
    b.case("pool/repeat").at_most(TARGET).run(|| Ok(pool.allocate(&again, &mut out)?));
    let address: IpAddr = "10.244.0.9".parse()?;
    b.case("pool/owner-of").at_most(TARGET).run(|| Ok(pool.owner_of(address).is_some()));
    Ok(())
}

/// A pool with so many owners, from the first address on; if any is held, the next to be given is a hole in the middle.
pub(crate) fn filled(subnets: &[&str], held: u32) -> Result<Pool, Failure> {
    let subnets: Vec<_> = subnets.iter().map(|subnet| subnet.parse()).collect::<Result<_, _>>()?;
    let mut pool = Pool::new(Ranges::of_subnets(&subnets)?, PoolOptions::default());
    let mut out = Allocation::new();
    let full = pool.usage(0).is_some_and(|usage| usage.size == u128::from(held));
    for n in 0..if held == 0 || full { held } else { held + 1 } {
        pool.allocate(&Request::new(Owner::new(&container(n), "eth0")?), &mut out)?;
    }
    if held > 0 && !full {
        let hole = container(held / 2);
        let freed = pool.release(Owner::new(&hole, "eth0")?);
        for (set, address) in freed.into_iter().enumerate() {
            pool.set_last_given(set, Some(address));
        }
    }
    Ok(pool)
}

/// A container ID as runtimes make them.
pub(crate) fn container(n: u32) -> String {
    let scattered = u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{scattered:016x}{:016x}{n:032x}", !scattered)
}
