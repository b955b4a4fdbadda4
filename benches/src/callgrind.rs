//! Instructions per run, counted by valgrind: steadier than time on a machine that others use too.

use std::{env, process::Command};

use crate::measure::as_f64;

/// Instructions of one run of a case, once it is warm.
///
/// The bench runs itself under callgrind with one run of the case and again with some more; the difference is the runs'
/// own, without start and set-up. `None` with a loud word if that cannot be.
pub(crate) fn instructions(case: &str, nanoseconds_per_run: f64) -> Option<f64> {
    // Some milliseconds' worth: enough to drown the noise of start-up, and valgrind is about fifty times slower.
    let more = [1_u64, 10, 100, 1_000].into_iter().rev();
    let more = more.clone().find(|n| as_f64(*n) * nanoseconds_per_run < 2e7).unwrap_or(1);
    match (total(case, 1), total(case, 1 + more)) {
        (Ok(one), Ok(many)) => Some(as_f64(many.saturating_sub(one)) / as_f64(more)),
        (Err(why), _) | (_, Err(why)) => {
            crate::report::warn(&format!("skipped: {case}: counting instructions: {why}"));
            None
        }
    }
}

fn total(case: &str, times: u64) -> Result<u64, String> {
    let own = env::current_exe().map_err(|error| format!("own program: {error}"))?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(own)
        .args(["--repeat", &times.to_string(), case])
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("valgrind: {}: {}", output.status, said.lines().last().unwrap_or_default()));
    }
    collected(&said).ok_or_else(|| "valgrind: expected a line `Collected : N`, found none".to_owned())
}

fn collected(said: &str) -> Option<u64> {
    let line = said.lines().find_map(|line| line.split_once("Collected :"))?;
    line.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_number_in_what_callgrind_says() {
        let said = "==1== Callgrind, a call-graph generating cache profiler\n==1== \n==1== Events    : Ir\n\
                    ==1== Collected : 1264372\n==1== \n==1== I   refs:      1,264,372\n";
        assert_eq!(collected(said), Some(1_264_372));
        assert_eq!(collected("valgrind: command not found"), None);
    }
}
