//! Calls of plugins as data: environment and standard input.

use super::{
    args::CniArgs,
    attachments::{ATTACHMENTS, VALID_ATTACHMENTS, ValidAttachments},
    environment::Command,
    error::{CniError, cut},
    go_json::same_key,
    json::{Json, Layout},
    list::{NetworkList, PluginConf},
    result::CniResult,
    version::Version,
};
use crate::ipam::{is_container_id, is_interface_name};

/// What a runtime attaches to a network.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attachment {
    /// The container ID.
    pub container: String,
    /// The name of the interface inside the container.
    pub interface: String,
    /// The path of the container's network namespace; empty if it is gone, which only DEL allows.
    pub netns: String,
    /// The pairs of `CNI_ARGS`.
    pub args: CniArgs,
    /// The capability arguments: `portMappings`, `ips`, `mac` and so on, by name.
    pub capability_args: Vec<(String, Json)>,
}

impl Attachment {
    /// Proves the container ID and the interface name.
    ///
    /// # Errors
    ///
    /// [`CniError::Parameter`].
    pub fn new(container: &str, interface: &str, netns: &str) -> Result<Self, CniError> {
        let wrong =
            |parameter, expected, found: &str| CniError::Parameter { parameter, expected, found: cut(found) };
        if !is_container_id(container) {
            let expected = "letters, digits, '_', '.' and '-', beginning with a letter or digit";
            return Err(wrong("CNI_CONTAINERID", expected, container));
        }
        if !is_interface_name(interface) {
            let expected = "1 to 15 bytes without '/', ':' and white space, not '.' or '..'";
            return Err(wrong("CNI_IFNAME", expected, interface));
        }
        if netns.contains('\0') {
            return Err(wrong("CNI_NETNS", "a path without NUL", netns));
        }
        Ok(Self {
            container: container.to_owned(),
            interface: interface.to_owned(),
            netns: netns.to_owned(),
            args: CniArgs::default(),
            capability_args: Vec::new(),
        })
    }

    /// Sets [`args`](Self::args).
    #[must_use]
    pub fn args(mut self, args: CniArgs) -> Self {
        self.args = args;
        self
    }

    /// Adds one of [`capability_args`](Self::capability_args).
    #[must_use]
    pub fn capability(mut self, name: &str, value: Json) -> Self {
        self.capability_args.push((name.to_owned(), value));
        self
    }
}

/// What the plugins of a network are asked to do.
#[derive(Clone, Copy, Debug)]
pub enum Call<'a> {
    /// Attach.
    Add(&'a Attachment),
    /// Detach.
    Del(&'a Attachment),
    /// Look whether the attachment is as it was made.
    Check(&'a Attachment),
    /// Free what no valid attachment needs.
    Gc(&'a ValidAttachments),
    /// Say whether ADD could be served.
    Status,
}

impl<'a> Call<'a> {
    /// The command.
    #[must_use]
    pub const fn command(&self) -> Command {
        match self {
            Self::Add(_) => Command::Add,
            Self::Del(_) => Command::Del,
            Self::Check(_) => Command::Check,
            Self::Gc(_) => Command::Gc,
            Self::Status => Command::Status,
        }
    }

    const fn attachment(&self) -> Option<&'a Attachment> {
        match self {
            Self::Add(attachment) | Self::Del(attachment) | Self::Check(attachment) => Some(attachment),
            Self::Gc(_) | Self::Status => None,
        }
    }
}

/// A call of a plugin: which program, with which environment and standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Invocation {
    /// The name of the program, to be looked for in the directories of `CNI_PATH`.
    pub program: String,
    /// The plugin's own name; mostly empty.
    pub name: String,
    /// The command.
    pub command: Command,
    /// The six variables of the protocol; empty where there is nothing to say.
    pub environment: Vec<(&'static str, String)>,
    /// The bytes for standard input.
    pub stdin: Vec<u8>,
}

impl Invocation {
    /// Asks a program which versions it takes. `CNI_NETNS`, `CNI_IFNAME` and `CNI_PATH` are `dummy`, because plugins of
    /// 2016 refuse to run without them.
    #[must_use]
    pub fn version(program: &str) -> Self {
        let values = ["VERSION", "", "dummy", "", "dummy", "dummy"];
        Self {
            program: program.to_owned(),
            name: String::new(),
            command: Command::Version,
            environment: VARIABLES.into_iter().zip(values.map(str::to_owned)).collect(),
            stdin: format!("{{\"cniVersion\":\"{}\"}}", Version::LATEST).into_bytes(),
        }
    }
}

const VARIABLES: [&str; 6] =
    ["CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_ARGS", "CNI_IFNAME", "CNI_PATH"];

impl NetworkList {
    /// The indices of the plugins in the order a command runs them: DEL the other way round.
    pub fn order(&self, command: Command) -> impl Iterator<Item = usize> + use<> {
        let count = self.plugins.len();
        (0..count).map(move |step| if command == Command::Del { count - 1 - step } else { step })
    }

    /// The call of one plugin. `previous` is the result of the plugin before it for ADD, the final one for CHECK and DEL;
    /// it is converted to the network's version, and left out of a DEL below 0.4.0.
    ///
    /// `path` is the list of directories with plugins, `:` between them.
    ///
    /// Standard input holds `cniVersion` and `name` of the network, the plugin's own members in order, then `runtimeConfig`
    /// with those capability arguments that the plugin declares, `prevResult`, and for GC the valid attachments under both
    /// keys. `capabilities` is left out, as the specification wants.
    ///
    /// # Errors
    ///
    /// [`CniError::Version`], or [`CniError::NoAddress`] if the previous result cannot be converted.
    ///
    /// # Examples
    ///
    /// ```
    /// # use k8sboot_core::cni::{Attachment, Call, NetworkList};
    /// let list = NetworkList::parse_conf(br#"{"cniVersion":"1.0.0","name":"mynet","type":"bridge"}"#)?;
    /// let attachment = Attachment::new("3f2a", "eth0", "/run/netns/x")?;
    /// let call = list.invocation(0, Call::Add(&attachment), None, "/opt/cni/bin")?.unwrap();
    /// assert_eq!(call.program, "bridge");
    /// assert_eq!(call.stdin, br#"{"cniVersion":"1.0.0","name":"mynet","type":"bridge"}"#);
    /// assert!(call.environment.contains(&("CNI_IFNAME", "eth0".to_string())));
    /// # Ok::<(), k8sboot_core::cni::CniError>(())
    /// ```
    pub fn invocation(
        &self,
        plugin: usize,
        call: Call<'_>,
        previous: Option<&CniResult>,
        path: &str,
    ) -> Result<Option<Invocation>, CniError> {
        let Some(plugin) = self.plugins.get(plugin) else { return Ok(None) };
        let version = self.version()?;
        let command = call.command();
        let attachment = call.attachment();
        let takes_previous = match command {
            Command::Add | Command::Check => true,
            Command::Del => version >= Version::V0_4_0,
            Command::Gc | Command::Status | Command::Version => false,
        };
        let mut injected = Vec::new();
        if let Some(config) = attachment.and_then(|attachment| runtime_config(plugin, attachment)) {
            injected.push(("runtimeConfig", config));
        }
        if let Some(previous) = previous.filter(|_| takes_previous) {
            injected.push(("prevResult", previous.converted(version)?.to_json()));
        }
        if let Call::Gc(valid) = call
            && let Some(valid) = valid.to_json()
        {
            injected.push((VALID_ATTACHMENTS, valid.clone()));
            injected.push((ATTACHMENTS, valid));
        }
        let value = |get: fn(&Attachment) -> String| attachment.map(get).unwrap_or_default();
        let values = [
            command.as_str().to_owned(),
            value(|attachment| attachment.container.clone()),
            value(|attachment| attachment.netns.clone()),
            value(|attachment| attachment.args.to_string()),
            value(|attachment| attachment.interface.clone()),
            path.to_owned(),
        ];
        Ok(Some(Invocation {
            program: plugin.kind.clone(),
            name: plugin.name.clone(),
            command,
            environment: VARIABLES.into_iter().zip(values).collect(),
            stdin: self.stdin(plugin, version, injected).into_bytes(),
        }))
    }

    /// The calls of all plugins with one previous result, in order; none if the command does not apply.
    ///
    /// For ADD each call but the first needs the result of the one before: see [`invocation`](Self::invocation).
    ///
    /// # Errors
    ///
    /// As for [`invocation`](Self::invocation) and [`applies`](Self::applies).
    pub fn invocations(
        &self,
        call: Call<'_>,
        previous: Option<&CniResult>,
        path: &str,
    ) -> Result<Vec<Invocation>, CniError> {
        if self.applies(call.command())? != super::Applies::Yes {
            return Ok(Vec::new());
        }
        let all = self.order(call.command()).map(|plugin| self.invocation(plugin, call, previous, path));
        all.filter_map(Result::transpose).collect()
    }

    fn stdin(&self, plugin: &PluginConf, version: Version, injected: Vec<(&str, Json)>) -> String {
        let mut members = vec![
            ("cniVersion".to_owned(), Json::text(version.as_str())),
            ("name".to_owned(), Json::text(&self.name)),
        ];
        if let Json::Object(own) = &plugin.object {
            // Other spellings go too: a plugin would take whichever comes last.
            let replaced = |key: &str| {
                ["cniVersion", "name", "capabilities"].iter().any(|name| same_key(key, name))
                    || injected.iter().any(|(name, _)| same_key(key, name))
            };
            members.extend(own.iter().filter(|(key, _)| !replaced(key)).cloned());
        }
        members.extend(injected.into_iter().map(|(key, value)| (key.to_owned(), value)));
        Json::Object(members).render(Layout::Compact)
    }
}

/// The capability arguments that a plugin declares; `None` if there are none of them.
fn runtime_config(plugin: &PluginConf, attachment: &Attachment) -> Option<Json> {
    let given = |(name, has): &(String, bool)| {
        let args = attachment.capability_args.iter().rev();
        args.filter(|_| *has).find(|(key, _)| key == name).cloned()
    };
    let members: Vec<_> = plugin.capabilities.iter().filter_map(given).collect();
    if members.is_empty() { None } else { Some(Json::Object(members)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cni::{Applies, ValidAttachment};

    const LIST: &str = r#"{"cniVersion":"1.1.0","name":"mynet","plugins":[
        {"type":"bridge","Name":"x","cniversion":"9","bridge":"cni0","capabilities":{"ips":true,"mac":false}},
        {"type":"portmap","capabilities":{"portMappings":true},"runtimeConfig":{"old":1},"prevResult":{}}]}"#;

    fn list(text: &str) -> NetworkList {
        NetworkList::parse(text.as_bytes()).unwrap()
    }

    fn stdin(invocation: &Invocation) -> &str {
        std::str::from_utf8(&invocation.stdin).unwrap()
    }

    #[test]
    fn each_plugin_gets_what_it_declares() {
        let attachment = Attachment::new("3f2a", "eth0", "/run/netns/x")
            .unwrap()
            .args(CniArgs::parse("IgnoreUnknown=1;K8S_POD_NAME=web-0").unwrap())
            .capability("ips", Json::parse(br#"["10.1.2.9"]"#).unwrap())
            .capability("mac", Json::text("0a:58:0a:01:02:02"))
            .capability("portMappings", Json::List(vec![]));
        let previous =
            CniResult::parse(br#"{"cniVersion":"1.0.0","ips":[{"address":"10.1.2.9/24"}]}"#, Version::V1_0_0)
                .unwrap();
        let list = list(LIST);
        let first = list.invocation(0, Call::Add(&attachment), None, "/a:/b").unwrap().unwrap();
        assert_eq!(
            stdin(&first),
            r#"{"cniVersion":"1.1.0","name":"mynet","type":"bridge","bridge":"cni0","runtimeConfig":{"ips":["10.1.2.9"]}}"#
        );
        assert_eq!(
            first.environment,
            [
                ("CNI_COMMAND", "ADD"),
                ("CNI_CONTAINERID", "3f2a"),
                ("CNI_NETNS", "/run/netns/x"),
                ("CNI_ARGS", "IgnoreUnknown=1;K8S_POD_NAME=web-0"),
                ("CNI_IFNAME", "eth0"),
                ("CNI_PATH", "/a:/b")
            ]
            .map(|(name, value)| (name, value.to_owned()))
        );
        let second = list.invocation(1, Call::Add(&attachment), Some(&previous), "").unwrap().unwrap();
        assert_eq!(
            stdin(&second),
            concat!(
                r#"{"cniVersion":"1.1.0","name":"mynet","type":"portmap","runtimeConfig":{"portMappings":[]},"#,
                r#""prevResult":{"cniVersion":"1.1.0","ips":[{"address":"10.1.2.9/24"}]}}"#
            )
        );
        assert_eq!(list.invocation(2, Call::Add(&attachment), None, "").unwrap(), None);
    }

    #[test]
    fn del_goes_backwards_and_gc_names_the_valid_under_both_keys() {
        let attachment = Attachment::new("3f2a", "eth0", "").unwrap();
        let list = list(LIST);
        let programs: Vec<_> = list
            .invocations(Call::Del(&attachment), None, "")
            .unwrap()
            .into_iter()
            .map(|one| one.program)
            .collect();
        assert_eq!(programs, ["portmap", "bridge"]);
        let valid = ValidAttachments::These(vec![ValidAttachment {
            container: "3f2a".to_owned(),
            interface: "eth0".to_owned(),
        }]);
        let gc = &list.invocations(Call::Gc(&valid), None, "/p").unwrap()[0];
        let one = r#"[{"containerID":"3f2a","ifname":"eth0"}]"#;
        assert_eq!(
            stdin(gc),
            format!(
                r#"{{"cniVersion":"1.1.0","name":"mynet","type":"bridge","bridge":"cni0","cni.dev/valid-attachments":{one},"cni.dev/attachments":{one}}}"#
            )
        );
        assert!(gc.environment.contains(&("CNI_CONTAINERID", String::new())));
        let absent = &list.invocations(Call::Gc(&ValidAttachments::Absent), None, "/p").unwrap()[0];
        assert!(!stdin(absent).contains("cni.dev"));
        let status = &list.invocations(Call::Status, None, "/p").unwrap()[1];
        assert!(stdin(status).contains(r#""runtimeConfig":{"old":1}"#));
    }

    #[test]
    fn old_versions_do_less() {
        let attachment = Attachment::new("3f2a", "eth0", "/x").unwrap();
        let previous = CniResult::parse(br#"{"ip4":{"ip":"10.1.2.9/24"}}"#, Version::V0_1_0).unwrap();
        let old = list(r#"{"name":"n","plugins":[{"type":"a"}]}"#);
        assert!(old.invocations(Call::Check(&attachment), None, "").is_err());
        assert!(matches!(old.applies(Command::Gc), Ok(Applies::No { .. })));
        assert_eq!(old.invocations(Call::Status, None, ""), Ok(Vec::new()));
        let del = &old.invocations(Call::Del(&attachment), Some(&previous), "").unwrap()[0];
        assert_eq!(stdin(del), r#"{"cniVersion":"0.1.0","name":"n","type":"a"}"#);
        let off = list(
            r#"{"cniVersion":"1.1.0","name":"n","disableCheck":true,"disableGC":"true","plugins":[{"type":"a"}]}"#,
        );
        assert_eq!(off.invocations(Call::Check(&attachment), None, ""), Ok(Vec::new()));
        assert_eq!(off.applies(Command::Gc), Ok(Applies::No { why: "disableGC is set" }));
    }

    #[test]
    fn attachments_are_proved() {
        for (container, interface) in
            [("", "eth0"), ("a/b", "eth0"), ("a", ""), ("a", "sixteen-bytes-xx"), ("a", "a:b")]
        {
            assert!(Attachment::new(container, interface, "").is_err(), "{container} {interface}");
        }
    }
}
