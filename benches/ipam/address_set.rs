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
        let size = if b.measures() { set.size() } else { 252 };
        // Half of it taken at random; or so many in a row that no word near has a free bit, and one hole.
        let (half, all_but_one) = match size {
            many if many > 1 << 32 => (TAKEN_OF_MANY / 2, TAKEN_OF_MANY),
            few => (few / 2, few - 1),
        };
        let fills = [
            ("empty", 0, false),
            ("half", half, false),
            ("two-free", all_but_one - 1, true),
            ("one-free", all_but_one, true),
        ];
        for (fill, taken, hole) in fills {
            let mut set = AddressSet::new(set);
            fill_up(&mut set, taken, hole)?;
            let case = b.case(format!("set/{name}/{fill}")).at_most(TARGET);
            let case = case.point(format!("set /{name}"), as_f64(set.taken()));
            // Of a range that cannot be filled the hole is the lowest free address.
            if hole && size > 1 << 32 {
                case.run(|| {
                    let given = set.take_lowest().ok_or("nothing is free")?;
                    Ok(set.give(given))
                });
                continue;
            }
            case.run(|| {
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
