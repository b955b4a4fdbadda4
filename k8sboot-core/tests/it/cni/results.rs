//! Results of ADD: read, converted and printed as the reference library does.

use std::{fs, path::PathBuf};

use k8sboot_core::cni::{
    ArgsError, CniError, CniResult, Dns, Environment, ErrorObject, Interface, IpConfig, IpamArgs, Json,
    Layout, Route, Version, prove_network_name,
};
use proptest::prelude::*;
use serde_json::Value;

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cni")
}

fn json(path: PathBuf) -> Value {
    let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn converts_and_prints_as_the_reference_library() {
    let cases = json(fixtures().join("convert/results.json"));
    let mut compared = 0;
    for case in cases.as_array().unwrap() {
        let input = case["input"].as_str().unwrap();
        let read = CniResult::parse(input.as_bytes(), Version::V0_1_0);
        if case.get("error").is_some() {
            assert!(read.is_err(), "{input}");
            compared += 1;
            continue;
        }
        let result = read.unwrap_or_else(|error| panic!("{input}: {error}"));
        for version in Version::ALL {
            let got = result.converted(version).map(|result| result.render(Layout::Indented));
            match case["as"].get(version.as_str()) {
                Some(want) => assert_eq!(got.as_deref(), Ok(want.as_str().unwrap()), "{input} as {version}"),
                None => {
                    assert!(matches!(got, Err(CniError::NoAddress { .. })), "{input} as {version}: {got:?}")
                }
            }
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn recorded_results_are_read_and_printed_byte_for_byte() {
    let mut seen = 0;
    for (id, step) in steps() {
        if step["exit_code"] != 0 || step["env"]["CNI_COMMAND"] != "ADD" {
            continue;
        }
        let text = step["stdout_raw"].as_str().unwrap();
        let configured = step["stdin"]["cniVersion"].as_str().unwrap_or_default();
        let result = CniResult::parse(text.as_bytes(), Version::parse(configured).unwrap()).unwrap();
        assert_eq!(result.render(Layout::Indented), text, "{id}");
        for version in Version::ALL {
            let there = result.converted(version).unwrap();
            let back = there.converted(result.version).unwrap();
            assert_eq!(back.ips.first(), result.ips.first(), "{id} by way of {version}");
        }
        seen += 1;
    }
    assert!(seen > 40, "{seen}");
}

/// The checks that come before the configuration of IPAM is looked at.
#[test]
fn recorded_refusals_of_parameters_are_refused_in_the_same_words() {
    let mut seen = 0;
    for (id, step) in steps() {
        // host-local in its own namespace prints a result, then an error.
        let documents = step["stdout"].as_array().unwrap();
        if step["exit_code"] != 1 || documents.len() != 1 {
            continue;
        }
        let want = ErrorObject::parse(documents[0].to_string().as_bytes()).unwrap();
        let printed = step["stdout_raw"].as_str().unwrap();
        assert_eq!(want.render(Layout::Indented), printed, "{id}");
        let environment = Environment::read(|name| step["env"][name].as_str().map(str::to_owned));
        let got = match environment {
            Err(error) => Some(error),
            Ok(None) => continue,
            Ok(Some(environment)) => {
                let name = step["stdin"]["name"].as_str().unwrap_or_default();
                let args = IpamArgs::parse(&environment.args).map_err(|error: ArgsError| error.to_string());
                match (step["stdin"].is_object(), prove_network_name(name), args) {
                    (true, Err(error), _) => Some(error),
                    (true, Ok(()), Err(msg)) => {
                        Some(ErrorObject::new(k8sboot_core::cni::ErrorCode::INTERNAL, msg))
                    }
                    _ => environment.command().err(),
                }
            }
        };
        let mine = [
            "invalid characters",
            "interface name",
            "required env",
            "missing network name",
            "ARGS:",
            "unknown CNI_COMMAND",
        ];
        assert_eq!(got.is_some(), mine.iter().any(|start| want.msg.starts_with(start)), "{id}: {}", want.msg);
        if let Some(got) = got {
            assert_eq!(got, want, "{id}");
            seen += 1;
        }
    }
    assert!(seen > 15, "{seen}");
}

fn steps() -> Vec<(String, Value)> {
    let mut steps = Vec::new();
    let mut paths: Vec<_> =
        fs::read_dir(fixtures().join("conversations")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let case = json(path);
        let id = case["id"].as_str().unwrap().to_owned();
        for step in case["steps"].as_array().unwrap() {
            steps.push((id.clone(), step.clone()));
        }
    }
    assert!(steps.len() > 100, "{}", steps.len());
    steps
}

prop_compose! {
    fn cidr()(v4 in any::<bool>(), bits in any::<u128>(), length in 0..=32_u8) -> k8sboot_core::cidr::Cidr {
        let text = if v4 {
            format!("{}/{length}", std::net::Ipv4Addr::from((bits & 0xffff_ffff) as u32))
        } else {
            // Not the addresses that are IPv4 ones written as IPv6.
            format!("{}/{}", std::net::Ipv6Addr::from(bits | 1 << 127), length * 4)
        };
        text.parse().unwrap()
    }
}

prop_compose! {
    fn ip()(address in cidr(), gateway in proptest::option::of(cidr()), interface in proptest::option::of(0..3_i64)) -> IpConfig {
        let mut ip = IpConfig::new(address).gateway(gateway.map(|g| g.address()));
        ip.interface = interface;
        ip
    }
}

prop_compose! {
    fn route()(dst in cidr(), gw in proptest::option::of(cidr()), mtu in any::<i64>(), table in proptest::option::of(any::<i64>())) -> Route {
        let mut route = Route::new(dst).gw(gw.map(|g| g.address()));
        (route.mtu, route.table, route.scope) = (mtu, table, table);
        route
    }
}

prop_compose! {
    fn result()(
        version in 2..7_usize,
        ips in proptest::collection::vec(ip(), 0..4),
        routes in proptest::collection::vec(route(), 0..4),
        texts in proptest::collection::vec("\\PC{0,12}", 4),
        mtu in 0..9000_i64,
    ) -> CniResult {
        let mut result = CniResult::new(Version::ALL[version]);
        result.ips = ips;
        result.routes = routes;
        let mut interface = Interface { name: texts[0].clone(), mac: texts[1].clone(), ..Interface::default() };
        if result.version >= Version::V1_0_0 {
            (interface.mtu, interface.pci_id) = (mtu, texts[2].clone());
        }
        result.interfaces = vec![interface];
        result.dns = Dns { domain: texts[3].clone(), search: texts, ..Dns::default() };
        result
    }
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(result in result()) {
        for layout in [Layout::Compact, Layout::Indented] {
            let text = result.render(layout);
            let read = CniResult::parse(text.as_bytes(), Version::V0_1_0);
            prop_assert_eq!(read.as_ref(), Ok(&result));
            prop_assert_eq!(Json::parse(text.as_bytes()).unwrap().render(layout), text);
        }
    }

    #[test]
    fn converting_is_stable(result in result(), to in 0..7_usize) {
        let to = Version::ALL[to];
        if let Ok(there) = result.converted(to) {
            // What a version can tell it tells again: down, printed and read is the same.
            let read = CniResult::parse(there.render(Layout::Compact).as_bytes(), to);
            prop_assert_eq!(read.as_ref(), Ok(&there));
            prop_assert_eq!(there.converted(to), Ok(there));
        } else {
            prop_assert!(result.ips.is_empty() && to < Version::V0_3_0);
        }
    }
}
