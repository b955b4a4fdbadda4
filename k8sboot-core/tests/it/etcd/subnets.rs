//! Node subnets as flanneld keeps them: its values are read, ours are read by a reader that is not ours.

use std::{process::Command, time::Duration};

use k8sboot_core::{
    error::{Code, Problem},
    ipam::flannel::{NetworkConfig, NodeAttributes, SubnetKey},
    store::etcd::{EtcdError, FlannelSubnets, SubnetEvent, SubnetRequest},
};
use serde_json::{Value, json};

use super::server::{Etcd, etcd, until};
use crate::support::tools;

const SUBNETS: &str = "/coreos.com/network/subnets/";

/// As flanneld writes it with the vxlan backend.
const VXLAN: &str = r#"{"PublicIP":"192.168.64.3","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}}"#;

/// Reads as flanneld does: the pattern of its keys, the types of its values, by Python and etcd's JSON gateway.
const READER: &str = r#"
import base64, ipaddress, json, re, sys, urllib.request
url, prefix = sys.argv[1:]
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
def call(path, body):
    return json.load(opener.open(urllib.request.Request(url + path, json.dumps(body).encode())))
end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
b64 = lambda text: base64.b64encode(text.encode()).decode()
pattern = re.compile(r'(\d+\.\d+.\d+.\d+)-(\d+)(?:&([a-f\d:]+)-(\d+))?$')
found = []
for kv in call('/v3/kv/range', {'key': b64(prefix), 'range_end': b64(end)}).get('kvs', []):
    parts = pattern.search(base64.b64decode(kv['key']).decode())
    raw = base64.b64decode(kv['value']).decode()
    value = json.loads(raw)
    assert list(value)[:2] == ['PublicIP', 'PublicIPv6'] and raw == json.dumps(value, separators=(',', ':')), raw
    ipaddress.IPv4Address(value['PublicIP'])
    subnet = [str(ipaddress.IPv4Network(parts[1] + '/' + parts[2]))]
    if parts[3]:
        subnet.append(str(ipaddress.IPv6Network(parts[3] + '/' + parts[4])))
    ttl = int(call('/v3/lease/timetolive', {'ID': kv['lease']})['TTL']) if 'lease' in kv else 0
    found.append({'subnet': subnet, 'node': value['PublicIP'], 'type': value.get('BackendType'),
                  'data': value.get('BackendData'), 'leased': ttl > 0, 'day': 86000 < ttl <= 86400})
print(json.dumps(found))
"#;

fn subnets(etcd: &Etcd) -> FlannelSubnets {
    FlannelSubnets::new(&etcd.client(), FlannelSubnets::DEFAULT_PREFIX).unwrap()
}

fn node(text: &str) -> NodeAttributes {
    NodeAttributes::new(text.parse().unwrap(), "vxlan")
}

fn flannel(etcd: &Etcd, config: &str) {
    etcd.put("/coreos.com/network/config", config, 0);
}

#[test]
fn a_reader_of_its_own_sees_what_flanneld_would() {
    if !tools(&["python3"]) {
        return;
    }
    let Some(etcd) = etcd() else { return };
    let subnets = subnets(&etcd);
    let config: NetworkConfig = r#"{"Network":"10.244.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:10::/48",
        "Backend":{"Type":"vxlan"}}"#
        .parse()
        .unwrap();
    subnets.set_config(&config).unwrap();
    assert_eq!(subnets.config().unwrap(), config);
    let mut attributes = node("192.0.2.10");
    attributes.backend_data = Some(json!({"VNI": 1, "VtepMAC": "12:c6:65:89:b4:e3"}));
    attributes.public_ipv6 = Some("2001:db8::10".parse().unwrap());
    let lease = subnets.acquire(&SubnetRequest::new(attributes)).unwrap();
    let reserved: SubnetKey = "10.244.9.0-24&fd00:10:0:9::-64".parse().unwrap();
    subnets.reserve(&reserved, &node("192.0.2.11")).unwrap();
    let output = Command::new("python3").args(["-c", READER, &etcd.url(), SUBNETS]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let found: Value = serde_json::from_str(&said)
        .unwrap_or_else(|error| panic!("{error}: {said}{}", String::from_utf8_lossy(&output.stderr)));
    let mut expected = vec![
        json!({"subnet": [lease.subnet.ipv4().to_string(), lease.subnet.ipv6().unwrap().to_string()],
            "node": "192.0.2.10", "type": "vxlan", "data": {"VNI": 1, "VtepMAC": "12:c6:65:89:b4:e3"},
            "leased": true, "day": true}),
        json!({"subnet": ["10.244.9.0/24", "fd00:10:0:9::/64"], "node": "192.0.2.11", "type": "vxlan",
            "data": null, "leased": false, "day": false}),
    ];
    let by_key = |value: &Value| value["node"].as_str().unwrap().to_owned();
    let mut found = found.as_array().unwrap().clone();
    found.sort_by_key(by_key);
    expected.sort_by_key(by_key);
    assert_eq!(found, expected);
}

#[test]
fn leases_of_flanneld_are_respected_and_taken_over() {
    let Some(etcd) = etcd() else { return };
    flannel(&etcd, r#"{"Network":"10.5.0.0/22","Backend":{"Type":"vxlan"}}"#);
    // The three subnets of the network: one leased, one reserved, one free.
    let id = etcd.grant(3600);
    etcd.put(&format!("{SUBNETS}10.5.1.0-24"), VXLAN, id);
    etcd.put(&format!("{SUBNETS}10.5.2.0-24"), &VXLAN.replace("64.3", "64.4"), 0);
    let subnets = subnets(&etcd);
    let listed = subnets.list().unwrap();
    assert_eq!(listed.leases.len(), 2);
    assert_eq!((listed.leases[0].lease, listed.leases[0].node.to_json()), (id, VXLAN.to_owned()));
    assert!(listed.leases[1].is_reservation());

    let free = subnets.acquire(&SubnetRequest::new(node("192.0.2.1"))).unwrap();
    assert_eq!(free.subnet.to_string(), "10.5.3.0-24");
    let full = subnets.acquire(&SubnetRequest::new(node("192.0.2.2"))).unwrap_err();
    assert_eq!(full.code(), Code::ETCD_NO_SUBNET, "{full}");

    let mine = subnets.acquire(&SubnetRequest::new(node("192.168.64.3"))).unwrap();
    assert_eq!(mine.subnet.to_string(), "10.5.1.0-24");
    assert!(mine.lease != id && subnets.remaining(&mine).unwrap() > Some(Duration::from_secs(86_000)));
    let reserved = subnets.acquire(&SubnetRequest::new(node("192.168.64.4"))).unwrap();
    assert_eq!((reserved.subnet.to_string(), reserved.is_reservation()), ("10.5.2.0-24".to_owned(), true));
    assert_eq!(subnets.remaining(&reserved).unwrap(), None);

    // flanneld of the same node renews: still this node's. Another node's record: lost.
    etcd.put(&format!("{SUBNETS}10.5.1.0-24"), VXLAN, id);
    let mut mine = mine;
    subnets.renew(&mut mine, Duration::from_secs(86_400)).unwrap();
    etcd.put(&format!("{SUBNETS}10.5.1.0-24"), &VXLAN.replace("64.3", "64.9"), id);
    let lost = subnets.renew(&mut mine, Duration::from_secs(86_400)).unwrap_err();
    assert!(matches!(lost, EtcdError::LeaseLost { .. }), "{lost}");
    assert!(subnets.release(&mine).is_err());
    subnets.release(&reserved).unwrap();
    subnets.release(&free).unwrap();
    assert_eq!(etcd.all(SUBNETS).len(), 1);
}

#[test]
fn the_previous_subnet_is_wanted_again_and_a_misfit_is_deleted() {
    let Some(etcd) = etcd() else { return };
    let subnets = subnets(&etcd);
    let missing = subnets.acquire(&SubnetRequest::new(node("192.0.2.1"))).unwrap_err();
    assert_eq!(missing.code(), Code::ETCD_NO_NETWORK, "{missing}");
    flannel(&etcd, r#"{"Network":"10.5.0.0/16"}"#);
    let previous: SubnetKey = "10.5.77.0-24".parse().unwrap();
    let request = |ip: &str| SubnetRequest::new(node(ip)).previous(previous.clone());
    assert_eq!(subnets.acquire(&request("192.0.2.1")).unwrap().subnet, previous);
    let other = subnets.acquire(&request("192.0.2.2")).unwrap();
    assert_ne!(other.subnet, previous, "it is taken");
    // The network is narrowed: what does not fit goes when its node asks again.
    flannel(&etcd, r#"{"Network":"10.6.0.0/16"}"#);
    let moved = subnets.acquire(&request("192.0.2.1")).unwrap();
    assert!(moved.subnet.to_string().starts_with("10.6."), "{moved:?}");
    let keys: Vec<String> = etcd.all(SUBNETS).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, [format!("{SUBNETS}{}", other.subnet), format!("{SUBNETS}{}", moved.subnet)]);
}

#[test]
fn damaged_values_are_named_and_their_subnets_not_given() {
    let Some(etcd) = etcd() else { return };
    flannel(&etcd, r#"{"Network":"10.5.0.0/22"}"#);
    etcd.put(&format!("{SUBNETS}10.5.1.0-24"), "{broken", 0);
    etcd.put(&format!("{SUBNETS}10.5.2.128-25"), VXLAN, 0);
    etcd.put(&format!("{SUBNETS}readme"), "of somebody", 0);
    let subnets = subnets(&etcd);
    let listed = subnets.list().unwrap();
    assert_eq!((listed.leases.len(), listed.damaged.len()), (1, 2));
    assert_eq!(listed.damaged[0].code(), Code::FLANNEL_VALUE);
    assert!(listed.damaged[0].to_string().contains("10.5.1.0-24"), "{}", listed.damaged[0]);
    assert_eq!(listed.damaged[1].code(), Code::FLANNEL_KEY);
    assert_eq!(
        subnets.acquire(&SubnetRequest::new(node("192.0.2.1"))).unwrap().subnet.to_string(),
        "10.5.3.0-24"
    );
    assert_eq!(
        subnets.acquire(&SubnetRequest::new(node("192.0.2.2"))).unwrap_err().code(),
        Code::ETCD_NO_SUBNET
    );
    let taken = subnets.reserve(&"10.5.2.0-24".parse().unwrap(), &node("192.0.2.3")).unwrap_err();
    assert!(matches!(taken, EtcdError::SubnetTaken { .. }), "{taken}");
    flannel(&etcd, r#"{"Network":"10.5.0.0/31"}"#);
    assert_eq!(subnets.config().unwrap_err().code(), Code::FLANNEL_CONFIG);
    flannel(&etcd, r#"{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fd00::/48"}"#);
    let no_ipv4 = subnets.acquire(&SubnetRequest::new(node("192.0.2.1"))).unwrap_err();
    assert_eq!(no_ipv4.code(), Code::ETCD_OPTIONS, "{no_ipv4}");
}

#[test]
fn a_watch_tells_changes_also_after_a_compaction_and_a_restart() {
    let Some(mut etcd) = etcd() else { return };
    flannel(&etcd, r#"{"Network":"10.5.0.0/16"}"#);
    let subnets = subnets(&etcd);
    let (now, mut watch) = subnets.watch().unwrap();
    assert!(now.leases.is_empty());
    assert!(watch.next(Duration::from_millis(50)).unwrap().is_empty());
    let ttl = Duration::from_secs(2);
    let lease = subnets.acquire(&SubnetRequest::new(node("192.0.2.1")).ttl(ttl)).unwrap();
    let limit = Duration::from_secs(20);
    let events = watch.next(limit).unwrap();
    assert!(matches!(&events[..], [SubnetEvent::Set(set)] if *set == lease), "{events:?}");
    let events = watch.next(limit).unwrap();
    assert!(matches!(&events[..], [SubnetEvent::Gone(key)] if *key == lease.subnet), "expired: {events:?}");

    let (_, mut late) = subnets.watch().unwrap();
    let first = subnets.acquire(&SubnetRequest::new(node("192.0.2.1"))).unwrap();
    subnets.release(&first).unwrap();
    let second = subnets.acquire(&SubnetRequest::new(node("192.0.2.2"))).unwrap();
    etcd.compact();
    let events = late.next(limit).unwrap();
    let all = matches!(&events[..], [SubnetEvent::All(all)] if all.leases == [second.clone()]);
    assert!(all, "{events:?}");

    etcd.down();
    assert!(late.next(limit).is_err(), "the connection is gone");
    etcd.up();
    etcd.put(&format!("{SUBNETS}10.5.200.0-24"), VXLAN, 0);
    let mut seen = Vec::new();
    until("the change after the restart is told", || {
        seen.extend(late.next(Duration::from_millis(500)).unwrap_or_default());
        seen.iter().any(|event| matches!(event, SubnetEvent::Set(set) if set.is_reservation()))
    });
    assert_eq!(seen.len(), 1, "and nothing else: {seen:?}");
}
