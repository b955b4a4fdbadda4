//! Rules for texts: names, paths, hosts, images.
//!
//! Source: Kubernetes `apimachinery/pkg/util/validation` and kubeadm's validation of its configuration.

use std::net::IpAddr;

use super::Report;
use crate::cidr::parse_leniently;

/// RFC 1123 subdomain: lower-case letters, digits, `-` and `.`; parts begin and end with a letter or digit; at most 253.
pub(super) fn is_subdomain(text: &str) -> bool {
    let edge = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let part = |part: &str| {
        let bytes = part.as_bytes();
        bytes.first().is_some_and(edge)
            && bytes.last().is_some_and(edge)
            && bytes.iter().all(|b| edge(b) || *b == b'-')
    };
    text.len() <= 253 && text.split('.').all(part)
}

const SUBDOMAIN: &str = "a DNS name of lower-case letters, digits, - and . (RFC 1123 subdomain)";

pub(super) fn subdomain(report: &mut Report<'_>, field: &str, text: &str) {
    if !is_subdomain(text) {
        let lower = text.trim().to_ascii_lowercase();
        let remedy = if is_subdomain(&lower) { format!("write {lower:?}") } else { String::new() };
        report.value(field, SUBDOMAIN, text, &remedy);
    }
}

/// Names of a serving certificate: IP address, subdomain, or `*.` and a subdomain.
pub(super) fn sans(report: &mut Report<'_>, field: &str, names: &[String]) {
    for (index, name) in names.iter().enumerate() {
        let domain = name.strip_prefix("*.").unwrap_or(name);
        if parse_leniently(name).is_none() && !is_subdomain(domain) {
            let remedy = if name.contains(',') {
                "write one name per list item"
            } else if name.contains(':') || name.contains('/') {
                "leave out scheme, port and path"
            } else {
                ""
            };
            let expected = "an IP address or a lower-case DNS name, which may begin with *.";
            report.value(&format!("{field}[{index}]"), expected, name, remedy);
        }
    }
}

/// A path that begins with `/`.
pub(in crate::config) fn absolute(report: &mut Report<'_>, field: &str, path: &str) {
    if !path.starts_with('/') {
        report.value(field, "an absolute path", path, "begin it with /");
    }
}

/// `HOST` or `HOST:PORT`, as kubeadm takes them: lower case, no scheme, IPv6 in brackets only before a port.
pub(crate) fn host_port(text: &str) -> Result<(String, Option<u16>), &'static str> {
    if text.contains("://") {
        return Err("leave out the scheme");
    }
    let (host, port) = match split(text) {
        Some((host, port)) => match port.parse::<u16>() {
            Ok(port) if port > 0 => (host, Some(port)),
            _ => return Err("the port must be from 1 to 65535"),
        },
        None => (text, None),
    };
    if host.parse::<IpAddr>().is_ok() || is_subdomain(host) {
        return Ok((host.to_owned(), port));
    }
    Err(if is_subdomain(&host.to_ascii_lowercase()) {
        "write it in lower case"
    } else if host.contains(['[', ']']) {
        "write an IPv6 address without brackets, or with brackets and a port"
    } else {
        "give an IP address or a DNS name, with or without :PORT"
    })
}

/// Go's `net.SplitHostPort`, where it succeeds.
fn split(text: &str) -> Option<(&str, &str)> {
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split_once("]:");
    }
    let (host, port) = text.rsplit_once(':')?;
    (!host.contains(':')).then_some((host, port))
}

/// A repository that an image name can be appended to.
///
/// Source: the reference grammar of container images (distribution/reference), which kubeadm applies too.
pub(super) fn repository(report: &mut Report<'_>, field: &str, text: &str) {
    if is_repository(text) {
        return;
    }
    let lower = text.to_lowercase();
    let remedy = if text.contains("://") {
        "leave out the scheme"
    } else if text.ends_with('/') {
        "leave out the last /"
    } else if lower != text && is_repository(&lower) {
        "write the path in lower case"
    } else if text.split('/').skip(1).last().is_some_and(|last| last.contains(':')) {
        "leave out the tag; it follows from the version"
    } else {
        ""
    };
    report.value(field, "an image repository like registry.example.com/k8s", text, remedy);
}

fn is_repository(text: &str) -> bool {
    let mut parts = text.split('/');
    let first = parts.next().unwrap_or_default();
    (is_registry(first) || is_path_component(first)) && parts.all(is_path_component)
}

/// Letters and digits, joined by `-` and `.`, in any case, or an IPv6 address in brackets; with or without port.
fn is_registry(text: &str) -> bool {
    let (host, port) = split(text).unwrap_or((text, "0"));
    let label = |label: &str| {
        label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    digits && (host.split('.').all(label) || host.parse::<std::net::Ipv6Addr>().is_ok())
}

/// Lower-case letters and digits, joined by one `.`, one or two `_`, or any number of `-`.
fn is_path_component(text: &str) -> bool {
    let name = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let joint = |joint: &[u8]| matches!(joint, b"" | b"." | b"_" | b"__") || joint.iter().all(|b| *b == b'-');
    let bytes = text.as_bytes();
    bytes.first().is_some_and(name) && bytes.last().is_some_and(name) && bytes.split(name).all(joint)
}

/// Arguments need a name, without dashes.
pub(super) fn arguments(report: &mut Report<'_>, field: &str, args: &[crate::config::v1beta4::Arg]) {
    for (index, arg) in args.iter().enumerate() {
        let field = format!("{field}[{index}].name");
        if arg.name.is_empty() {
            report.missing(&field, "the name of an argument", "give it without dashes, for example name: v");
        } else if arg.name.starts_with('-') || arg.name.contains(['=', ' ', '\t', '\n']) {
            let bare = arg.name.trim().trim_start_matches('-');
            let bare = bare.split('=').next().unwrap_or_default();
            let remedy = format!("write name: {bare} and put what follows the = into value");
            report.value(&field, "the name of an argument without dashes", &arg.name, &remedy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subdomains_as_kubernetes_has_them() {
        for text in ["a", "node-1", "1.2.3", "cp-a.example.internal", "x--y"] {
            assert!(is_subdomain(text), "{text}");
        }
        for text in ["", "A", "-a", "a-", "a..b", ".a", "a.", "a_b", "a b", "ä", &"a".repeat(254)] {
            assert!(!is_subdomain(text), "{text}");
        }
    }

    #[test]
    fn repositories_as_image_references_have_them() {
        for text in [
            "registry.k8s.io",
            "REG.example/up",
            "localhost:5000",
            "reg_x/a__b",
            "reg.example:5000/a-b/c--d.e",
            "[::1]:5000/x",
        ] {
            assert!(is_repository(text), "{text}");
        }
        for text in [
            "",
            " ",
            "reg.example/Up",
            "reg.example/a-",
            "reg.example/a..b",
            "reg.example/a___b",
            "reg.example/a/",
            "reg.example//a",
            "https://reg.example/a",
            "reg.example/a:1",
            "reg ex",
        ] {
            assert!(!is_repository(text), "{text}");
        }
    }

    #[test]
    fn hosts_and_ports_as_kubeadm_splits_them() {
        for (text, host, port) in [
            ("api.example.internal", "api.example.internal", None),
            ("api.example.internal:8443", "api.example.internal", Some(8443)),
            ("192.0.2.1:6443", "192.0.2.1", Some(6443)),
            ("2001:db8::1", "2001:db8::1", None),
            ("[2001:db8::1]:6443", "2001:db8::1", Some(6443)),
        ] {
            assert_eq!(host_port(text), Ok((host.to_owned(), port)), "{text}");
        }
        for text in ["https://a", "A.example", "a:0", "a:65536", "a:", "[2001:db8::1]", "a_b", "a:b:c", ""] {
            assert!(host_port(text).is_err(), "{text}");
        }
    }
}
