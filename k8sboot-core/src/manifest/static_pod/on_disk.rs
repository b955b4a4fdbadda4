//! Static pods as they are in a manifests directory: which files each reads, and where it serves which certificate.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::{
    manifest::{ManifestError, Object, yaml},
    time::Timestamp,
};

/// The annotation that says when a pod was told to restart.
const RESTARTED_AT: &str = "k8sboot.io/restartedAt";

/// A static pod of a manifests directory.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::manifest::StaticPodFile;
/// let text = "
/// apiVersion: v1
/// kind: Pod
/// metadata: {name: kube-scheduler, namespace: kube-system}
/// spec:
///   containers:
///   - command: [kube-scheduler, --kubeconfig=/etc/kubernetes/scheduler.conf]
///     volumeMounts: [{name: kubeconfig, mountPath: /etc/kubernetes/scheduler.conf}]
///   volumes: [{name: kubeconfig, hostPath: {path: /etc/kubernetes/scheduler.conf}}]
/// ";
/// let pod = StaticPodFile::parse("/etc/kubernetes/manifests/kube-scheduler.yaml", text)?;
/// assert_eq!(pod.reads("/etc/kubernetes/scheduler.conf").as_deref(), Some("--kubeconfig"));
/// assert_eq!(pod.reads("/etc/kubernetes/admin.conf"), None);
/// # Ok::<(), k8sboot_core::manifest::ManifestError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct StaticPodFile {
    path: String,
    object: Object,
    program: String,
    flags: Vec<(String, String)>,
    /// Directory or file on the host, and where the containers have it.
    mounts: Vec<(String, String)>,
}

/// Where a static pod answers with TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServedAt {
    /// The address to ask on this node.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// The certificate on the host; `None`: it makes one of its own at each start.
    pub certificate: Option<String>,
}

impl StaticPodFile {
    /// Reads a manifest; `path` is where it is.
    ///
    /// # Errors
    ///
    /// [`ManifestError`] for what is not one object in YAML or JSON.
    pub fn parse(path: impl Into<String>, text: &str) -> Result<Self, ManifestError> {
        let value = yaml::parse_all(text)?.into_iter().next().unwrap_or(Value::Null);
        let object = Object::from_value(value)?;
        let spec = object.as_value().get("spec").cloned().unwrap_or(Value::Null);
        let list = |value: &Value, field: &str| {
            value.get(field).and_then(Value::as_array).cloned().unwrap_or_default()
        };
        let text = |value: &Value, pointer: &str| {
            value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let (mut program, mut flags, mut mounts) = (String::new(), Vec::new(), Vec::new());
        for container in list(&spec, "containers") {
            let mut words = list(&container, "command").into_iter().chain(list(&container, "args"));
            if let Some(Value::String(first)) = words.next()
                && program.is_empty()
            {
                program = first.rsplit('/').next().unwrap_or_default().to_owned();
            }
            let words: Vec<String> = words.filter_map(|word| word.as_str().map(str::to_owned)).collect();
            flags.extend(read_flags(&words));
            for mount in list(&container, "volumeMounts") {
                let name = text(&mount, "/name");
                let volume = list(&spec, "volumes").into_iter().find(|volume| text(volume, "/name") == name);
                let host = volume.map(|volume| text(&volume, "/hostPath/path")).unwrap_or_default();
                if !host.is_empty() {
                    mounts.push((host, text(&mount, "/mountPath")));
                }
            }
        }
        Ok(Self { path: path.into(), object, program, flags, mounts })
    }

    /// The pod's name, for example `kube-apiserver`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.object.key().name
    }

    /// Where the manifest is.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What makes the pod read a file of the host: the flag that names it (`--tls-cert-file`) or a directory above it, or
    /// `volume` if the file itself is mounted. A directory that is mounted and named by no flag does not count.
    #[must_use]
    pub fn reads(&self, file: &str) -> Option<String> {
        let flag = self.flags.iter().find(|(_, value)| {
            value.split(',').any(|part| self.on_host(part).is_some_and(|host| is_at_or_below(file, &host)))
        });
        match flag {
            Some((name, _)) => Some(name.clone()),
            None => self.mounts.iter().any(|(host, _)| host == file).then(|| "volume".to_owned()),
        }
    }

    /// Whether a directory with the file is mounted of which no flag names anything: nobody can tell whether the pod reads
    /// it.
    #[must_use]
    pub fn may_read(&self, file: &str) -> bool {
        let named = |directory: &str| {
            self.flags.iter().any(|(_, value)| {
                value
                    .split(',')
                    .any(|part| self.on_host(part).is_some_and(|host| is_at_or_below(&host, directory)))
            })
        };
        self.mounts.iter().any(|(host, _)| is_at_or_below(file, host) && !named(host))
    }

    /// Where it answers with TLS: the API server's port; etcd's for clients and for peers; the ports of controller manager
    /// and scheduler. Nothing for other programs.
    ///
    /// Source: Kubernetes 1.36 and etcd 3.6, flags and their defaults.
    #[must_use]
    pub fn served(&self) -> Vec<ServedAt> {
        let certificate = |flag: &str| self.flag(flag).and_then(|file| self.on_host(file));
        let secure = |port: u16| {
            let port = self.flag("--secure-port").and_then(|text| text.parse().ok()).unwrap_or(port);
            let named = ["--bind-address", "--advertise-address"].into_iter().find_map(|flag| {
                self.flag(flag)?.parse::<IpAddr>().ok().filter(|address| !address.is_unspecified())
            });
            let address = named.unwrap_or(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
            vec![ServedAt { address, port, certificate: certificate("--tls-cert-file") }]
        };
        let url = |flag: &str, file: &str| {
            let urls = self.flag(flag)?.split(',').filter_map(|url| url.strip_prefix("https://"));
            let (address, port) = urls.filter_map(address_and_port).next()?;
            Some(ServedAt { address, port, certificate: certificate(file) })
        };
        match self.program.as_str() {
            "kube-apiserver" => secure(6443),
            "kube-controller-manager" => secure(10257),
            "kube-scheduler" => secure(10259),
            "etcd" => [("--listen-client-urls", "--cert-file"), ("--listen-peer-urls", "--peer-cert-file")]
                .into_iter()
                .filter_map(|(flag, file)| url(flag, file))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Where it tells its metrics without TLS (etcd's `--listen-metrics-urls`).
    #[must_use]
    pub fn plain_metrics(&self) -> Option<String> {
        let urls = self.flag("--listen-metrics-urls")?;
        urls.split(',').find(|url| url.starts_with("http://")).map(str::to_owned)
    }

    /// The program of its first container, for example `etcd`.
    #[must_use]
    pub fn program(&self) -> &str {
        &self.program
    }

    /// The manifest with an annotation that says when it was told to restart: the kubelet takes a changed manifest for
    /// another pod, stops the old one and starts the new one. Comments of the file are lost, as in every manifest that
    /// is written by a program.
    ///
    /// Source: Kubernetes 1.36, the UID of a static pod is a hash over its manifest; `kubectl rollout restart` annotates in
    /// the same way.
    #[must_use]
    pub fn restarted_at(&self, at: Timestamp) -> String {
        let mut value = self.object.as_value().clone();
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
            if !annotations.is_object() {
                *annotations = json!({});
            }
            if let Some(annotations) = annotations.as_object_mut() {
                let told = annotations.get(RESTARTED_AT).and_then(Value::as_str);
                // Told twice within a second, it must change twice.
                let at = if told == Some(at.to_string().as_str()) { at.plus_seconds(1) } else { at };
                annotations.insert(RESTARTED_AT.to_owned(), at.to_string().into());
            }
        }
        yaml::to_yaml(&value)
    }

    fn flag(&self, name: &str) -> Option<&str> {
        self.flags.iter().rev().find(|(flag, _)| flag == name).map(|(_, value)| value.as_str())
    }

    /// A path of the containers as a path of the host.
    fn on_host(&self, inside: &str) -> Option<String> {
        let mount = self
            .mounts
            .iter()
            .filter(|(_, mount)| is_at_or_below(inside, mount))
            .max_by_key(|(_, mount)| mount.len());
        let (host, mount) = mount?;
        let rest = inside.strip_prefix(mount.trim_end_matches('/'))?;
        Some(format!("{}{rest}", host.trim_end_matches('/')))
    }
}

/// `--name=value` and `--name value`; a single dash is as good as two, as in Go's own flags.
fn read_flags(words: &[String]) -> Vec<(String, String)> {
    let mut flags = Vec::new();
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        let Some(name) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')) else { continue };
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => (name, words.next_if(|next| !next.starts_with('-')).cloned().unwrap_or_default()),
        };
        flags.push((format!("--{name}"), value));
    }
    flags
}

fn is_at_or_below(path: &str, directory: &str) -> bool {
    let directory = directory.trim_end_matches('/');
    path.strip_prefix(directory)
        .is_some_and(|rest| !directory.is_empty() && (rest.is_empty() || rest.starts_with('/')))
}

/// `192.0.2.1:2379` or `[2001:db8::1]:2379`; an unspecified address is asked on the loopback.
fn address_and_port(authority: &str) -> Option<(IpAddr, u16)> {
    let (host, port) = authority.trim_end_matches('/').rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address: IpAddr = host.parse().ok()?;
    let address = match address {
        IpAddr::V4(v4) if v4.is_unspecified() => IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        IpAddr::V6(v6) if v6.is_unspecified() => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
        address => address,
    };
    Some((address, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(container: &Value, volumes: &Value) -> StaticPodFile {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "kube-system"},
            "spec": {"containers": [container], "volumes": volumes},
        });
        StaticPodFile::parse("/m/p.yaml", &yaml::to_yaml(&pod)).unwrap()
    }

    #[test]
    fn flags_are_followed_through_the_mounts() {
        let pod = pod(
            &json!({
                "command": ["/usr/bin/proxy", "--cert", "/certs/a/tls.crt", "-conf=/conf/x,/certs/b", "--verbose"],
                "volumeMounts": [
                    {"name": "pki", "mountPath": "/certs"},
                    {"name": "conf", "mountPath": "/conf/x"},
                    {"name": "other", "mountPath": "/other"},
                    {"name": "empty", "mountPath": "/empty"},
                ],
            }),
            &json!([
                {"name": "pki", "hostPath": {"path": "/etc/kubernetes/pki/"}},
                {"name": "conf", "hostPath": {"path": "/etc/kubernetes/admin.conf"}},
                {"name": "other", "hostPath": {"path": "/etc/other"}},
                {"name": "empty", "emptyDir": {}},
            ]),
        );
        assert_eq!(pod.reads("/etc/kubernetes/pki/a/tls.crt").as_deref(), Some("--cert"));
        assert_eq!(pod.reads("/etc/kubernetes/pki/b/any.crt").as_deref(), Some("--conf"));
        assert_eq!(pod.reads("/etc/kubernetes/admin.conf").as_deref(), Some("--conf"));
        assert_eq!(pod.reads("/etc/kubernetes/pki/a/tls.crt.old"), None);
        assert_eq!(pod.reads("/etc/kubernetes/pki/bb"), None);
        assert!(!pod.may_read("/etc/kubernetes/pki/c.crt") && pod.may_read("/etc/other/c.crt"));
        assert!(pod.served().is_empty());
    }

    #[test]
    fn a_restart_changes_nothing_but_one_annotation() {
        let at: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let pod = pod(&json!({"command": ["etcd"]}), &json!([]));
        let text = pod.restarted_at(at);
        assert!(
            text.contains("  annotations:\n    k8sboot.io/restartedAt: \"2026-11-23T12:00:00Z\"\n"),
            "{text}"
        );
        let again = StaticPodFile::parse("/m/p.yaml", &text).unwrap();
        assert!(again.restarted_at(at).contains("12:00:01Z"), "the kubelet must see a change");
        let mut value = again.object.into_value();
        value["metadata"].as_object_mut().unwrap().remove("annotations");
        assert_eq!(&value, pod.object.as_value());
    }

    #[test]
    fn what_is_no_pod_is_refused_and_never_panics() {
        for text in ["", "[]", "kind: Pod", "a: b: c"] {
            assert!(StaticPodFile::parse("/m/p.yaml", text).is_err(), "{text}");
        }
        let odd = "apiVersion: v1\nkind: Pod\nmetadata: {name: x, annotations: 7}\nspec: {containers: {a: 1}, volumes: [1]}";
        let odd = StaticPodFile::parse("/m/x.yaml", odd).unwrap();
        assert!(odd.served().is_empty() && odd.reads("/x").is_none());
        assert!(odd.restarted_at(Timestamp::from_seconds(0)).contains("1970-01-01T00:00:00Z"));
    }

    #[test]
    fn urls_have_addresses_only() {
        assert_eq!(address_and_port("[::]:2379"), Some(("::1".parse().unwrap(), 2379)));
        assert_eq!(address_and_port("0.0.0.0:1/"), Some(("127.0.0.1".parse().unwrap(), 1)));
        assert_eq!(address_and_port("etcd.example.org:2379"), None);
        assert_eq!(address_and_port("192.0.2.1:70000"), None);
    }
}
