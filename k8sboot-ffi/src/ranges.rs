//! Range sets as host-local's configuration writes them: `[[{"subnet": "10.244.1.0/24"}]]`.

use std::net::IpAddr;

use k8sboot_core::ipam::{RangeSpec, Ranges, Strictness};
use serde::Deserialize;

use crate::error::Failure;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Range {
    subnet: String,
    range_start: Option<String>,
    range_end: Option<String>,
    gateway: Option<String>,
}

/// Reads range sets and proves them.
pub(crate) fn parse(text: &str, argument: &'static str) -> Result<Ranges, Failure> {
    let sets: Vec<Vec<Range>> =
        serde_json::from_str(text).map_err(|error| Failure::json(argument, &error))?;
    let mut specs = Vec::with_capacity(sets.len());
    for (set, ranges) in sets.iter().enumerate() {
        let spec = |(index, range): (usize, &Range)| {
            spec(range).map_err(|(field, problem)| {
                Failure::json(argument, &format!("[{set}][{index}].{field}: {problem}"))
            })
        };
        specs.push(ranges.iter().enumerate().map(spec).collect::<Result<Vec<_>, _>>()?);
    }
    Ok(Ranges::of_specs(&specs, Strictness::Strict)?)
}

fn spec(range: &Range) -> Result<RangeSpec, (&'static str, String)> {
    let subnet =
        range.subnet.parse().map_err(|error: k8sboot_core::cidr::CidrError| ("subnet", error.to_string()))?;
    Ok(RangeSpec::new(subnet)
        .start(address(range.range_start.as_deref(), "rangeStart")?)
        .end(address(range.range_end.as_deref(), "rangeEnd")?)
        .gateway(address(range.gateway.as_deref(), "gateway")?))
}

fn address(text: Option<&str>, field: &'static str) -> Result<Option<IpAddr>, (&'static str, String)> {
    let parse = |text: &str| {
        text.parse()
            .map_err(|_| (field, format!("expected an address like 10.244.1.2 or fd00::2, found {text:?}")))
    };
    text.map(parse).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::K8SBOOT_E_JSON;

    #[test]
    fn sets_are_read_with_their_defaults() {
        let text = r#"[[{"subnet":"10.0.0.0/24","rangeEnd":"10.0.0.9"}],[{"subnet":"fd00::/64","gateway":"fd00::9"}]]"#;
        let ranges = parse(text, "ranges").unwrap();
        assert_eq!(ranges.sets().len(), 2);
        assert_eq!(ranges.sets()[0].size(), 8);
        assert_eq!(ranges.sets()[1].ranges()[0].gateway().to_string(), "fd00::9");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, place) in [
            ("", "EOF"),
            ("{}", "expected a sequence"),
            (r#"[[{"subnet":"10.0.0.0"}]]"#, "[0][0].subnet: expected ADDRESS/LENGTH"),
            (
                r#"[[{"subnet":"10.0.0.0/24"},{"subnet":"10.0.1.0/24","rangeStart":"x"}]]"#,
                "[0][1].rangeStart: expected",
            ),
            (r#"[[{"subnet":"10.0.0.0/24","subnets":1}]]"#, "unknown field"),
        ] {
            let failure = parse(text, "ranges").unwrap_err();
            assert_eq!(failure.code(), K8SBOOT_E_JSON, "{text}");
            assert!(format!("{failure:?}").contains(place), "{failure:?}");
        }
        let overlap = r#"[[{"subnet":"10.0.0.0/24"}],[{"subnet":"10.0.0.0/16"}]]"#;
        assert_eq!(parse(overlap, "ranges").unwrap_err().code(), 4002);
    }
}
