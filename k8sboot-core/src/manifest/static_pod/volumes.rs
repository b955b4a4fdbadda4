//! Host paths mounted into the pods.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    config::v1beta4::{ExternalEtcd, HostPathMount},
    facts::CA_DIRECTORIES,
    manifest::object::set,
};

/// `hostPath` volumes and their mounts: one per name, printed by name.
#[derive(Debug, Default)]
pub(super) struct Volumes {
    volumes: BTreeMap<String, Value>,
    /// In printing order if not by name.
    mounts: Vec<(String, Value)>,
    mounts_as_added: bool,
}

pub(super) const DIRECTORY: &str = "DirectoryOrCreate";
pub(super) const FILE: &str = "FileOrCreate";

impl Volumes {
    /// Volumes whose mounts are printed in the order in which they were added.
    pub(super) fn with_mounts_as_added() -> Self {
        Self { mounts_as_added: true, ..Self::default() }
    }

    /// Adds a path mounted at the same place; an earlier one of that name is replaced.
    pub(super) fn add(&mut self, name: &str, path: &str, kind: &str, read_only: bool) {
        self.mount(name, path, path, kind, read_only);
    }

    /// Adds the user's; an unset type is written as empty.
    pub(super) fn extend(&mut self, extra: &[HostPathMount]) {
        for mount in extra {
            self.mount(&mount.name, &mount.host_path, &mount.mount_path, &mount.path_type, mount.read_only);
        }
    }

    /// Adds what reads TLS certificates of the outside world: /etc/ssl/certs and the host's other directories.
    pub(super) fn add_ca_certificates(&mut self, on_host: &[String]) {
        self.add("ca-certs", "/etc/ssl/certs", DIRECTORY, true);
        for directory in CA_DIRECTORIES.iter().filter(|d| on_host.iter().any(|h| h == *d)) {
            self.add(&directory.trim_start_matches('/').replace('/', "-"), directory, DIRECTORY, true);
        }
    }

    /// Adds the directories of the client certificate for an external etcd that no other volume shows.
    ///
    /// "Below" is a comparison of texts, as in kubeadm: /etc/kubernetes/pki-etcd counts as below /etc/kubernetes/pki.
    pub(super) fn add_external_etcd(&mut self, etcd: &ExternalEtcd, certificates_dir: &str) {
        let mut directories: BTreeSet<String> = BTreeSet::new();
        for file in [&etcd.ca_file, &etcd.cert_file, &etcd.key_file] {
            let Some((directory, _)) = file.rsplit_once('/') else { continue };
            let directory = super::args::join(directory, "");
            let mut shown = CA_DIRECTORIES.into_iter().chain(["/etc/ssl/certs", certificates_dir]);
            if shown.any(|d| directory.starts_with(d)) {
                continue;
            }
            if directories.iter().any(|d| directory.starts_with(d.as_str()) && *d != directory) {
                continue;
            }
            directories.retain(|d| !d.starts_with(&directory));
            directories.insert(directory);
        }
        for (index, directory) in directories.iter().enumerate() {
            self.add(&format!("etcd-certs-{index}"), directory, DIRECTORY, true);
        }
    }

    pub(super) fn volumes(&self) -> Value {
        self.volumes.values().cloned().collect()
    }

    pub(super) fn mounts(&self) -> Value {
        let mut mounts = self.mounts.clone();
        if !self.mounts_as_added {
            mounts.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
        mounts.into_iter().map(|(_, mount)| mount).collect()
    }

    fn mount(&mut self, name: &str, host_path: &str, mount_path: &str, kind: &str, read_only: bool) {
        let volume = json!({"name": name, "hostPath": {"path": host_path, "type": kind}});
        self.volumes.insert(name.to_owned(), volume);
        let mut mount = json!({"name": name, "mountPath": mount_path});
        if read_only {
            set(&mut mount, "readOnly", true);
        }
        self.mounts.retain(|(other, _)| other != name);
        self.mounts.push((name.to_owned(), mount));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn external_etcd_directories_are_compressed() {
        for (ca, cert, key, want) in [
            ("/a/ca.crt", "/a/b/c.crt", "/a/b/c.key", vec!["/a"]),
            ("/a/b/ca.crt", "/a/c.crt", "/a/c.key", vec!["/a"]),
            ("/x/ca.crt", "/b/c.crt", "/c/c.key", vec!["/b", "/c", "/x"]),
            ("/etc/ssl/certs/ca.crt", "/etc/kubernetes/pki/etcd/c.crt", "/etc/pki/tls/certs/c.key", vec![]),
            ("/etc/pki/etcd/ca.crt", "", "", vec!["/etc/pki/etcd"]),
            ("", "", "", vec![]),
        ] {
            let mut volumes = Volumes::default();
            let etcd = ExternalEtcd {
                ca_file: ca.into(),
                cert_file: cert.into(),
                key_file: key.into(),
                ..Default::default()
            };
            volumes.add_external_etcd(&etcd, "/etc/kubernetes/pki");
            let paths: Vec<_> = volumes.volumes.values().map(|v| v["hostPath"]["path"].clone()).collect();
            assert_eq!(Value::from(paths), json!(want), "{ca} {cert} {key}");
        }
    }

    #[test]
    fn the_users_volume_replaces_one_of_the_same_name() {
        let mut volumes = Volumes::default();
        volumes.add_ca_certificates(&["/etc/ca-certificates".into(), "/elsewhere".into()]);
        volumes.extend(&[HostPathMount {
            name: "ca-certs".into(),
            host_path: "/h".into(),
            mount_path: "/m".into(),
            ..Default::default()
        }]);
        assert_eq!(
            volumes.mounts(),
            json!([{"name": "ca-certs", "mountPath": "/m"},
                {"name": "etc-ca-certificates", "mountPath": "/etc/ca-certificates", "readOnly": true}])
        );
        assert_eq!(volumes.volumes()[0], json!({"name": "ca-certs", "hostPath": {"path": "/h", "type": ""}}));
    }
}
