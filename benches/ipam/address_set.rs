//! The addresses of a range set alone, without owners.

use std::time::Duration;

use k8sboot_benches::{Cases, Failure};
use k8sboot_core::ipam::{AddressSet, Ranges};

/// What one allocation and release may cost at any fill.
const TARGET: Duration = Duration::from_nanos(15);
/// What is taken of a range that cannot be filled.
const TAKEN_OF_MANY: u128 = 1_000_000;

/// Every case of the set.
pub(crate) fn cases(b: &mut Cases) -> Result<(), Failure> {
    for (name, subnet) in
        [("24", "10.244.1.0/24"), ("16", "10.244.0.0/16"), ("8", "10.0.0.0/8"), ("64", "fd00:10:244:1::/64")]
    {
        let ranges = Ranges::of_subnets(&[subnet.parse()?])?;
        let set = ranges.sets().first().ok_or("one set")?;
        let size = set.size().min(if b.measures() { u128::MAX } else { 1_000 });
        // Half of it taken at random; or so many in a row that no word near has a free bit, and one hole.
        let (half, all_but_one) = match size {
            many if many > 1 << 32 => (TAKEN_OF_MANY / 2, TAKEN_OF_MANY),
            few => (few / 2, few - 1),
        };
        for (fill, taken, hole) in
            [("empty", 0, false), ("half", half, false), ("one-free", all_but_one, true)]
        {
            let mut set = AddressSet::new(set);
            fill_up(&mut set, taken, hole)?;
            let case = b.case(format!("set/{name}/{fill}")).at_most(TARGET);
            case.point(format!("set /{name}"), as_f64(set.taken())).run(|| {
                let given = set.take_next().ok_or("nothing is free")?;
                Ok(set.give(given))
            });
        }
    }
    Ok(())
}

/// Takes so many addresses: every second one, or all from the first on with a hole in the middle.
fn fill_up(set: &mut AddressSet, taken: u128, hole: bool) -> Result<(), Failure> {
    let mut middle = None;
    for n in 0..if hole { taken + 1 } else { taken * 2 } {
        let address = set.take_next().ok_or("nothing is free")?;
        if (hole && n == taken / 2) || (!hole && n % 2 == 1) {
            middle = Some(address);
        }
        if let Some(back) = middle.take_if(|_| !hole) {
            set.give(back);
        }
    }
    if let Some(back) = middle {
        set.give(back);
    }
    Ok(())
}

/// Counts of addresses are far below 2⁵³ here.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2⁵³")]
const fn as_f64(count: u128) -> f64 {
    count as f64
}
