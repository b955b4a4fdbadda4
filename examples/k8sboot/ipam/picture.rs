//! The pool as cells: which addresses a picture shows, and in which state they are.

use std::{collections::BTreeMap, net::IpAddr};

use k8sboot_core::{
    cidr::{Cidr, Family},
    ipam::{
        Holder, Range, Ranges, Record,
        leak::{LeakReport, State, Verdict},
    },
};

/// What is in a cell; later ones are shown before earlier ones where a cell stands for several addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Never given: the gateway, the network's own addresses, what lies outside of the range.
    Reserved,
    Free,
    Live,
    Young,
    Unknown,
    Foreign,
    /// Configured somewhere, and no record holds it.
    Unrecorded,
    Broken,
    Leaked,
}

impl Kind {
    pub(super) const ALL: [Self; 9] = [
        Self::Live,
        Self::Young,
        Self::Leaked,
        Self::Broken,
        Self::Foreign,
        Self::Unrecorded,
        Self::Unknown,
        Self::Free,
        Self::Reserved,
    ];

    fn of(state: State) -> Self {
        match state {
            State::Free => Self::Free,
            State::Live => Self::Live,
            State::Young => Self::Young,
            State::Leaked => Self::Leaked,
            State::Broken => Self::Broken,
            State::Foreign => Self::Foreign,
            _ => Self::Unknown,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Free => "free",
            Self::Live => "live",
            Self::Young => "young",
            Self::Unknown => "held",
            Self::Foreign => "foreign",
            Self::Unrecorded => "unrecorded",
            Self::Broken => "broken",
            Self::Leaked => "leaked",
        }
    }

    /// For the legend.
    pub(super) const fn meaning(self) -> &'static str {
        match self {
            Self::Reserved => "gateway, or never given",
            Self::Free => "nobody holds it",
            Self::Live => "a witness keeps it",
            Self::Young => "its ADD is or may be running",
            Self::Unknown => "not known whether alive",
            Self::Foreign => "held by no CNI owner",
            Self::Unrecorded => "in use without a record",
            Self::Broken => "empty record",
            Self::Leaked => "no witness keeps it",
        }
    }

    pub(super) const fn letter(self) -> char {
        match self {
            Self::Reserved => '-',
            Self::Free => '.',
            Self::Live => 'L',
            Self::Young => 'Y',
            Self::Unknown => 'H',
            Self::Foreign => 'F',
            Self::Unrecorded => 'U',
            Self::Broken => 'B',
            Self::Leaked => 'X',
        }
    }
}

/// Some addresses in a row.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) first: IpAddr,
    pub(super) last: IpAddr,
    /// How many of its addresses are of each kind; none is 0.
    pub(super) counts: BTreeMap<Kind, u128>,
    /// Of a cell of one address: who holds it, and why it is what it is.
    pub(super) detail: String,
}

impl Cell {
    /// The kind that is shown.
    pub(super) fn kind(&self) -> Kind {
        self.counts.keys().next_back().copied().unwrap_or(Kind::Free)
    }
}

/// The addresses of one subnet, or of the part of it that holds something.
#[derive(Clone, Debug)]
pub(super) struct Strip {
    pub(super) subnet: Cidr,
    /// What is drawn; shorter than the subnet where that is huge.
    pub(super) shown: Cidr,
    /// How many addresses a cell stands for.
    pub(super) per_cell: u128,
    pub(super) cells: Vec<Cell>,
}

/// What is drawn.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    pub(super) title: String,
    pub(super) strips: Vec<Strip>,
    /// How many addresses are of each kind; records that are in no strip count as well.
    pub(super) counts: BTreeMap<Kind, u128>,
    /// Entries that are in no strip, with what they are.
    pub(super) outside: Vec<(String, Kind)>,
    /// Whether the subnets were guessed from the records.
    pub(super) guessed: bool,
}

/// A subnet of more addresses than this is drawn around what it holds.
const WHOLE: u128 = 1 << 20;

impl Picture {
    /// Draws the ranges with at most so many cells each.
    pub(super) fn new(
        title: &str,
        ranges: &Ranges,
        guessed: bool,
        report: &LeakReport,
        most_cells: u128,
    ) -> Self {
        let mut strips = Vec::new();
        let mut counts: BTreeMap<Kind, u128> = BTreeMap::new();
        let mut seen: Vec<IpAddr> = Vec::new();
        for range in ranges.sets().iter().flat_map(|set| set.ranges()) {
            let all = range.subnet();
            let inside = |address: &IpAddr| all.contains(*address);
            let marks: Vec<(IpAddr, Kind, String)> = report
                .verdicts
                .iter()
                .filter_map(|verdict| {
                    let address = verdict.record.address.filter(inside)?;
                    Some((address, Kind::of(verdict.state), detail(verdict)))
                })
                .chain(report.unrecorded.iter().filter(|seen| inside(&seen.address)).map(|seen| {
                    let detail = format!("configured on {}, and no record holds it", seen.place);
                    (seen.address, Kind::Unrecorded, detail)
                }))
                .collect();
            seen.extend(marks.iter().map(|(address, ..)| *address));
            for (_, kind, _) in &marks {
                *counts.entry(*kind).or_default() += 1;
            }
            let shown = if all.size() > WHOLE {
                let held = marks.iter().map(|(address, ..)| *address).chain([range.start()]);
                around(all, held)
            } else {
                all.clone()
            };
            let per_cell = shown.size().div_ceil(most_cells.max(1)).next_power_of_two();
            let mut strip = Strip { subnet: all.clone(), shown, per_cell, cells: Vec::new() };
            strip.fill(&marks, range);
            strip.name_gateway(range.gateway());
            strips.push(strip);
        }
        for run in &report.free {
            *counts.entry(Kind::Free).or_default() += run.count();
        }
        let unrecorded = counts.get(&Kind::Unrecorded).copied().unwrap_or_default();
        if let Some(free) = counts.get_mut(&Kind::Free) {
            *free = free.saturating_sub(unrecorded);
        }
        seen.sort_unstable();
        let outside: Vec<(String, Kind)> = report
            .verdicts
            .iter()
            .filter(|verdict| {
                verdict.record.address.is_none_or(|address| seen.binary_search(&address).is_err())
            })
            .map(|verdict| (verdict.record.name.clone(), Kind::of(verdict.state)))
            .collect();
        for (_, kind) in &outside {
            *counts.entry(*kind).or_default() += 1;
        }
        Self { title: title.to_owned(), strips, counts, outside, guessed }
    }

    /// How many addresses a cell stands for, where it is more than one.
    pub(super) fn aggregates(&self) -> bool {
        self.strips.iter().any(|strip| strip.per_cell > 1)
    }
}

impl Strip {
    fn fill(&mut self, marks: &[(IpAddr, Kind, String)], range: &Range) {
        let mut marks = {
            let mut sorted: Vec<&(IpAddr, Kind, String)> = marks.iter().collect();
            sorted.sort_by_key(|mark| mark.0);
            sorted.into_iter().peekable()
        };
        let mut at = 0;
        while let Some(first) = self.shown.nth(at) {
            let last = self.shown.nth(at + (self.per_cell - 1)).unwrap_or_else(|| self.shown.last());
            let mut cell = Cell { first, last, counts: BTreeMap::new(), detail: String::new() };
            let (mut marked, mut marked_given) = (0_u128, 0_u128);
            while let Some((address, kind, detail)) = marks.next_if(|mark| mark.0 <= last) {
                if *address < first {
                    continue;
                }
                marked += 1;
                marked_given += u128::from(is_given(range, *address));
                *cell.counts.entry(*kind).or_default() += 1;
                cell.detail.clone_from(detail);
            }
            let size = number(last) - number(first) + 1;
            let free = given_between(range, first, last).saturating_sub(marked_given);
            for (kind, count) in [(Kind::Free, free), (Kind::Reserved, size - free - marked)] {
                if count > 0 {
                    *cell.counts.entry(kind).or_default() += count;
                }
            }
            if size > 1 {
                cell.detail.clear();
            }
            self.cells.push(cell);
            at += self.per_cell;
        }
    }

    fn name_gateway(&mut self, gateway: IpAddr) {
        if self.per_cell == 1
            && let Some(cell) = self.cells.iter_mut().find(|cell| cell.first == gateway)
            && cell.detail.is_empty()
        {
            cell.detail = "the gateway".to_owned();
        }
    }
}

fn is_given(range: &Range, address: IpAddr) -> bool {
    range.contains(address) && address != range.gateway()
}

/// How many addresses of a range, its gateway left out, are between two addresses.
fn given_between(range: &Range, first: IpAddr, last: IpAddr) -> u128 {
    let (from, to) = (number(first.max(range.start())), number(last.min(range.end())));
    let gateway = (first..=last).contains(&range.gateway()) && range.contains(range.gateway());
    (to + 1).saturating_sub(from).saturating_sub(gateway.into())
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u32::from(v4).into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

/// The smallest block of a subnet with all of the addresses, of 256 addresses or more.
fn around(subnet: &Cidr, addresses: impl Iterator<Item = IpAddr>) -> Cidr {
    let addresses: Vec<IpAddr> = addresses.collect();
    let longest = subnet.family().bits() - 8;
    let fits = |length: u8| {
        let block = block(*addresses.first()?, length)?;
        addresses.iter().all(|address| block.contains(*address)).then_some(block)
    };
    (subnet.length()..=longest).rev().find_map(fits).unwrap_or_else(|| subnet.clone())
}

/// The subnet of a length that contains an address.
fn block(address: IpAddr, length: u8) -> Option<Cidr> {
    let any: Cidr = format!("{address}/{length}").parse().ok()?;
    format!("{}/{length}", any.first()).parse().ok()
}

/// The subnets that records lie in: blocks of 256 addresses, larger ones if there were more than eight.
pub(super) fn guess(records: &[Record]) -> Vec<Cidr> {
    let mut found = Vec::new();
    for family in [Family::V4, Family::V6] {
        let mut addresses: Vec<IpAddr> = records
            .iter()
            .filter_map(|record| record.address)
            .filter(|address| Family::of(address) == family)
            .collect();
        addresses.sort_unstable();
        for length in (0..=family.bits() - 8).rev() {
            let mut blocks: Vec<Cidr> = addresses.iter().filter_map(|a| block(*a, length)).collect();
            blocks.dedup();
            if blocks.len() <= 8 {
                found.extend(blocks);
                break;
            }
        }
    }
    found
}

fn detail(verdict: &Verdict) -> String {
    let owner = match &verdict.record.holder {
        Holder::Attachment { container, interface } => format!("{container}/{interface}"),
        Holder::Container { container } => container.clone(),
        Holder::Foreign { found } => format!("{found:?}"),
        _ => "nobody".to_owned(),
    };
    let why: Vec<&str> = verdict.reasons.iter().map(|reason| reason.text.as_str()).collect();
    if why.is_empty() { owner } else { format!("{owner}: {}", why.join("; ")) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use k8sboot_core::ipam::leak::{Policy, judge};

    use super::*;

    fn records(names: &[&str]) -> Vec<Record> {
        names.iter().map(|n| Record::new(*n, n.parse().ok(), Holder::parse(b"3f2a\r\neth0"))).collect()
    }

    fn picture(subnet: &str, names: &[&str], most: u128) -> Picture {
        let ranges = Ranges::of_subnets(&[subnet.parse().unwrap()]).unwrap();
        let report = judge(&records(names), &[], &Policy::default(), &ranges);
        Picture::new("test", &ranges, false, &report, most)
    }

    #[test]
    fn one_cell_an_address_with_what_is_never_given() {
        let picture = picture("10.0.0.0/29", &["10.0.0.2", "lost+found"], 64);
        let letters: String = picture.strips[0].cells.iter().map(|cell| cell.kind().letter()).collect();
        assert_eq!(letters, "--H....-");
        assert_eq!(picture.strips[0].cells[1].detail, "the gateway");
        assert_eq!(picture.counts[&Kind::Free], 4);
        assert_eq!(picture.outside.len(), 1);
    }

    #[test]
    fn large_subnets_are_summed_up_and_huge_ones_are_drawn_around_what_they_hold() {
        let large = picture("10.0.0.0/16", &["10.0.1.5", "10.0.1.6"], 1024);
        assert_eq!((large.strips[0].per_cell, large.strips[0].cells.len()), (64, 1024));
        assert_eq!(large.strips[0].cells[4].counts, [(Kind::Free, 62), (Kind::Unknown, 2)].into());
        let huge = picture("fd00::/64", &["fd00::2", "fd00::1:7"], 1024);
        assert_eq!(huge.strips[0].shown.to_string(), "fd00::/111");
        assert_eq!(huge.counts[&Kind::Free], (1 << 64) - 1 - 1 - 2);
        assert_eq!(picture("fd00::/64", &[], 64).strips[0].shown.to_string(), "fd00::/120");
    }

    #[test]
    fn subnets_are_guessed_from_records() {
        let guessed = |names: &[&str]| {
            let subnets = guess(&records(names));
            subnets.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            guessed(&["10.1.2.3", "10.1.2.9", "10.1.3.1", "fd00::5"]),
            "10.1.2.0/24 10.1.3.0/24 fd00::/120"
        );
        let many: Vec<String> = (0..9).map(|n| format!("10.1.{n}.1")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(guessed(&many).split(' ').count(), 5);
        assert_eq!(guessed(&["lock"]), "");
    }
}
