//! `cni list`.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::support::{Scratch, run};

const FLANNEL: &str = r#"{"name":"cbr0","cniVersion":"0.3.1","type":"flannel"}"#;
const FLANNEL_LIST: &str =
    r#"{"name":"cbr0","cniVersion":"0.3.1","plugins":[{"type":"flannel"},{"type":"portmap"}]}"#;

fn program(scratch: &Scratch, name: &str, mode: u32) {
    scratch.write(name, "");
    fs::set_permissions(scratch.path(name), fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn the_winner_is_told_with_the_reason_and_what_is_missing() {
    let scratch = Scratch::new("cni");
    scratch.write("net.d/10-flannel.conf", FLANNEL);
    scratch.write("net.d/10-flannel.conflist", FLANNEL_LIST);
    scratch.write("net.d/05-torn.conflist", "{\n  \"name\": \"x\",\n");
    scratch.write("net.d/README", "not a configuration");
    program(&scratch, "bin/flannel", 0o755);
    program(&scratch, "other/portmap", 0o644);
    let (net, bin, other) = (scratch.arg("net.d"), scratch.arg("bin"), scratch.arg("other"));
    let before = scratch.snapshot();
    let path = format!("{bin}:{other}");
    let ran = run(["cni", "list", &net, "--plugin-path", &path]).ok();
    let want = format!(
        "\
FILE                 NETWORK  VERSION  PLUGINS          VERDICT
05-torn.conflist     -        -        -                broken: line 3, column 1: expected a key in quotes, found the end: the text is cut off
10-flannel.conf      cbr0     0.3.1    flannel          used: the first valid one in the order of names
10-flannel.conflist  cbr0     0.3.1    flannel portmap  not used: comes after 10-flannel.conf
README               -        -        -                ignored: the name does not end in .conflist, .conf or .json

PROGRAM  PATH
flannel  {bin}/flannel
portmap  {other}/portmap is not executable: chmod it
"
    );
    assert!(ran.out.starts_with(&want), "{}", ran.out);
    assert!(
        ran.out.contains("note: 10-flannel.conf comes before 10-flannel.conflist because the shorter name")
    );
    assert!(ran.out.contains("note: containerd takes none: 05-torn.conflist is the first and broken"));

    let twice = ["cni", "list", &net, "--plugin-path", &bin, "--plugin-path", &other, "-o", "json"];
    let json = run(twice).ok().json();
    assert_eq!(json["chosen"], "10-flannel.conf");
    assert_eq!(json["files"][2]["verdict"], "later");
    assert_eq!(json["files"][2]["missing"], serde_json::json!(["portmap"]));
    assert_eq!(json["programs"][0]["path"], format!("{bin}/flannel"));
    let by_name =
        json["readers"].as_array().unwrap().iter().find(|one| one["reader"] == "by name cbr0").unwrap();
    assert_eq!(by_name["why"], "the look-up stops at 05-torn.conflist, which is broken");
    assert_eq!(scratch.snapshot(), before);
}

#[test]
fn plugins_of_a_folder_and_links_are_read() {
    let scratch = Scratch::new("cni-folder");
    scratch.write("net.d/10-n.conflist", r#"{"name":"n","cniVersion":"1.1.0"}"#);
    scratch.write("net.d/n/20-b.conf", r#"{"type":"b"}"#);
    scratch.write("net.d/n/10-a.conf", r#"{"type":"a"}"#);
    scratch.write("net.d/n/notes.txt", "no plugin");
    std::os::unix::fs::symlink("nowhere", scratch.path("net.d/05-gone.conf")).unwrap();
    let json = run(["cni", "list", &scratch.arg("net.d"), "-o", "json"]).ok().json();
    assert_eq!(json["files"][1]["plugins"], serde_json::json!(["a", "b"]));
    assert_eq!(json["files"][0]["verdict"], "broken");
    assert!(json["files"][0]["why"].as_str().unwrap().contains("a link to nothing"));
}

#[test]
fn a_directory_that_is_not_there_is_an_error_and_an_empty_one_is_not() {
    let scratch = Scratch::new("cni-none");
    let missing = run(["cni", "list", &scratch.arg("none"), "-o", "json"]);
    assert_eq!((missing.code, missing.json()["errors"][0]["name"].as_str()), (1, Some("CNI_FILE")));
    fs::create_dir(scratch.path("net.d")).unwrap();
    let empty = run(["cni", "list", &scratch.arg("net.d")]).ok();
    assert!(empty.out.contains("note: no valid configuration"), "{}", empty.out);
    assert_eq!(run(["cni", "show"]).code, 2);
}
