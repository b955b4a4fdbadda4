//! Arguments, help and exit codes.

use crate::support::{init_args, prepared, run};

#[test]
fn help_and_version_end_with_0_and_mistakes_with_2() {
    for arguments in [&["--help"][..], &["--version"], &["init", "--help"], &["certs", "renew", "--help"]] {
        let ran = run(arguments).ok();
        assert!(!ran.out.is_empty() && ran.err.is_empty(), "{arguments:?}");
    }
    for arguments in [
        &[][..],
        &["bootstrap"],
        &["init"],
        &["init", "--config", "x", "--dry-run", "--diff"],
        &["config", "images", "--config", "x", "--kubernetes-version", "v1.36.2"],
        &["config", "defaults", "cluster"],
        &["token", "generate", "-o", "yaml"],
    ] {
        let ran = run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments:?}");
        assert!(ran.err.contains("Usage:") || ran.err.contains("possible values"), "{}", ran.err);
    }
}

#[test]
fn mistakes_are_json_where_json_is_asked_for() {
    for json in [&["-o", "json"][..], &["--output=json"], &["-ojson"]] {
        let ran = run([&["init", "--confg", "x"], json].concat());
        assert_eq!(ran.code, 2);
        let error = &ran.json()["errors"][0];
        assert_eq!(error["name"], "USAGE");
        assert!(
            error["message"].as_str().unwrap().contains("--config"),
            "a similar argument is suggested: {error}"
        );
    }
}

#[test]
fn unknown_stages_are_named_with_the_known_ones() {
    let scratch = prepared("unknown-stage", false);
    let before = scratch.snapshot();
    for option in ["--from", "--until", "--skip"] {
        let ran = run(init_args(&scratch, &[option, "certs", "-o", "json"]));
        let error = &ran.json()["errors"][0];
        assert_eq!((ran.code, error["name"].as_str()), (2, Some("FLOW_UNKNOWN_STAGE")));
        assert_eq!(error["details"]["found"], "certs");
        assert!(error["details"]["expected"].as_str().unwrap().contains("pki, kubeconfig"));
        assert_eq!(scratch.snapshot(), before);
    }
}
