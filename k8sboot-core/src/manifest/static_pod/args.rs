//! Command lines: kubeadm's defaults, the user's `extraArgs`, and their order.

use std::collections::BTreeMap;

use crate::{
    config::{clean_path, v1beta4::Arg},
    manifest::versions::{ArgumentOrder, Release},
};

/// kubeadm's own flags of one component, by name.
#[derive(Debug, Default)]
pub(super) struct Defaults(BTreeMap<String, String>);

impl Defaults {
    /// Sets a flag.
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// The command line: program, then flags.
    pub(super) fn command(self, program: &str, extra: &[Arg], release: &Release) -> Vec<String> {
        let defaults = self.0.into_iter().collect();
        std::iter::once(program.to_owned()).chain(flags(defaults, extra, release)).collect()
    }
}

/// `--NAME=VALUE` for each default that the user does not override and for each of the user's, in the release's order.
///
/// An override removes the default of that name; repeated names of the user are all kept.
pub(in crate::manifest) fn flags(
    mut defaults: Vec<(String, String)>,
    extra: &[Arg],
    release: &Release,
) -> Vec<String> {
    defaults.retain(|(name, _)| !extra.iter().any(|arg| arg.name == *name));
    defaults.sort();
    let mut all = defaults;
    all.extend(extra.iter().map(|arg| (arg.name.clone(), arg.value.clone())));
    if release.arguments == ArgumentOrder::Sorted {
        all.sort();
    }
    all.into_iter().map(|(name, value)| format!("--{name}={value}")).collect()
}

/// The user's value of a flag: of several the last, as the programs read them.
pub(super) fn last<'a>(extra: &'a [Arg], name: &str) -> Option<&'a str> {
    extra.iter().rfind(|arg| arg.name == name).map(|arg| arg.value.as_str())
}

/// A directory and a name below it, tidied as Go's `filepath.Join` does: no double or trailing slashes, no dots.
pub(in crate::manifest) fn join(directory: &str, name: &str) -> String {
    clean_path(&format!("{directory}/{name}"))
}

/// `HOST:PORT`, IPv6 in brackets.
pub(super) fn host_port(host: &str, port: impl std::fmt::Display) -> String {
    if host.contains([':', '%']) { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::versions::release;

    #[test]
    fn overrides_replace_and_keep_their_order_from_1_36_on() {
        let arg = |name: &str, value: &str| Arg { name: name.into(), value: value.into() };
        let extra = [arg("z", "2"), arg("b", "9"), arg("z", "1"), arg("a", "")];
        for (version, want) in [
            ("v1.36.2", "p --c=3 --z=2 --b=9 --z=1 --a="),
            ("v1.37.0", "p --c=3 --z=2 --b=9 --z=1 --a="),
            ("v1.35.0", "p --a= --b=9 --c=3 --z=1 --z=2"),
            ("v1.33.0", "p --a= --b=9 --c=3 --z=1 --z=2"),
        ] {
            let mut defaults = Defaults::default();
            for (name, value) in [("c", "3"), ("b", "1"), ("a", "1")] {
                defaults.set(name, value);
            }
            let command = defaults.command("p", &extra, release(&version.parse().unwrap()));
            assert_eq!(command.join(" "), want, "{version}");
        }
        assert_eq!(last(&extra, "z"), Some("1"));
    }

    #[test]
    fn joins_as_go() {
        for (directory, name, want) in [
            ("/etc/pki", "ca.crt", "/etc/pki/ca.crt"),
            ("/etc//pki/", "etcd/ca.crt", "/etc/pki/etcd/ca.crt"),
            ("/etc/./a/../pki", "ca.crt", "/etc/pki/ca.crt"),
        ] {
            assert_eq!(join(directory, name), want);
        }
    }
}
