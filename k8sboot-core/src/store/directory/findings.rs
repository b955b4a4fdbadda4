//! What is not as it should be in host-local's directory, and what helps: read under the locks, nothing changed.

use std::{
    collections::{BTreeMap, btree_map},
    net::IpAddr,
};

use rustix::fs::FileType;

use super::{
    files::{Files, Seen},
    listing::{Entry, Listing},
    name::{LOCK, Named, file_name, is_marker},
    repair::{Defect, Finding, Remedy, RepairOptions},
};
use crate::{
    ipam::{Holder, Ranges},
    store::StoreError,
};

/// Looks at everything, in the order of names.
pub(super) fn find(
    files: &Files,
    listing: &Listing,
    ranges: &Ranges,
    options: &RepairOptions,
) -> Result<Vec<Finding>, StoreError> {
    let mut findings = Vec::new();
    for entry in listing.entries() {
        findings.extend(of_entry(entry, listing, ranges, options));
    }
    findings.extend(second_records(listing, ranges));
    for name in files.list(".")? {
        if name != LOCK
            && is_marker(&name)
            && let Some(seen) = files.look(&name)?
        {
            findings.extend(of_marker(&name, &seen, ranges));
        }
    }
    findings.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(findings)
}

fn of_entry(entry: &Entry, listing: &Listing, ranges: &Ranges, options: &RepairOptions) -> Option<Finding> {
    let finding = |defect, remedy| Some(finding(&entry.name, &entry.seen, defect, remedy));
    let Some(address) = entry.named.address() else {
        return finding(Defect::ForeignName, Remedy::Report);
    };
    if entry.seen.kind != FileType::RegularFile || entry.seen.failure.is_some() {
        return finding(Defect::NoFile, Remedy::Report);
    }
    if entry.nested {
        return finding(Defect::Nested, Remedy::Report);
    }
    let or_keep = |remedy| if options.live.contains(&address) { Remedy::Report } else { remedy };
    match Holder::parse(&entry.seen.content) {
        Holder::Empty => return finding(Defect::Empty, or_keep(Remedy::Remove)),
        Holder::Foreign { .. } => {
            let (defect, remedy) = of_content(&entry.seen.content);
            let remedy =
                if remedy == Remedy::Report && options.remove_foreign { Remedy::Remove } else { remedy };
            let remedy = if remedy == Remedy::Remove { or_keep(remedy) } else { remedy };
            return finding(defect, remedy);
        }
        Holder::Container { .. } if entry.seen.content.ends_with(b"\r\n") => {
            return finding(Defect::Torn, Remedy::Report);
        }
        Holder::Attachment { .. } | Holder::Container { .. } => {}
    }
    if matches!(entry.named, Named::OtherSpelling(_)) {
        let to = file_name(address).to_string();
        let other = listing.entries().iter().find(|other| other.name == to);
        return match other {
            None => finding(Defect::Spelling { canonical: to.clone() }, Remedy::Rename { to }),
            Some(other) if Holder::parse(&other.seen.content) == Holder::parse(&entry.seen.content) => {
                finding(Defect::SpeltTwice { canonical: to }, Remedy::Remove)
            }
            Some(_) => finding(Defect::TwoOwners { canonical: to }, Remedy::Report),
        };
    }
    if !ranges.sets().is_empty() && ranges.find(address).is_none() {
        return finding(Defect::OutsideRanges, Remedy::Report);
    }
    None
}

/// What can be made of content that names no owner.
fn of_content(content: &[u8]) -> (Defect, Remedy) {
    if content.iter().all(|byte| *byte == 0) {
        return (Defect::Torn, Remedy::Remove);
    }
    let text = std::str::from_utf8(content).unwrap_or_default().trim();
    if let Some((container, interface)) = text.split_once('\n') {
        let repaired = format!("{}\r\n{}", container.trim_end(), interface.trim_start());
        if matches!(Holder::parse(repaired.as_bytes()), Holder::Attachment { .. }) {
            return (Defect::LineEnd, Remedy::Rewrite { content: repaired });
        }
    }
    (Defect::ForeignContent, Remedy::Report)
}

/// Further records of an attachment in one range set, by address: one attachment holds one address of each.
fn second_records(listing: &Listing, ranges: &Ranges) -> Vec<Finding> {
    let regular = |entry: &&Entry| !entry.nested && entry.seen.kind == FileType::RegularFile;
    let held = |entry| match (Entry::address(entry)?, Holder::parse(&entry.seen.content)) {
        (address, holder @ Holder::Attachment { .. }) => Some((address, holder, entry)),
        _ => None,
    };
    let mut held: Vec<(IpAddr, Holder, &Entry)> =
        listing.entries().iter().filter(regular).filter_map(held).collect();
    held.sort_by_key(|(address, ..)| *address);
    let mut first: BTreeMap<(usize, Holder), &str> = BTreeMap::new();
    let mut findings = Vec::new();
    for (address, holder, entry) in held {
        let Some((set, _)) = ranges.find(address) else { continue };
        match first.entry((set, holder)) {
            btree_map::Entry::Occupied(other) => {
                let defect = Defect::SecondRecord { first: (*other.get()).to_owned(), set };
                findings.push(finding(&entry.name, &entry.seen, defect, Remedy::Report));
            }
            btree_map::Entry::Vacant(place) => drop(place.insert(&entry.name)),
        }
    }
    findings
}

impl Entry {
    /// The address that it holds: one in another spelling holds none.
    const fn address(&self) -> Option<IpAddr> {
        match self.named {
            Named::Address(address) => Some(address),
            _ => None,
        }
    }
}

fn of_marker(name: &str, seen: &Seen, ranges: &Ranges) -> Option<Finding> {
    let finding = |defect, remedy| Some(finding(name, seen, defect, remedy));
    if seen.kind != FileType::RegularFile || seen.failure.is_some() {
        return finding(Defect::NoFile, Remedy::Report);
    }
    // Without a number it is of host-local before 0.6.0, and nobody reads it now.
    let set: usize = name.rsplit_once('.')?.1.parse().ok()?;
    let text = std::str::from_utf8(&seen.content).unwrap_or_default();
    let Ok(address) = text.trim().parse::<IpAddr>() else {
        return finding(Defect::Marker { problem: "it holds no address" }, Remedy::Remove);
    };
    let canonical = file_name(address).to_string();
    if !ranges.sets().is_empty() {
        let Some(range_set) = ranges.sets().get(set) else {
            return finding(Defect::Marker { problem: "there is no such range set" }, Remedy::Report);
        };
        if range_set.range_of(address.to_canonical()).is_none() {
            return finding(
                Defect::Marker { problem: "its address is not in the range set" },
                Remedy::Remove,
            );
        }
    }
    if canonical != text {
        let problem = "its address has other text around it, or another spelling";
        return finding(Defect::Marker { problem }, Remedy::Rewrite { content: canonical });
    }
    None
}

fn finding(name: &str, seen: &Seen, defect: Defect, remedy: Remedy) -> Finding {
    Finding { name: name.to_owned(), defect, remedy, content: seen.content.clone(), version: seen.version() }
}
