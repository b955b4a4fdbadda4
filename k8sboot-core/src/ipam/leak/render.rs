//! Reports as text and JSON.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::{
    evidence::Testimony,
    policy::Runtimes,
    report::{LeakReport, Reason, Verdict},
};
use crate::ipam::{Boot, Holder};

/// Version of the JSON form. Consumers must ignore members they do not know.
pub const LEAK_SCHEMA: &str = "k8sboot.leaks/v1";

impl LeakReport {
    /// The report as JSON.
    ///
    /// Members: `schema`; `policy` (`graceSeconds`, `runtimes`); `witnesses` (`name`, `kind`, what it saw, `failures`,
    /// `notes`); `summary` (a count for each state; `free` stops at 2^64 - 1); `addresses` (a verdict each: `name`,
    /// `address`, `state`, `free`, `owner`, `boot`, `ageSeconds`, `reasons`, `storedResult`); `free` (runs: `set`,
    /// `first`, `last`); `unrecorded` (`address`, `place`); `toFree` (names).
    #[must_use]
    pub fn to_json(&self) -> Value {
        let summary: Map<String, Value> = self
            .tally()
            .into_iter()
            .map(|tally| {
                (tally.state.name().to_owned(), json!(u64::try_from(tally.count).unwrap_or(u64::MAX)))
            })
            .collect();
        json!({
            "schema": LEAK_SCHEMA,
            "policy": {
                "graceSeconds": self.policy.grace.as_secs(),
                "runtimes": match self.policy.runtimes { Runtimes::Some => "some", Runtimes::All => "all" },
            },
            "witnesses": self.testimonies.iter().map(witness).collect::<Vec<_>>(),
            "summary": summary,
            "addresses": self.verdicts.iter().map(Verdict::to_json).collect::<Vec<_>>(),
            "free": self.free.iter().map(|run| json!({
                "set": run.set, "first": run.first.to_string(), "last": run.last.to_string(),
            })).collect::<Vec<_>>(),
            "unrecorded": self.unrecorded.iter().map(|seen| json!({
                "address": seen.address.to_string(), "place": seen.place,
            })).collect::<Vec<_>>(),
            "toFree": self.to_free().map(|record| &record.name).collect::<Vec<_>>(),
        })
    }

    /// The report as text: a line a record, then a line a run of free addresses, the witnesses and a summary.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for verdict in &self.verdicts {
            let why = verdict.reasons.iter().map(Reason::to_text).collect::<Vec<_>>().join("; ");
            let state = verdict.state.name();
            let _ = writeln!(
                out,
                "{:<15} {state:<7} {} ({why})",
                verdict.record.name,
                owner(&verdict.record.holder)
            );
        }
        for run in &self.free {
            let _ = writeln!(out, "{} to {}: free", run.first, run.last);
        }
        for seen in &self.unrecorded {
            let _ = writeln!(out, "{}: configured on {}, but no record holds it", seen.address, seen.place);
        }
        for testimony in &self.testimonies {
            let _ = writeln!(out, "{}: {}", testimony.witness, sights(testimony));
        }
        let parts: Vec<String> = self
            .tally()
            .iter()
            .filter(|tally| tally.count > 0)
            .map(|tally| format!("{} {}", tally.count, tally.state.name()))
            .collect();
        let _ = writeln!(out, "{}; {} to free", parts.join(", "), self.to_free().count());
        out
    }
}

impl Verdict {
    fn to_json(&self) -> Value {
        let mut map = Map::new();
        map.insert("name".into(), json!(self.record.name));
        map.insert("address".into(), json!(self.record.address.map(|address| address.to_string())));
        map.insert("state".into(), json!(self.state.name()));
        map.insert("free".into(), json!(self.free));
        map.insert("owner".into(), owner_json(&self.record.holder));
        let boot = match self.record.boot {
            Boot::This => "this",
            Boot::Earlier => "earlier",
            Boot::Unknown => "unknown",
        };
        map.insert("boot".into(), json!(boot));
        map.insert("ageSeconds".into(), json!(self.record.age.map(|age| age.as_secs())));
        let reasons: Vec<Value> = self
            .reasons
            .iter()
            .map(|r| json!({ "rule": r.rule.name(), "witness": r.witness, "text": r.text }))
            .collect();
        map.insert("reasons".into(), Value::Array(reasons));
        map.insert("storedResult".into(), json!(self.stored_result));
        Value::Object(map)
    }
}

impl Reason {
    fn to_text(&self) -> String {
        if self.witness.is_empty() { self.text.clone() } else { format!("{}: {}", self.witness, self.text) }
    }
}

fn witness(testimony: &Testimony) -> Value {
    json!({
        "name": testimony.witness,
        "kind": testimony.kind.name(),
        "containers": testimony.containers.len(),
        "addresses": testimony.addresses.len(),
        "results": testimony.results.len(),
        "inFlight": testimony.in_flight.len(),
        "knownEmpty": testimony.known_empty,
        "failures": testimony.failures.iter().map(|failure| json!({
            "code": failure.code.number(), "name": failure.code.name(), "message": failure.message,
        })).collect::<Vec<_>>(),
        "notes": testimony.notes,
    })
}

fn sights(testimony: &Testimony) -> String {
    let mut parts = Vec::new();
    for (count, what) in [
        (testimony.containers.len(), "containers"),
        (testimony.addresses.len(), "addresses"),
        (testimony.results.len(), "stored results"),
        (testimony.in_flight.len(), "running ADDs"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    parts.extend(testimony.failures.iter().map(|failure| format!("failed: {}", failure.message)));
    parts.extend(testimony.notes.iter().cloned());
    if parts.is_empty() { "nothing".to_owned() } else { parts.join("; ") }
}

fn owner(holder: &Holder) -> String {
    match holder {
        Holder::Attachment { container, interface } => format!("{container}/{interface}"),
        Holder::Container { container } => container.clone(),
        Holder::Empty => "(empty)".to_owned(),
        Holder::Foreign { found } => format!("{found:?}"),
    }
}

fn owner_json(holder: &Holder) -> Value {
    match holder {
        Holder::Attachment { container, interface } => {
            json!({ "kind": "attachment", "container": container, "interface": interface })
        }
        Holder::Container { container } => json!({ "kind": "container", "container": container }),
        Holder::Empty => json!({ "kind": "empty" }),
        Holder::Foreign { found } => json!({ "kind": "foreign", "found": found }),
    }
}
