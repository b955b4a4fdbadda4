//! "Did you mean": the name that was probably wanted.

/// The candidate closest to a misspelt name: equal but for case, or at most a third of its letters away.
pub(super) fn nearest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    // Long texts are no slips of the pen, and the distance costs time quadratic in the length.
    if name.len() > 64 {
        return None;
    }
    let folded = name.to_ascii_lowercase();
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let away = distance(&folded, &candidate.to_ascii_lowercase());
        let close = away * 3 <= candidate.len().max(name.len());
        if close && best.is_none_or(|(least, _)| away < least) {
            best = Some((away, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// `did you mean "podSubnet"?`, or nothing if no candidate is near.
pub(super) fn did_you_mean<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> String {
    nearest(name, candidates).map(|near| format!("did you mean {near:?}?")).unwrap_or_default()
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one text into the other
/// (optimal string alignment).
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX - 1);
            let mut least =
                (at(&above, j) + usize::from(a != b)).min(at(&above, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && from.get(i - 1) == Some(b) && to.get(j - 1) == Some(a);
            if swapped {
                least = least.min(at(&before, j - 1) + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or(from.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_steps() {
        for (from, to, steps) in [
            ("", "", 0),
            ("", "ab", 2),
            ("abc", "abc", 0),
            ("abc", "acb", 1),
            ("ca", "abc", 3),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(from, to), steps, "{from} {to}");
            assert_eq!(distance(to, from), steps, "{to} {from}");
        }
    }

    #[test]
    fn finds_slips_of_the_pen_only() {
        let names = ["podSubnet", "serviceSubnet", "dnsDomain"];
        for (name, want) in [
            ("podsubnet", Some("podSubnet")),
            ("podSubent", Some("podSubnet")),
            ("podSubnets", Some("podSubnet")),
            ("serviceSubNet", Some("serviceSubnet")),
            ("servicesubnets", Some("serviceSubnet")),
            ("clusterName", None),
            ("x", None),
        ] {
            assert_eq!(nearest(name, names), want, "{name}");
        }
    }
}
