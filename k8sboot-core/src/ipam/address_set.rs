//! The addresses of one range set: which are taken, and which is next.

use std::net::IpAddr;

use super::{
    bitmap::Bitmap,
    range::{Range, RangeSet},
};
use crate::cidr::{Family, from_number, to_number};

/// The addresses of one range set, each taken or free; who took it is not its business ([`Pool`](super::Pool) knows).
///
/// Every operation costs the same whatever the size of the ranges and however many addresses are taken. A range of up to
/// 2²⁷ addresses has a bit for each, a larger one memory in proportion to what is taken. The gateway of a range is never
/// taken in that range.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::ipam::{AddressSet, Ranges};
/// let ranges = Ranges::of_subnets(&["fd00::/64".parse()?])?;
/// let mut set = AddressSet::new(&ranges.sets()[0]);
/// let first = set.take_next().ok_or("full")?;
/// assert_eq!(first.to_string(), "fd00::2");
/// assert!(set.give(first) && set.is_free(first));
/// assert_eq!(set.take_next().ok_or("full")?.to_string(), "fd00::3");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct AddressSet {
    family: Family,
    spans: Vec<Span>,
    /// The indexes of the spans, in the order of their addresses.
    sorted: Vec<usize>,
    /// Which spans have no free address left.
    full: Bitmap,
    size: u128,
    taken: u128,
    last: Option<Place>,
}

/// Where an address is: in which range, and how far from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) span: usize,
    pub(crate) offset: u128,
}

/// One range; its gateway's bit is set for ever.
#[derive(Clone, Debug)]
struct Span {
    first: u128,
    last: u128,
    gateway: Option<u128>,
    bits: Bitmap,
}

impl Span {
    fn new(range: &Range) -> Self {
        let (first, last) = (to_number(range.start()), to_number(range.end()));
        let mut bits = Bitmap::new(last - first);
        let gateway = range.contains(range.gateway()).then(|| to_number(range.gateway()) - first);
        if let Some(gateway) = gateway {
            bits.take(gateway);
        }
        Self { first, last, gateway, bits }
    }
}

impl AddressSet {
    /// All addresses of the ranges free.
    #[must_use]
    pub fn new(set: &RangeSet) -> Self {
        let spans: Vec<Span> = set.ranges().iter().map(Span::new).collect();
        let mut sorted: Vec<usize> = (0..spans.len()).collect();
        sorted.sort_by_key(|index| spans.get(*index).map(|span| span.first));
        let mut full = Bitmap::new(spans.len().saturating_sub(1) as u128);
        for (index, _) in spans.iter().enumerate().filter(|(_, span)| span.bits.is_full()) {
            full.take(index as u128);
        }
        let family = set.ranges().first().map_or(Family::V4, |range| range.subnet().family());
        Self { family, spans, sorted, full, size: set.size(), taken: 0, last: None }
    }

    /// Takes the next free address after the [last one given](Self::last_given), going round through the ranges in their
    /// order: the last one given comes last. Nothing if all are taken.
    ///
    /// Source: host-local, order of allocation.
    #[inline]
    pub fn take_next(&mut self) -> Option<IpAddr> {
        let place = match (self.spans.as_mut_slice(), self.last) {
            ([only], Some(last)) if self.taken < self.size => {
                let offset = only.bits.take_next_around(last.offset.wrapping_add(1))?;
                let place = Place { span: 0, offset };
                self.note_taken(place);
                place
            }
            _ => {
                let place = self.next_place()?;
                self.take_place(place);
                place
            }
        };
        self.last = Some(place);
        self.address_at(place)
    }

    /// Takes the first free address, in the order of the ranges. Nothing if all are taken.
    #[inline]
    pub fn take_lowest(&mut self) -> Option<IpAddr> {
        let place = self.lowest_place()?;
        self.take_place(place);
        self.address_at(place)
    }

    /// Takes the first free address at or after one of the set, in the order of the ranges and not going round.
    #[inline]
    pub fn take_at_or_after(&mut self, address: IpAddr) -> Option<IpAddr> {
        let at = self.locate(address)?;
        let place = self.free_from(at.span, Some(at.offset)).or_else(|| self.free_beyond(at.span))?;
        self.take_place(place);
        self.address_at(place)
    }

    /// Takes an address; false if it is taken, a gateway or in no range.
    #[inline]
    pub fn take(&mut self, address: IpAddr) -> bool {
        self.locate(address).is_some_and(|place| self.take_place(place))
    }

    /// Gives an address back; false if it was not taken.
    #[inline]
    pub fn give(&mut self, address: IpAddr) -> bool {
        self.locate(address).is_some_and(|place| self.give_place(place))
    }

    /// Whether an address can be taken.
    #[must_use]
    pub fn is_free(&self, address: IpAddr) -> bool {
        self.locate(address).is_some_and(|place| {
            self.spans.get(place.span).is_some_and(|span| !span.bits.is_taken(place.offset))
        })
    }

    /// How many addresses are taken.
    #[must_use]
    pub const fn taken(&self) -> u128 {
        self.taken
    }

    /// How many can be taken at most: those of the ranges less the gateways.
    #[must_use]
    pub const fn size(&self) -> u128 {
        self.size
    }

    /// The address after which [`take_next`](Self::take_next) goes on.
    #[must_use]
    pub fn last_given(&self) -> Option<IpAddr> {
        self.address_at(self.last?)
    }

    /// Sets [`last_given`](Self::last_given); an address of no range, as none, starts at the first range.
    pub fn set_last_given(&mut self, address: Option<IpAddr>) {
        self.last = address.and_then(|address| self.locate(address));
    }

    /// What [`take_next`](Self::take_next) would take.
    #[inline]
    pub(crate) fn next_place(&self) -> Option<Place> {
        if self.taken >= self.size {
            return None;
        }
        let Some(last) = self.last else { return self.lowest_place() };
        if let [only] = self.spans.as_slice() {
            let offset = only.bits.next_free_around(last.offset.wrapping_add(1))?;
            return Some(Place { span: 0, offset });
        }
        self.free_from(last.span, last.offset.checked_add(1))
            .or_else(|| self.free_beyond(last.span))
            .or_else(|| self.lowest_place())
    }

    /// What [`take_lowest`](Self::take_lowest) would take.
    #[inline]
    pub(crate) fn lowest_place(&self) -> Option<Place> {
        let span = usize::try_from(self.full.next_free(0)?).ok()?;
        self.free_from(span, Some(0))
    }

    /// The place of an address. IPv4 addresses may be written as IPv6.
    #[inline]
    pub(crate) fn locate(&self, address: IpAddr) -> Option<Place> {
        let number = match (self.family, address) {
            (Family::V4, IpAddr::V4(v4)) => u128::from(v4.to_bits()),
            (Family::V6, IpAddr::V6(v6)) => v6.to_bits(),
            (Family::V4, IpAddr::V6(v6)) => u128::from(v6.to_ipv4_mapped()?.to_bits()),
            (Family::V6, IpAddr::V4(_)) => return None,
        };
        let span = if self.spans.len() == 1 { 0 } else { self.span_before(number)? };
        let found = self.spans.get(span).filter(|found| (found.first..=found.last).contains(&number))?;
        Some(Place { span, offset: number - found.first })
    }

    /// The last range, in the order of addresses, that begins at or before one.
    fn span_before(&self, number: u128) -> Option<usize> {
        let begins = |index: &usize| self.spans.get(*index).is_some_and(|span| span.first <= number);
        self.sorted.get(self.sorted.partition_point(begins).checked_sub(1)?).copied()
    }

    /// The address of a place.
    #[inline]
    pub(crate) fn address_at(&self, place: Place) -> Option<IpAddr> {
        Some(from_number(self.family, self.spans.get(place.span)?.first + place.offset))
    }

    /// Whether a place is the gateway of its range.
    pub(crate) fn is_gateway(&self, place: Place) -> bool {
        self.spans.get(place.span).is_some_and(|span| span.gateway == Some(place.offset))
    }

    #[inline]
    pub(crate) fn take_place(&mut self, place: Place) -> bool {
        let Some(span) = self.spans.get_mut(place.span) else { return false };
        if !span.bits.take(place.offset) {
            return false;
        }
        self.note_taken(place);
        true
    }

    /// Counts a place that was taken from its range.
    #[inline]
    fn note_taken(&mut self, place: Place) {
        if self.spans.get(place.span).is_some_and(|span| span.bits.is_full()) {
            self.full.take(place.span as u128);
        }
        self.taken += 1;
    }

    #[inline]
    pub(crate) fn give_place(&mut self, place: Place) -> bool {
        let Some(span) = self.spans.get_mut(place.span) else { return false };
        let was_full = span.bits.is_full();
        if span.gateway == Some(place.offset) || !span.bits.give(place.offset) {
            return false;
        }
        if was_full {
            self.full.give(place.span as u128);
        }
        self.taken -= 1;
        true
    }

    /// The first free place of a range, at or after an offset.
    #[inline]
    fn free_from(&self, span: usize, offset: Option<u128>) -> Option<Place> {
        Some(Place { span, offset: self.spans.get(span)?.bits.next_free(offset?)? })
    }

    /// The first free place of the ranges after one.
    #[inline]
    fn free_beyond(&self, span: usize) -> Option<Place> {
        let next = usize::try_from(self.full.next_free(span as u128 + 1)?).ok()?;
        self.free_from(next, Some(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipam::{RangeSpec, Strictness};

    fn set(ranges: &[(&str, &str, &str, Option<&str>)]) -> AddressSet {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let ranges = ranges.iter().map(|(subnet, start, end, gateway)| {
            let spec = RangeSpec::new(subnet.parse().unwrap())
                .start(Some(address(start)))
                .end(Some(address(end)))
                .gateway(gateway.map(address));
            Range::new(&spec, Strictness::HostLocal).unwrap()
        });
        AddressSet::new(&RangeSet::new(ranges.collect()).unwrap())
    }

    fn next(set: &mut AddressSet) -> String {
        set.take_next().map_or_else(|| "full".to_owned(), |address| address.to_string())
    }

    #[test]
    fn goes_round_through_the_ranges_in_their_order() {
        let mut set = set(&[
            ("10.7.0.0/24", "10.7.0.5", "10.7.0.6", None),
            ("10.1.0.0/30", "10.1.0.1", "10.1.0.2", None),
        ]);
        for expected in ["10.7.0.5", "10.7.0.6", "10.1.0.2", "full"] {
            assert_eq!(next(&mut set), expected);
        }
        for back in ["10.1.0.2", "10.7.0.6"] {
            assert!(set.give(back.parse().unwrap()));
        }
        for expected in ["10.7.0.6", "10.1.0.2", "full"] {
            assert_eq!(next(&mut set), expected);
        }
        assert_eq!((set.taken(), set.size()), (3, 3));
    }

    #[test]
    fn a_gateway_is_skipped_in_its_own_range_only() {
        let mut set = set(&[
            ("10.1.0.0/24", "10.1.0.2", "10.1.0.3", Some("10.1.0.11")),
            ("10.1.0.0/24", "10.1.0.10", "10.1.0.12", Some("10.1.0.10")),
        ]);
        for expected in ["10.1.0.2", "10.1.0.3", "10.1.0.11", "10.1.0.12", "full"] {
            assert_eq!(next(&mut set), expected);
        }
        let gateway = "10.1.0.10".parse().unwrap();
        assert!(!set.take(gateway) && !set.give(gateway) && !set.is_free(gateway));
    }

    #[test]
    fn at_or_after_does_not_go_round() {
        let mut set = set(&[("10.1.0.0/24", "10.1.0.2", "10.1.0.4", None)]);
        let at: IpAddr = "10.1.0.3".parse().unwrap();
        for expected in [Some("10.1.0.3"), Some("10.1.0.4"), None] {
            assert_eq!(set.take_at_or_after(at).map(|a| a.to_string()).as_deref(), expected);
        }
        assert_eq!(set.take_lowest().unwrap().to_string(), "10.1.0.2");
        assert_eq!(set.take_at_or_after("10.1.0.9".parse().unwrap()), None);
    }

    #[test]
    fn a_range_of_its_gateway_alone_is_full_from_the_start() {
        let mut set = set(&[("10.1.0.0/24", "10.1.0.1", "10.1.0.1", None)]);
        assert_eq!((next(&mut set).as_str(), set.size()), ("full", 0));
    }
}
