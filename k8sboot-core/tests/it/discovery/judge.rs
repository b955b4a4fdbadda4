//! What answers are worth.

use k8sboot_core::{
    discovery::{
        Cause, Wait,
        judge::{self, Answered, Clocks},
    },
    error::Code,
    time::Timestamp,
    token::{CaPin, ClusterInfo, Signatures},
};

use super::{authority, token};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const CLOCKS: Clocks = Clocks { local: NOW, server: None };
const SERVER: &str = "https://192.0.2.10:6443";

/// An answer with a document, signed by tokens.
fn answer(info: &ClusterInfo, tokens: &[&str]) -> Vec<u8> {
    let mut signatures = Signatures::default();
    for token in tokens {
        signatures.add(info, &token.parse().unwrap());
    }
    info.to_config_map(&signatures).unwrap().as_value().to_string().into_bytes()
}

fn first(body: &[u8], pins: &[CaPin], clocks: Clocks) -> Result<ClusterInfo, Cause> {
    judge::first(Answered::new(200, body), &token(), pins, clocks)
}

#[test]
fn a_signed_and_pinned_document_is_trusted_and_nothing_else() {
    let (ca, pin) = authority(NOW);
    let info = ClusterInfo::new(SERVER, &ca.chain_pem());
    let signed = answer(&info, &["abcdef.0123456789abcdef", "other1.0123456789abcdef"]);
    assert_eq!(first(&signed, &[pin], CLOCKS).unwrap(), info);
    assert_eq!(first(&signed, &[CaPin::new([0; 32]), pin], CLOCKS).unwrap(), info);
    assert_eq!(first(&signed, &[], CLOCKS).unwrap(), info);

    let wrong = CaPin::new([0; 32]);
    let cause = first(&signed, &[wrong], CLOCKS).unwrap_err();
    assert!(
        matches!(&cause, Cause::PinMismatch { expected, found, .. } if (expected.as_slice(), found.as_slice()) == (&[wrong], &[pin])),
        "{cause}"
    );
    let text = cause.to_string();
    assert!(text.contains(&pin.to_string()) && text.contains(&wrong.to_string()), "{text}");

    for (tokens, want, wait) in [
        (&[][..], Code::DISCOVERY_NOT_SIGNED, Wait::Timeout),
        (&["other1.0123456789abcdef"], Code::DISCOVERY_UNKNOWN_TOKEN, Wait::Seconds),
        (&["abcdef.0123456789abcdeg"], Code::DISCOVERY_SIGNATURE, Wait::Never),
    ] {
        let cause = first(&answer(&info, tokens), &[pin], CLOCKS).unwrap_err();
        assert_eq!((cause.code(), cause.wait()), (want, wait), "{cause}");
        assert!(!cause.to_string().contains("0123456789"), "{cause}");
    }
    // Without a signature the pin tells that it is another cluster.
    let cause = first(&answer(&info, &[]), &[wrong], CLOCKS).unwrap_err();
    assert_eq!(cause.code(), Code::DISCOVERY_PIN_MISMATCH);
}

#[test]
fn what_is_no_cluster_info_is_told_as_what_it_is() {
    let (ca, pin) = authority(NOW);
    let info = ClusterInfo::new(SERVER, &ca.chain_pem());
    let map = |kubeconfig: &str| {
        serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cluster-info", "namespace": "kube-public"}, "data": {"kubeconfig": kubeconfig}}).to_string()
    };
    let no_ca = "clusters: [{name: '', cluster: {server: 'https://192.0.2.10:6443'}}]";
    let insecure = info.kubeconfig().replace("https://", "http://");
    let no_pem = ClusterInfo::new(SERVER, "nothing").kubeconfig().to_owned();
    for (code, body, want) in [
        (200, String::new(), Code::DISCOVERY_ANSWER),
        (200, "<html>It works!</html>".to_owned(), Code::DISCOVERY_ANSWER),
        (200, "[]".to_owned(), Code::DISCOVERY_ANSWER),
        (200, "x".repeat(3 << 20), Code::DISCOVERY_ANSWER),
        (200, map("").replace("cluster-info", "other"), Code::DISCOVERY_CLUSTER_INFO),
        (200, map("a: [").clone(), Code::DISCOVERY_CLUSTER_INFO),
        (200, map("clusters: []"), Code::DISCOVERY_CLUSTER_INFO),
        (200, map(no_ca), Code::DISCOVERY_NO_AUTHORITY),
        (200, map(&insecure), Code::DISCOVERY_CLUSTER_INFO),
        (200, map(&no_pem), Code::DISCOVERY_CLUSTER_INFO),
        (401, String::new(), Code::DISCOVERY_ANONYMOUS),
        (403, r#"{"kind": "Status", "message": "forbidden"}"#.to_owned(), Code::DISCOVERY_ANONYMOUS),
        (404, String::new(), Code::DISCOVERY_MISSING),
        (429, String::new(), Code::DISCOVERY_BUSY),
        (500, "stack\ntrace".to_owned(), Code::DISCOVERY_SERVER),
        (503, String::new(), Code::DISCOVERY_SERVER),
        (301, String::new(), Code::DISCOVERY_STATUS),
        (418, String::new(), Code::DISCOVERY_STATUS),
        (0, String::new(), Code::DISCOVERY_STATUS),
    ] {
        let cause = judge::first(Answered::new(code, body.as_bytes()), &token(), &[pin], CLOCKS).unwrap_err();
        assert_eq!(cause.code(), want, "{code} {cause}");
        let text = cause.to_string();
        assert!(text.len() < 800 && !text.contains('\n'), "{text}");
    }
}

#[test]
fn the_second_answer_must_be_the_same() {
    let ((ca, pin), (other, other_pin)) = (authority(NOW), authority(NOW));
    let info = ClusterInfo::new(SERVER, &ca.chain_pem());
    let second = |body: &[u8]| judge::second(Answered::new(200, body), &info);
    assert_eq!(second(&answer(&info, &[])), Ok(()));
    let cause = second(&answer(&ClusterInfo::new(SERVER, &other.chain_pem()), &[])).unwrap_err();
    assert!(
        matches!(&cause, Cause::Changed { first, second, .. } if (first.as_slice(), second.as_slice()) == (&[pin], &[other_pin])),
        "{cause}"
    );
    let cause =
        second(&answer(&ClusterInfo::new("https://192.0.2.11:6443", &ca.chain_pem()), &[])).unwrap_err();
    assert_eq!((cause.code(), cause.wait()), (Code::DISCOVERY_CHANGED, Wait::Never));
    assert!(second(b"").is_err());
}

#[test]
fn an_authority_out_of_its_time_is_a_matter_of_clocks_if_they_are_apart() {
    let (ca, pin) = authority(NOW);
    let info = ClusterInfo::new(SERVER, &ca.chain_pem());
    let signed = answer(&info, &["abcdef.0123456789abcdef"]);
    let at = |local: i64, server: Option<i64>| {
        let clocks = Clocks { local: NOW.plus_seconds(local), server: server.map(|at| NOW.plus_seconds(at)) };
        first(&signed, &[pin], clocks).map_err(|cause| cause.code())
    };
    // Certificates are backdated by five minutes.
    assert!(at(-299, None).is_ok());
    assert_eq!(at(-301, None), Err(Code::DISCOVERY_CERTIFICATE));
    assert_eq!(at(-301, Some(-300)), Err(Code::DISCOVERY_CERTIFICATE));
    assert_eq!(at(-3600, Some(0)), Err(Code::DISCOVERY_CLOCK));
    assert_eq!(at(20 * 365 * 86_400, Some(0)), Err(Code::DISCOVERY_CLOCK));
    let clocks = Clocks { local: NOW, server: Some(NOW.plus_seconds(7200)) };
    let Cause::Clock { local, server, .. } = judge::out_of_time("it is not valid yet".to_owned(), clocks)
    else {
        panic!("another cause")
    };
    assert_eq!((local, server), (NOW, NOW.plus_seconds(7200)));
    let warning = judge::clock_warning(&"192.0.2.10:6443".parse().unwrap(), clocks).unwrap();
    assert!(
        warning.contains(&NOW.to_string()) && warning.contains(&NOW.plus_seconds(7200).to_string()),
        "{warning}"
    );
}
