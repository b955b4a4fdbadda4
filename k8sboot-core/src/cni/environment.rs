//! The environment variables of a call, as a plugin reads and proves them.

use std::fmt;

use super::{
    error_object::{ErrorCode, ErrorObject},
    version::Version,
};
use crate::ipam::{is_container_id, is_interface_name};

/// What a plugin is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Attach a container to a network.
    Add,
    /// Undo that.
    Del,
    /// Look whether an attachment is as ADD made it.
    Check,
    /// Free what no valid attachment needs.
    Gc,
    /// Say whether ADD could be served.
    Status,
    /// Say which versions are taken.
    Version,
}

impl Command {
    /// Every command.
    pub const ALL: [Self; 6] = [Self::Add, Self::Del, Self::Check, Self::Gc, Self::Status, Self::Version];

    /// The text in `CNI_COMMAND`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "ADD",
            Self::Del => "DEL",
            Self::Check => "CHECK",
            Self::Gc => "GC",
            Self::Status => "STATUS",
            Self::Version => "VERSION",
        }
    }

    /// The first version that has it.
    #[must_use]
    pub const fn since(self) -> Version {
        match self {
            Self::Add | Self::Del => Version::V0_1_0,
            Self::Version => Version::V0_2_0,
            Self::Check => Version::V0_4_0,
            Self::Gc | Self::Status => Version::V1_1_0,
        }
    }

    /// Whether it is about one attachment, and so needs a container ID and an interface name.
    #[must_use]
    pub const fn is_of_an_attachment(self) -> bool {
        matches!(self, Self::Add | Self::Del | Self::Check)
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The environment variables of a call; empty where they are not set.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::cni::{Command, Environment};
/// let set = [("CNI_COMMAND", "DEL"), ("CNI_CONTAINERID", "3f2a"), ("CNI_IFNAME", "eth0"), ("CNI_PATH", "/opt/cni/bin")];
/// let get = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, value)| value.to_string());
/// let environment = Environment::read(get)?.unwrap();
/// assert_eq!(environment.command()?, Command::Del);
/// assert_eq!(environment.container, "3f2a");
/// # Ok::<(), k8sboot_core::cni::ErrorObject>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Environment {
    /// `CNI_COMMAND` as given; see [`command`](Self::command).
    pub command_text: String,
    /// `CNI_CONTAINERID`.
    pub container: String,
    /// `CNI_NETNS`.
    pub netns: String,
    /// `CNI_IFNAME`.
    pub interface: String,
    /// `CNI_ARGS`.
    pub args: String,
    /// `CNI_PATH`.
    pub path: String,
    /// `CNI_NETNS_OVERRIDE`.
    pub netns_override: String,
}

impl Environment {
    /// Reads the variables and proves those that the command needs. `None` if there is no `CNI_COMMAND`.
    ///
    /// Source: host-local: a value that is not valid is reported before those that are missing; empty is missing.
    ///
    /// # Errors
    ///
    /// What a plugin is to print, with code 4 and host-local's message.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, ErrorObject> {
        let get = |name: &str| get(name).unwrap_or_default();
        let environment = Self {
            command_text: get("CNI_COMMAND"),
            container: get("CNI_CONTAINERID"),
            netns: get("CNI_NETNS"),
            interface: get("CNI_IFNAME"),
            args: get("CNI_ARGS"),
            path: get("CNI_PATH"),
            netns_override: get("CNI_NETNS_OVERRIDE"),
        };
        if environment.command_text.is_empty() {
            return Ok(None);
        }
        if let Ok(command) = environment.command() {
            environment.prove(command)?;
        }
        Ok(Some(environment))
    }

    /// The command.
    ///
    /// # Errors
    ///
    /// What a plugin is to print if it is not known; host-local does so only after it has read standard input.
    pub fn command(&self) -> Result<Command, ErrorObject> {
        Command::ALL.into_iter().find(|command| command.as_str() == self.command_text).ok_or_else(|| {
            ErrorObject::new(ErrorCode::ENVIRONMENT, format!("unknown CNI_COMMAND: {}", self.command_text))
        })
    }

    /// Whether `CNI_NETNS_OVERRIDE` allows the plugin's own namespace.
    #[must_use]
    pub fn may_be_own_netns(&self) -> bool {
        self.netns_override == "1" || self.netns_override.eq_ignore_ascii_case("true")
    }

    fn prove(&self, command: Command) -> Result<(), ErrorObject> {
        let attachment = command.is_of_an_attachment();
        if attachment && !self.container.is_empty() && !is_container_id(&self.container) {
            return Err(ErrorObject::new(ErrorCode::ENVIRONMENT, "invalid characters in containerID")
                .with_details(&self.container));
        }
        if attachment && !self.interface.is_empty() {
            prove_interface(&self.interface)?;
        }
        let needed = [
            ("CNI_CONTAINERID", &self.container, attachment),
            ("CNI_NETNS", &self.netns, matches!(command, Command::Add | Command::Check)),
            ("CNI_IFNAME", &self.interface, attachment),
            ("CNI_PATH", &self.path, command != Command::Version),
        ];
        let missing: Vec<_> = needed
            .iter()
            .filter(|(_, value, needed)| *needed && value.is_empty())
            .map(|(name, _, _)| *name)
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(ErrorObject::new(
            ErrorCode::ENVIRONMENT,
            format!("required env variables [{}] missing", missing.join(",")),
        ))
    }
}

/// Proves the name of a network: the alphabet is that of container IDs.
///
/// # Errors
///
/// What a plugin is to print, with code 7 and host-local's message.
pub fn prove_network_name(name: &str) -> Result<(), ErrorObject> {
    if name.is_empty() {
        return Err(ErrorObject::new(ErrorCode::NETWORK_CONFIG, "missing network name"));
    }
    if !is_container_id(name) {
        return Err(ErrorObject::new(ErrorCode::NETWORK_CONFIG, "invalid characters found in network name")
            .with_details(name));
    }
    Ok(())
}

fn prove_interface(name: &str) -> Result<(), ErrorObject> {
    if is_interface_name(name) {
        return Ok(());
    }
    let error = |msg: &str| Err(ErrorObject::new(ErrorCode::ENVIRONMENT, msg));
    if name.len() > 15 {
        return error("interface name is too long")
            .map_err(|e| e.with_details("interface name should be less than 16 characters"));
    }
    if matches!(name, "." | "..") {
        return error("interface name is . or ..");
    }
    error("interface name contains / or : or whitespace characters")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Option<Environment>, ErrorObject> {
        Environment::read(|name| set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    const FULL: [(&str, &str); 5] = [
        ("CNI_COMMAND", "ADD"),
        ("CNI_CONTAINERID", "a"),
        ("CNI_NETNS", "/run/netns/x"),
        ("CNI_IFNAME", "eth0"),
        ("CNI_PATH", "/opt/cni/bin"),
    ];

    #[test]
    fn names_what_each_command_needs() {
        for (command, want) in [
            ("ADD", "CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH"),
            ("CHECK", "CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH"),
            ("DEL", "CNI_CONTAINERID,CNI_IFNAME,CNI_PATH"),
            ("GC", "CNI_PATH"),
            ("STATUS", "CNI_PATH"),
        ] {
            let error = read(&[("CNI_COMMAND", command), ("CNI_PATH", "")]).unwrap_err();
            assert_eq!(error.msg, format!("required env variables [{want}] missing"), "{command}");
            assert_eq!(error.code, ErrorCode::ENVIRONMENT);
        }
        assert!(read(&[("CNI_COMMAND", "VERSION")]).unwrap().is_some());
        assert_eq!(read(&[("CNI_IFNAME", "a/b")]), Ok(None));
        let odd = read(&[("CNI_COMMAND", "add"), ("CNI_IFNAME", "a/b")]).unwrap().unwrap();
        assert_eq!(odd.command().unwrap_err().msg, "unknown CNI_COMMAND: add");
    }

    #[test]
    fn invalid_comes_before_missing() {
        for (name, value, msg) in [
            ("CNI_CONTAINERID", "../a", "invalid characters in containerID"),
            ("CNI_IFNAME", "sixteen-bytes-xx", "interface name is too long"),
            ("CNI_IFNAME", "..", "interface name is . or .."),
            ("CNI_IFNAME", "a b", "interface name contains / or : or whitespace characters"),
            ("CNI_IFNAME", "a\u{a0}b", "interface name contains / or : or whitespace characters"),
        ] {
            let set: Vec<_> = FULL
                .iter()
                .filter(|(n, _)| *n != "CNI_PATH")
                .map(|(n, v)| (*n, if *n == name { value } else { *v }))
                .collect();
            assert_eq!(read(&set).unwrap_err().msg, msg);
            let gc: Vec<_> = FULL
                .iter()
                .map(|(n, v)| {
                    (
                        *n,
                        if *n == name {
                            value
                        } else if *n == "CNI_COMMAND" {
                            "GC"
                        } else {
                            *v
                        },
                    )
                })
                .collect();
            assert!(read(&gc).is_ok(), "GC does not look at {name}");
        }
    }
}
