//! Conversations recorded with host-local, held again with this plugin.

use std::{fs, path::PathBuf};

use crate::conversation::{Better, Class, Conversation, fixtures, plugin};

/// Where host-local is right, everything is the same; where it is wrong, what is written down beside the case.
#[test]
fn recorded_conversations_go_the_same_way() {
    let mut wrong = Vec::new();
    let mut held = 0;
    for path in cases() {
        let conversation = Conversation::read(&path);
        let better = better(&conversation.id);
        let conversation = match (conversation.class, better.is_file()) {
            (Class::Contract, false) => conversation,
            (Class::Contract, true) => panic!("{}: a contract has nothing better", conversation.id),
            (_, true) => {
                let better = Better::read(&better);
                assert!(better.why.len() > 20, "{}: why is it better?", conversation.id);
                conversation.improved(better)
            }
            (_, false) => panic!("{}: what is better?", conversation.id),
        };
        wrong.extend(conversation.differences(&plugin()));
        held += 1;
    }
    assert!(held >= 60, "only {held} conversations");
    assert!(wrong.is_empty(), "{} differences\n{}", wrong.len(), wrong.join("\n"));
}

/// A copy of the binary under host-local's name is the same plugin.
#[test]
fn a_copy_named_host_local_is_the_same() {
    let scratch = crate::scratch::Scratch::new("copy");
    let copy = scratch.path("host-local");
    fs::copy(plugin(), &copy).unwrap();
    for id in ["order-round-robin", "result-format-1.0.0", "env-missing"] {
        let conversation = Conversation::read(&fixtures().join("conversations").join(format!("{id}.json")));
        assert_eq!(conversation.differences(&copy), Vec::<String>::new());
    }
}

fn cases() -> Vec<PathBuf> {
    let folders = ["conversations", "conversations-more"].map(|folder| fixtures().join(folder));
    let entries =
        folders.iter().filter(|folder| folder.is_dir()).flat_map(|folder| fs::read_dir(folder).unwrap());
    let mut paths: Vec<_> =
        entries.map(|entry| entry.unwrap().path()).filter(|p| p.extension().is_some()).collect();
    paths.sort();
    paths
}

fn better(id: &str) -> PathBuf {
    fixtures().join("better").join(format!("{id}.json"))
}
