//! Kubeconfigs: whatever was read prints as text that reads as the same.
#![no_main]

use k8sboot_core::{
    kubeconfig::{CurrentContext, Kubeconfig},
    token::ClusterInfo,
};
use k8sboot_fuzz::now;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(info) = ClusterInfo::from_kubeconfig(text) {
        assert_eq!(info.kubeconfig(), text);
        assert!(!info.server().is_empty() && !info.ca_pem().is_empty());
    }
    let Ok(kubeconfig) = Kubeconfig::parse(text) else { return };
    let printed = print(&kubeconfig);
    let read = Kubeconfig::parse(&printed).unwrap_or_else(|error| panic!("{error}\n{printed}"));
    assert_eq!(print(&read), printed);
    assert_eq!(read.clusters.len(), kubeconfig.clusters.len());
    assert_eq!(read.users.len(), kubeconfig.users.len());
    assert_eq!(read.current().is_ok(), kubeconfig.current().is_ok());
    assert_eq!(read.file_references().len(), kubeconfig.file_references().len());
    assert_eq!(sorted(read.unknown_fields()), sorted(kubeconfig.unknown_fields()));
    let _ = kubeconfig.verify("", now());

    // Merged into itself or into nothing, it stays what it is.
    let mut merged = kubeconfig.clone();
    merged.merge(kubeconfig.clone(), CurrentContext::Switch);
    assert_eq!(print(&merged), printed);
    let mut merged = Kubeconfig::default();
    merged.merge(kubeconfig, CurrentContext::Keep);
    assert_eq!(print(&merged), printed);
});

fn print(kubeconfig: &Kubeconfig) -> String {
    kubeconfig.to_yaml().expose_str().expect("YAML is text").to_owned()
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}
