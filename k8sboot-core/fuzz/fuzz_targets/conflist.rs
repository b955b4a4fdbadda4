//! Network configurations: errors lie in the text, printing loses nothing, every plugin is called for the network.
#![no_main]

use k8sboot_core::cni::{
    Attachment, Call, CniError, Command, ConfDirectory, ConfFile, Json, Layout, NetworkList,
    ValidAttachments, choose,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let reads = [NetworkList::parse(bytes), NetworkList::parse_conf(bytes)];
    for read in &reads {
        match read {
            Ok(list) => known(list),
            Err(CniError::Json { line, column, .. }) => {
                let text = String::from_utf8_lossy(bytes);
                let there = text.split('\n').nth(line - 1).expect("a line of the text");
                assert!(*column <= there.chars().count() + 3, "{line}:{column}");
            }
            Err(_) => {}
        }
    }
    let file = |name: &str| ConfFile { name: name.to_owned(), content: Ok(bytes.to_vec()) };
    let files = vec![file("10-a.conf"), file("10-a.conflist")];
    let choice = choose(&ConfDirectory { path: "/x".to_owned(), files, folders: Vec::new() }, &[]);
    // What can be called is chosen; what is chosen may still have an impossible name or version.
    assert!(choice.chosen.is_some() || reads.iter().all(Result::is_err));
    assert!(choice.to_table().starts_with("FILE"));
});

fn known(list: &NetworkList) {
    for layout in [Layout::Compact, Layout::Indented] {
        let text = list.render(layout);
        let again = NetworkList::parse(text.as_bytes()).expect("what was printed is read");
        assert_eq!(again.plugins(), list.plugins());
        assert_eq!(again.render(layout), text);
    }
    let attachment = Attachment::new("3f2a", "eth0", "/x").expect("valid names");
    let valid = ValidAttachments::These(Vec::new());
    for call in [Call::Add(&attachment), Call::Del(&attachment), Call::Gc(&valid), Call::Status] {
        let Ok(calls) = list.invocations(call, None, "/bin") else { panic!("{call:?}") };
        for one in calls {
            let stdin = Json::parse(&one.stdin).expect("standard input is JSON");
            let fields = stdin.fields().expect("an object");
            assert_eq!(fields.text("name"), Ok(Some(list.name())));
            assert_eq!(fields.text("cniVersion"), Ok(list.version().ok().map(|version| version.as_str())));
            assert_eq!(fields.text("type"), Ok(Some(one.program.as_str())));
            assert_eq!(
                call.command() == Command::Gc,
                fields.list("cni.dev/attachments").is_ok_and(|l| l.is_some())
            );
        }
    }
}
