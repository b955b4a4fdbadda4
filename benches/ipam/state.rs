//! A pool saved and restored.

use k8sboot_benches::{Cases, Failure, ms};
use k8sboot_core::ipam::{Pool, PoolState};

use crate::pool::filled;

/// Every case of states.
pub(crate) fn cases(b: &mut Cases) -> Result<(), Failure> {
    let held = if b.measures() { 60_000 } else { 100 };
    let pool = filled(&["10.244.0.0/16"], held)?;
    let state = pool.state();
    let json = state.to_json();
    b.case("state/60000/save").run(|| Ok(pool.state()));
    b.case("state/60000/restore").at_most(ms(30)).run(|| Ok(Pool::restore(&state)?));
    b.case("state/60000/to-json").run(|| Ok(state.to_json()));
    b.case("state/60000/from-json").run(|| Ok(PoolState::from_json(json.as_bytes())?));
    b.case("state/60000/list").run(|| Ok(pool.held().count()));
    Ok(())
}
