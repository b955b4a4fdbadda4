//! `CNI_ARGS` and the other variables of a call: pairs print as they were, what is taken is valid.
#![no_main]

use k8sboot_core::cni::{CniArgs, Environment, IpamArgs};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let args = CniArgs::parse(text);
    if let Ok(args) = &args {
        assert_eq!(args.to_string(), text);
        let mut made = CniArgs::default();
        for (key, value) in args.pairs() {
            if !text.contains('\0') {
                made.push(key, value).expect("what was read can be told");
            }
        }
        assert!(text.contains('\0') || made.to_string() == text);
    }
    // Whoever understands the values has understood the pairs.
    let known = IpamArgs::parse(text);
    assert!(known.is_err() || args.is_ok(), "{known:?}");
    if let Err(error) = known {
        assert!(error.to_string().starts_with("ARGS: "));
    }
    let parts: Vec<&str> = text.split('\n').collect();
    let get = |name: &str| {
        let names = ["CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH"];
        let at = names.iter().position(|one| *one == name)?;
        parts.get(at).map(|part| (*part).to_owned())
    };
    if let Ok(Some(environment)) = Environment::read(get)
        && environment.command().is_ok_and(|command| command.is_of_an_attachment())
    {
        assert!(!environment.container.contains(['/', '\0', ' ']) && !environment.container.is_empty());
        assert!(!environment.interface.contains(['/', ':', ' ']) && environment.interface.len() <= 15);
    }
});
