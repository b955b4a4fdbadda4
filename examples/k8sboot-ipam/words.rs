//! Errors in host-local's words: the one place that knows its texts.

use std::io;

use k8sboot_core::{
    cni::{
        CniError, Command, ErrorCode, ErrorObject, IpamConfigError, Json, Supported, Version, at_least,
        prove_network_name, version_numbers,
    },
    error::chain,
    ipam::{IpamError, RangeProblem, RangeSet, Ranges},
    store::StoreError,
};

/// An error without a number of its own.
pub(crate) fn internal(text: impl Into<String>) -> ErrorObject {
    ErrorObject::new(ErrorCode::INTERNAL, text)
}

/// Standard input cannot be read.
pub(crate) fn stdin(error: &io::Error) -> ErrorObject {
    ErrorObject::new(ErrorCode::IO, format!("error reading from stdin: {}", system(error)))
}

/// Standard input is not JSON, or not of the right types.
pub(crate) fn not_json(error: &CniError) -> ErrorObject {
    ErrorObject::new(ErrorCode::DECODING, format!("error unmarshall network config: {error}"))
}

/// A file cannot be read.
pub(crate) fn unreadable(path: &str, error: &io::Error) -> ErrorObject {
    internal(format!("open {path}: {}", system(error)))
}

/// The version that answers are given in: the configuration's if it is known.
pub(crate) fn version_of_answer(document: &Json) -> Version {
    let text = document.fields().ok().and_then(|fields| fields.text("cniVersion").ok().flatten());
    Version::parse(text.unwrap_or_default()).unwrap_or(Version::LATEST)
}

/// Proves that the configuration is an object with the name of a network.
pub(crate) fn prove_name(document: &Json) -> Result<(), ErrorObject> {
    let fields = document.fields().map_err(|error| not_json(&error))?;
    let name = fields.text("name").map_err(|error| not_json(&error))?;
    prove_network_name(name.unwrap_or_default())
}

/// Proves that the version of the configuration is known and has the command.
pub(crate) fn prove_version(document: &Json, command: Command) -> Result<(), ErrorObject> {
    let decoding = |text: String| ErrorObject::new(ErrorCode::DECODING, text);
    let undecoded = |error: CniError| decoding(format!("decoding version from network config: {error}"));
    let text = document.fields().and_then(|fields| fields.text("cniVersion")).map_err(undecoded)?;
    let text = text.unwrap_or_default();
    let incompatible = |text: String| ErrorObject::new(ErrorCode::INCOMPATIBLE_VERSION, text);
    if !matches!(command, Command::Add | Command::Del) {
        let has = at_least(text, command.since()).map_err(|_| decoding(version_text(text)))?;
        if !has {
            return Err(incompatible(format!("config version does not allow {command}")));
        }
        let newest = version_numbers(Version::LATEST.as_str());
        if version_numbers(text).is_ok_and(|numbers| newest.is_ok_and(|newest| numbers > newest)) {
            return Err(incompatible(format!("plugin version does not allow {command}")));
        }
    }
    if Version::parse(text).is_err() {
        let supported = Supported::all();
        let quoted: Vec<_> = supported.versions().iter().map(|version| format!("{version:?}")).collect();
        let details = format!("config is {text:?}, plugin supports [{}]", quoted.join(" "));
        return Err(incompatible("incompatible CNI versions".to_owned()).with_details(details));
    }
    Ok(())
}

/// Why a text is no version.
fn version_text(text: &str) -> String {
    let parts: Vec<&str> = text.split('.').collect();
    if parts.len() > 3 {
        return format!("invalid version {text:?}: too many parts");
    }
    let mut named = ["major", "minor", "micro"].into_iter().zip(parts);
    let Some((name, part)) = named.find(|(_, part)| part.parse::<i64>().is_err()) else {
        return format!("invalid version {text:?}");
    };
    let number = part.strip_prefix(['+', '-']).unwrap_or(part);
    let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    let why = if digits { "value out of range" } else { "invalid syntax" };
    format!("failed to convert {name} version part {part:?}: strconv.Atoi: parsing {part:?}: {why}")
}

/// The configuration cannot be used.
pub(crate) fn config(error: &IpamConfigError) -> ErrorObject {
    internal(match error {
        IpamConfigError::Missing => "IPAM config missing 'ipam' key".to_owned(),
        IpamConfigError::Cidr { found, .. } => format!("invalid CIDR address: {found}"),
        IpamConfigError::Address { found, .. } => format!("invalid IP address: {found}"),
        IpamConfigError::Request { found, .. } if found.is_empty() => {
            "cannot understand ip: IP <nil> not v4 nor v6".to_owned()
        }
        IpamConfigError::Request { found, .. } => format!("invalid IP address {found}"),
        IpamConfigError::Args(error) => error.to_string(),
        IpamConfigError::Ranges(IpamError::NoRanges { .. }) => "no IP ranges specified".to_owned(),
        IpamConfigError::Ranges(IpamError::Range { set, problem, .. }) => {
            format!("invalid range set {set}: {}", range(problem))
        }
        IpamConfigError::Ranges(IpamError::Overlap { first, second, .. }) => {
            format!("range set {first} overlaps with {second}")
        }
        IpamConfigError::Families { version, .. } => {
            format!("CNI version {version} does not support more than 1 address per family")
        }
        other => chain(other),
    })
}

fn range(problem: &RangeProblem) -> String {
    match problem {
        RangeProblem::Empty => "empty range set".to_owned(),
        RangeProblem::NoSubnet => "IP <nil> not v4 nor v6".to_owned(),
        RangeProblem::TooSmall { subnet, .. } => {
            let address = subnet.address().to_canonical();
            let shorter = if address.is_ipv4() && subnet.address().is_ipv6() { 96 } else { 0 };
            format!(
                "Network {address}/{} too small to allocate from",
                subnet.length().saturating_sub(shorter)
            )
        }
        RangeProblem::Mapped { .. } => "IPNet IP and Mask version mismatch".to_owned(),
        RangeProblem::HostBits { subnet, network, .. } => format!(
            "Network has host bits set. For a subnet mask of length {} the network address is {network}",
            subnet.length()
        ),
        RangeProblem::Start { address, subnet, .. } => {
            format!("RangeStart {address} not in network {subnet}")
        }
        RangeProblem::End { address, subnet, .. } => format!("RangeEnd {address} not in network {subnet}"),
        RangeProblem::MixedFamilies => "mixed address families".to_owned(),
        RangeProblem::Overlap { first, second, .. } => {
            format!("subnets {}-{} and {}-{} overlap", first.0, first.1, second.0, second.1)
        }
        other => other.to_string(),
    }
}

/// The store cannot serve a request.
pub(crate) fn store(error: &StoreError, ranges: &Ranges) -> ErrorObject {
    match error {
        StoreError::Ipam(error) => internal(allocation(error, ranges)),
        StoreError::Locked { .. } => ErrorObject::new(ErrorCode::TRY_AGAIN, chain(error)),
        other => internal(chain(other)),
    }
}

fn allocation(error: &IpamError, ranges: &Ranges) -> String {
    let failed = |set: usize, why: String| format!("failed to allocate for range {set}: {why}");
    let named = |set: usize| ranges.sets().get(set).map(range_set).unwrap_or_default();
    match error {
        IpamError::Exhausted { set, .. } => {
            failed(*set, format!("no IP addresses available in range set: {}", named(*set)))
        }
        IpamError::Duplicate { set, address, owner, .. } => failed(
            *set,
            format!("{address} has been allocated to {owner}, duplicate allocation is not allowed"),
        ),
        IpamError::Gateway { set, address, .. } => {
            failed(*set, format!("requested ip {address} is subnet's gateway"))
        }
        IpamError::Taken { set, address, .. } => failed(
            *set,
            format!("requested IP address {address} is not available in range set {}", named(*set)),
        ),
        IpamError::Unplaced { addresses, .. } => {
            let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            format!("failed to allocate all requested IPs: {}", addresses.join(" "))
        }
        other => chain(other),
    }
}

/// A range set as host-local names it: first and last address of each range.
pub(crate) fn range_set(set: &RangeSet) -> String {
    let ranges: Vec<_> = set.ranges().iter().map(|r| format!("{}-{}", r.start(), r.end())).collect();
    ranges.join(",")
}

/// The system's message as Go prints it: in lower case, without the number.
fn system(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars.next().map(|first| first.to_ascii_lowercase().to_string() + chars.as_str()).unwrap_or_default()
}
