//! The three files of the node.

use serde_json::{Value, json};

use super::settings::config as cluster_config;
use crate::{
    config::{
        InitConfig,
        v1beta4::{NodeRegistration, Taint},
    },
    manifest::{
        AppliedPatch, ManifestError, PatchSet, images, patch,
        static_pod::flags,
        versions::{self, Release},
        yaml,
    },
};

/// config.yaml of this node: the cluster's configuration, then the patches for `kubeletconfiguration`, then the
/// runtime endpoint from instance-config.yaml (1.34 and later).
///
/// # Errors
///
/// [`ManifestError::Patch`] if a patch does not fit.
pub fn node_config_yaml(config: &InitConfig, patches: &PatchSet) -> Result<String, ManifestError> {
    let socket = has_instance_config(config).then_some(config.init().node_registration.cri_socket.as_str());
    Ok(node_yaml(cluster_config(config), patches, socket)?.0)
}

/// config.yaml of a node from the cluster's [completed](super::complete) configuration, and the patches that were applied;
/// `socket` is the runtime's if it stands in instance-config.yaml.
///
/// # Errors
///
/// [`ManifestError::Patch`] if a patch does not fit.
pub fn node_yaml(
    mut document: Value,
    patches: &PatchSet,
    socket: Option<&str>,
) -> Result<(String, Vec<AppliedPatch>), ManifestError> {
    let applied = patches.apply(patch::KUBELET_CONFIGURATION, &mut document)?;
    if let (Some(socket), Some(document)) = (socket, document.as_object_mut()) {
        document.insert("containerRuntimeEndpoint".into(), json!(socket));
    }
    Ok((yaml::to_yaml(&document), applied))
}

/// Whether the runtime's socket stands in instance-config.yaml, instead of a flag and an annotation of the Node.
///
/// The version decides, unless the feature gate `NodeLocalCRISocket` is set; kubeadm 1.36 still heeds `false`.
#[must_use]
pub fn has_instance_config(config: &InitConfig) -> bool {
    let gate = config.cluster().feature_gates.get("NodeLocalCRISocket");
    gate.copied().unwrap_or(versions::release(config.version()).instance_config)
}

/// instance-config.yaml: what kubelets of one cluster may not share. Written for 1.34 and later.
#[must_use]
pub fn instance_config_yaml(config: &InitConfig) -> String {
    instance_yaml(&config.init().node_registration.cri_socket)
}

/// instance-config.yaml for a runtime's socket.
#[must_use]
pub fn instance_yaml(socket: &str) -> String {
    format!("containerRuntimeEndpoint: {}\n", go_quoted(socket))
}

/// kubeadm-flags.env of a control-plane node: its taints are set by init, not by the kubelet.
#[must_use]
pub fn flags_env(config: &InitConfig) -> String {
    NodeFlags {
        registration: &config.init().node_registration,
        host_name: &config.host().hostname,
        pause_image: &images::pause(config),
        register_taints: false,
        instance_config: has_instance_config(config),
        release: versions::release(config.version()),
    }
    .env()
}

/// What the kubelet's flags depend on, for nodes of every role.
#[derive(Clone, Copy, Debug)]
pub struct NodeFlags<'a> {
    /// Name, runtime socket, taints and extra flags.
    pub registration: &'a NodeRegistration,
    /// The host name as the kernel has it.
    pub host_name: &'a str,
    /// The image of pod sandboxes.
    pub pause_image: &'a str,
    /// The kubelet sets the taints when it registers: so for workers.
    pub register_taints: bool,
    /// Whether the runtime endpoint stands in instance-config.yaml instead.
    pub instance_config: bool,
    /// The target release.
    pub release: &'static Release,
}

impl NodeFlags<'_> {
    /// The content of kubeadm-flags.env: one line, quoted as Go quotes.
    #[must_use]
    pub fn env(&self) -> String {
        let registration = self.registration;
        let mut defaults = Vec::new();
        let mut set = |name: &str, value: String| defaults.push((name.to_owned(), value));
        if !self.instance_config {
            set("container-runtime-endpoint", registration.cri_socket.clone());
        }
        if self.release.pod_infra_image_flag {
            set("pod-infra-container-image", self.pause_image.to_owned());
        }
        let taints = registration.taints.as_deref().unwrap_or_default();
        if self.register_taints && !taints.is_empty() {
            set("register-with-taints", taints.iter().map(taint).collect::<Vec<_>>().join(","));
        }
        if registration.name != self.host_name.trim().to_lowercase() {
            set("hostname-override", registration.name.clone());
        }
        let flags = flags(defaults, &registration.kubelet_extra_args, self.release);
        format!("KUBELET_KUBEADM_ARGS={}\n", go_quoted(&flags.join(" ")))
    }
}

/// `KEY[=VALUE][:EFFECT]`
fn taint(taint: &Taint) -> String {
    let Taint { key, value, effect, .. } = taint;
    match (value.is_empty(), effect.is_empty()) {
        (true, true) => key.clone(),
        (false, true) => format!("{key}={value}:"),
        (true, false) => format!("{key}:{effect}"),
        (false, false) => format!("{key}={value}:{effect}"),
    }
}

/// Go's `%q`. What is printable is decided by Rust's notion of control and blank characters.
fn go_quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if !c.is_ascii() && (c.is_control() || c.is_whitespace()) => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::v1beta4::Arg;

    fn registration() -> NodeRegistration {
        NodeRegistration {
            name: "worker-1".into(),
            cri_socket: "unix:///run/c.sock".into(),
            taints: Some(vec![
                Taint { key: "a".into(), value: "b".into(), effect: "NoExecute".into(), time_added: None },
                Taint {
                    key: "c".into(),
                    value: String::new(),
                    effect: "NoSchedule".into(),
                    time_added: None,
                },
            ]),
            kubelet_extra_args: vec![
                Arg { name: "v".into(), value: "4".into() },
                Arg { name: "node-labels".into(), value: "x=\"y\"".into() },
            ],
            ..Default::default()
        }
    }

    #[test]
    fn flags_by_release_and_role() {
        let registration = registration();
        for (minor, host_name, register_taints, want) in [
            (36, "Worker-1", false, r#"--v=4 --node-labels=x=\"y\""#),
            (
                36,
                "h",
                true,
                r#"--hostname-override=worker-1 --register-with-taints=a=b:NoExecute,c:NoSchedule --v=4 --node-labels=x=\"y\""#,
            ),
            (35, "worker-1", false, r#"--node-labels=x=\"y\" --v=4"#),
            (
                34,
                "worker-1",
                false,
                r#"--node-labels=x=\"y\" --pod-infra-container-image=r/pause:3.10.1 --v=4"#,
            ),
            (
                33,
                "h",
                false,
                r#"--container-runtime-endpoint=unix:///run/c.sock --hostname-override=worker-1 --node-labels=x=\"y\" --pod-infra-container-image=r/pause:3.10 --v=4"#,
            ),
        ] {
            let release = versions::RELEASES.iter().find(|r| r.minor == minor).unwrap();
            let pause_image = &format!("r/pause:{}", release.pause_tag);
            let flags = NodeFlags {
                registration: &registration,
                host_name,
                pause_image,
                register_taints,
                instance_config: release.instance_config,
                release,
            };
            assert_eq!(flags.env(), format!("KUBELET_KUBEADM_ARGS=\"{want}\"\n"), "{minor}");
        }
    }

    #[test]
    fn quotes_as_go() {
        assert_eq!(go_quoted("a\"\\\n\u{1}\u{7f}é\u{a0}\u{85}"), r#""a\"\\\n\x01\x7fé\u00a0\u0085""#);
    }
}
