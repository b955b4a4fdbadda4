//! Network configurations: lists of plugins (`*.conflist`) and single plugins (`*.conf`, `*.json`).

use super::{
    environment::Command,
    error::CniError,
    json::{Json, Layout},
    version::{Version, at_least},
};

/// A network configuration: a name, a version and plugins in order.
///
/// What it does not know it keeps and passes through, in order.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::cni::{NetworkList, Version};
/// let list = NetworkList::parse(br#"{"cniVersion":"1.0.0","name":"mynet","plugins":[
///     {"type":"bridge","ipam":{"type":"host-local","subnet":"10.1.2.0/24"}},
///     {"type":"portmap","capabilities":{"portMappings":true}}]}"#)?;
/// assert_eq!((list.name(), list.version()?), ("mynet", Version::V1_0_0));
/// assert_eq!(list.binaries(), ["bridge", "host-local", "portmap"]);
/// # Ok::<(), k8sboot_core::cni::CniError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkList {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) disable_check: bool,
    pub(super) disable_gc: bool,
    pub(super) only_inlined: bool,
    pub(super) plugins: Vec<PluginConf>,
    pub(super) document: Json,
}

/// The configuration of one plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginConf {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) capabilities: Vec<(String, bool)>,
    pub(super) ipam: String,
    pub(super) object: Json,
    pub(super) from: Option<String>,
}

/// Whether a command runs anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applies {
    /// It does.
    Yes,
    /// There is nothing to do, which is success.
    No {
        /// Why.
        why: &'static str,
    },
}

impl NetworkList {
    /// The name of the network.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version of every call: the highest known of `cniVersions` and `cniVersion`.
    ///
    /// # Errors
    ///
    /// [`CniError::Version`] if none is known; [`parse`](Self::parse) refuses such a list.
    pub fn version(&self) -> Result<Version, CniError> {
        Version::parse(&self.version)
    }

    /// The plugins, in the order of ADD.
    #[must_use]
    pub fn plugins(&self) -> &[PluginConf] {
        &self.plugins
    }

    /// Whether CHECK is switched off.
    #[must_use]
    pub const fn disable_check(&self) -> bool {
        self.disable_check
    }

    /// Whether GC is switched off.
    #[must_use]
    pub const fn disable_gc(&self) -> bool {
        self.disable_gc
    }

    /// Whether the network's own folder of plugins is not looked at.
    #[must_use]
    pub const fn load_only_inlined_plugins(&self) -> bool {
        self.only_inlined
    }

    /// The names of all programs it needs, IPAM plugins too, each once.
    #[must_use]
    pub fn binaries(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for plugin in &self.plugins {
            for name in [plugin.kind.as_str(), plugin.ipam.as_str()] {
                if !name.is_empty() && !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }

    /// Whether a command runs the plugins of this network.
    ///
    /// Source: CHECK is an error below 0.4.0; GC and STATUS succeed without doing anything below 1.1.0.
    ///
    /// # Errors
    ///
    /// [`CniError::Version`].
    pub fn applies(&self, command: Command) -> Result<Applies, CniError> {
        let new_enough = at_least(&self.version, command.since())?;
        Ok(match command {
            Command::Check if !new_enough => {
                return Err(CniError::Version {
                    what: "CHECK",
                    expected: "a cniVersion from 0.4.0 on".to_owned(),
                    found: self.version.clone(),
                });
            }
            Command::Check if self.disable_check => Applies::No { why: "disableCheck is set" },
            Command::Gc if self.disable_gc => Applies::No { why: "disableGC is set" },
            Command::Gc | Command::Status if !new_enough => {
                Applies::No { why: "the configuration is older than cniVersion 1.1.0" }
            }
            _ => Applies::Yes,
        })
    }

    /// Prints it: what was read, members in order; plugins of the network's folder are part of it then.
    #[must_use]
    pub fn render(&self, layout: Layout) -> String {
        self.to_json().render(layout)
    }

    /// As JSON, as for [`render`](Self::render).
    #[must_use]
    pub fn to_json(&self) -> Json {
        let Json::Object(members) = &self.document else { return self.document.clone() };
        if self.plugins.iter().all(|plugin| plugin.from.is_none()) {
            return self.document.clone();
        }
        let plugins = Json::List(self.plugins.iter().map(|plugin| plugin.object.clone()).collect());
        let mut members: Vec<_> = members
            .iter()
            .filter(|(key, _)| key != "plugins" && key != "loadOnlyInlinedPlugins")
            .cloned()
            .collect();
        members.push(("loadOnlyInlinedPlugins".to_owned(), Json::Bool(true)));
        members.push(("plugins".to_owned(), plugins));
        Json::Object(members)
    }
}

impl PluginConf {
    /// The name of its program.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Its own name, which is not the network's; mostly empty.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The capabilities it declares, with whether it has them.
    #[must_use]
    pub fn capabilities(&self) -> &[(String, bool)] {
        &self.capabilities
    }

    /// The name of its IPAM plugin; empty if it has none.
    #[must_use]
    pub fn ipam(&self) -> &str {
        &self.ipam
    }

    /// The configuration as it was read.
    #[must_use]
    pub const fn object(&self) -> &Json {
        &self.object
    }

    /// The file of the network's folder that it comes from; `None` if it is part of the list itself.
    #[must_use]
    pub fn from(&self) -> Option<&str> {
        self.from.as_deref()
    }
}
