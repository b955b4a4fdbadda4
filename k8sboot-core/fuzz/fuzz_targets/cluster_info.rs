//! Answers of endpoints: nothing that strangers can send is trusted, and every refusal is told in a few words.
#![no_main]

use k8sboot_core::{
    discovery::{
        Cause, Endpoint,
        judge::{self, Answered, Clocks, http_date},
        served,
    },
    error::Code,
    token::{CaPin, ClusterInfo, Signatures},
};
use k8sboot_fuzz::{now, token};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Two bytes of status, then the body.
    let (status, body) = bytes.split_at(bytes.len().min(2));
    let code = status.iter().fold(0, |code, byte| code * 256 + u16::from(*byte)) % 1000;
    let clocks = Clocks { local: now(), server: http_date(&String::from_utf8_lossy(body)) };
    for code in [code, 200] {
        let answer = Answered::new(code, body);
        let pin = CaPin::new([0; 32]);
        let judged = judge::first(answer, &token(), &[pin], clocks);
        told(&judged.expect_err("no certificate has this pin"));
        assert!(judge::pinned(answer, &[pin]).is_none());
        let served = served::judge(answer, &token(), &[], clocks);
        if let Ok(info) = &served {
            // Only who knows the token makes a signature; a corpus may hold one.
            let mut signatures = Signatures::default();
            signatures.add(info, &token());
            assert!(signatures.by(token().id()).is_ok());
            assert_eq!(judge::second(answer, info), Ok(()));
        } else if let Err(cause) = &served {
            told(cause);
        }
        let other = ClusterInfo::new("https://192.0.2.10:6443", "other");
        if let Err(cause) = judge::second(answer, &other) {
            told(&cause);
        }
        let _ = (judge::readable(answer), judge::fetched(answer), judge::credentials(answer, "somebody"));
    }
    if let Ok(endpoint) = String::from_utf8_lossy(body).parse::<Endpoint>() {
        assert_eq!(endpoint.url().parse::<Endpoint>().expect("its own URL"), endpoint);
    }
});

fn told(cause: &Cause) {
    assert_ne!(cause.code(), Code::DISCOVERY_CANCELLED);
    let text = cause.to_string();
    assert!(!text.contains("0123456789abcdef") && !text.contains('\n'), "{text}");
}
