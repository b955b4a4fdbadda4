//! Patch files: names, order, application.

use std::fmt;

use serde_json::Value;

use super::{
    COREDNS_DEPLOYMENT, KUBE_PROXY_DAEMONSET, KUBELET_CONFIGURATION, json, json::Misfit, merge,
    schema::Schema, strategic, typed,
};
use crate::manifest::{ManifestError, component::structure, yaml};

/// Every target that a file name can start with. None is the beginning of another.
const TARGETS: [&str; 7] = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    KUBELET_CONFIGURATION,
    COREDNS_DEPLOYMENT,
    KUBE_PROXY_DAEMONSET,
];

/// The form of a patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PatchKind {
    /// Kubernetes' strategic merge patch: lists merge by key. The default.
    Strategic,
    /// JSON Merge Patch, RFC 7386.
    Merge,
    /// JSON Patch, RFC 6902.
    Json,
}

/// One patch: a document of a file. `Debug` leaves the content out.
#[derive(Clone, PartialEq)]
pub struct Patch {
    target: &'static str,
    kind: PatchKind,
    file: String,
    document: usize,
    content: Value,
}

/// All patches, in the order in which they apply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PatchSet {
    patches: Vec<Patch>,
    ignored: Vec<String>,
}

/// A patch that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppliedPatch {
    /// The file, below the patch directory.
    pub file: String,
    /// The document in the file, from 1.
    pub document: usize,
    /// Its form.
    pub kind: PatchKind,
    /// What was patched.
    pub target: &'static str,
}

impl fmt::Display for AppliedPatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, target) = (self.kind.media_type(), self.target);
        write!(f, "patch {} (document {}, {kind}) applied to {target}", self.file, self.document)
    }
}

impl PatchSet {
    /// No patches.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads the files of a patch directory: path below it, and content.
    ///
    /// A name is `TARGET[suffix][+TYPE].{json,yaml}`. TARGET is etcd, kube-apiserver, kube-controller-manager, kube-scheduler,
    /// kubeletconfiguration, corednsdeployment or kubeproxydaemonset; TYPE is strategic (default), merge or json. Files
    /// apply in the order of their names, subdirectories in their place; every document of a file is a patch. Files with
    /// another extension or target and empty files are left out ([`ignored`](Self::ignored)).
    ///
    /// # Errors
    ///
    /// [`ManifestError::PatchName`] if a name has an unknown type, [`ManifestError::Patch`] if a file is not YAML or JSON.
    ///
    /// # Examples
    ///
    /// ```
    /// # use k8sboot_core::manifest::PatchSet;
    /// let file = ("etcd0+merge.yaml".to_owned(), b"metadata: {labels: {tier: null}}".to_vec());
    /// let patches = PatchSet::from_files([file])?;
    /// let mut pod = serde_json::json!({"kind": "Pod", "metadata": {"labels": {"component": "etcd", "tier": "x"}}});
    /// assert_eq!(patches.apply("etcd", &mut pod)?.len(), 1);
    /// assert_eq!(pod["metadata"]["labels"], serde_json::json!({"component": "etcd"}));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_files(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Result<Self, ManifestError> {
        let mut files: Vec<_> = files.into_iter().collect();
        files.sort_by(|(a, _), (b, _)| a.split('/').cmp(b.split('/')));
        let mut set = Self::default();
        for (file, content) in files {
            let name = file.rsplit('/').next().unwrap_or_default();
            let Some((target, kind)) = parse_name(name)
                .map_err(|found| ManifestError::PatchName { file: file.clone(), found: found.to_owned() })?
            else {
                set.ignored.push(file);
                continue;
            };
            let invalid = |expected: &str, found: String| ManifestError::Patch {
                file: file.clone(),
                document: 1,
                path: "/".to_owned(),
                expected: expected.to_owned(),
                found,
            };
            let text = std::str::from_utf8(&content).map_err(|e| invalid("UTF-8", e.to_string()))?;
            let documents = yaml::parse_all(text).map_err(|error| {
                let found = match error {
                    ManifestError::Syntax { line, column, problem } => {
                        format!("in line {line}, column {column}: {problem}")
                    }
                    other => other.to_string(),
                };
                invalid("YAML or JSON", found)
            })?;
            if documents.is_empty() {
                set.ignored.push(file);
                continue;
            }
            let patches = documents.into_iter().enumerate().map(|(index, content)| Patch {
                target,
                kind,
                file: file.clone(),
                document: index + 1,
                content,
            });
            set.patches.extend(patches);
        }
        Ok(set)
    }

    /// The patches in order.
    #[must_use]
    pub fn patches(&self) -> &[Patch] {
        &self.patches
    }

    /// Files that are no patches: another extension, another target, or nothing in them.
    #[must_use]
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// Applies the patches of a target, in order. On an error the value is unchanged.
    ///
    /// # Errors
    ///
    /// [`ManifestError::Patch`] with the file, document and place.
    pub fn apply(&self, target: &str, value: &mut Value) -> Result<Vec<AppliedPatch>, ManifestError> {
        let mut result = None;
        let mut applied = Vec::new();
        for patch in self.patches.iter().filter(|patch| patch.target == target) {
            patch.apply(result.get_or_insert_with(|| value.clone()))?;
            applied.push(patch.applied());
        }
        if let Some(result) = result {
            *value = result;
        }
        Ok(applied)
    }
}

impl Patch {
    /// What is patched, for example `kube-apiserver`.
    #[must_use]
    pub const fn target(&self) -> &'static str {
        self.target
    }

    /// The form of the patch.
    #[must_use]
    pub const fn kind(&self) -> PatchKind {
        self.kind
    }

    /// Applies the patch. On an error the value is unchanged.
    ///
    /// A patched pod comes out as Go prints it, as kubeadm reads it back first: without zero values and fields that pods do
    /// not have, quantities in canonical form (`1000m` as `1`).
    ///
    /// # Errors
    ///
    /// [`ManifestError::Patch`] with the file, document and place.
    pub fn apply(&self, value: &mut Value) -> Result<(), ManifestError> {
        let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default();
        let schema = Schema::of(kind);
        // As the objects of Kubernetes 1.33 have it.
        let unset_time = value.pointer("/metadata/creationTimestamp").is_some_and(Value::is_null);
        let outcome = match self.kind {
            PatchKind::Json => json::apply(value, &self.content),
            PatchKind::Merge if self.content.is_object() => {
                merge::apply(value, &self.content);
                Ok(())
            }
            PatchKind::Merge => Err(json::misfit("", "a map", "something else")),
            PatchKind::Strategic => strategic::apply(value, &self.content, schema),
        };
        outcome.map_err(|Misfit { path, expected, found }| ManifestError::Patch {
            file: self.file.clone(),
            document: self.document,
            path,
            expected,
            found,
        })?;
        let fields = match schema {
            Schema::Pod => typed::POD,
            Schema::Workload => typed::WORKLOAD,
            Schema::Plain => return Ok(()),
        };
        if let Value::Object(map) = value {
            *map = structure(fields, map, false);
            if let (true, Some(Value::Object(metadata))) = (unset_time, map.get_mut("metadata")) {
                metadata.entry("creationTimestamp").or_insert(Value::Null);
            }
        }
        Ok(())
    }

    fn applied(&self) -> AppliedPatch {
        let Self { target, kind, file, document, .. } = self;
        AppliedPatch { file: file.clone(), document: *document, kind: *kind, target }
    }
}

impl PatchKind {
    /// The media type, as in the messages of kubeadm.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Strategic => "application/strategic-merge-patch+json",
            Self::Merge => "application/merge-patch+json",
            Self::Json => "application/json-patch+json",
        }
    }
}

impl fmt::Debug for Patch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Patch({} document {}: {:?} for {})", self.file, self.document, self.kind, self.target)
    }
}

/// Target and kind that a file name tells; none if it is no patch; what follows the `+` if that is no kind.
///
/// The suffix ends at the first dot or plus, and the kind is only looked for right after the plus: so
/// `etcd.a+merge.yaml` is a strategic patch and `etcd+mergers.yaml` a merge patch, as in kubeadm.
fn parse_name(name: &str) -> Result<Option<(&'static str, PatchKind)>, &str> {
    let stem = name.strip_suffix(".json").or_else(|| name.strip_suffix(".yaml"));
    let Some(stem) = stem.filter(|stem| !stem.is_empty()) else { return Ok(None) };
    let Some((target, rest)) = TARGETS.iter().find_map(|t| Some((*t, stem.strip_prefix(t)?))) else {
        return Ok(None);
    };
    let end = rest.find(['.', '+']).unwrap_or(rest.len());
    let Some(kind) = rest.get(end..).and_then(|rest| rest.strip_prefix('+')) else {
        return Ok(Some((target, PatchKind::Strategic)));
    };
    let kinds = [("json", PatchKind::Json), ("merge", PatchKind::Merge), ("strategic", PatchKind::Strategic)];
    let found = kinds.into_iter().find(|(name, _)| kind.starts_with(name));
    found.map(|(_, kind)| Some((target, kind))).ok_or(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patched_pod_is_what_its_type_holds() {
        let pod = serde_json::json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "etcd", "creationTimestamp": null},
            "spec": {"containers": [{"name": "etcd", "resources": {}}], "hostNetwork": true}, "status": {},
        });
        let patch = "
metadata: {annotations: {}}
spec:
  nope: 1
  hostNetwork: false
  dnsPolicy: ''
  priority: 0
  tolerations: []
  overhead: {cpu: '0.1'}
  containers:
  - {name: side, image: i, env: [], stdin: false, volumeMounts: [{name: v, mountPath: /v, readOnly: false}]}
  volumes:
  - name: v
    hostPath: {path: /v, type: ''}
  - name: w
    emptyDir: {medium: '', sizeLimit: 1024Mi}
";
        let want = serde_json::json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "etcd", "creationTimestamp": null},
            "spec": {
                "containers": [
                    {"name": "side", "image": "i", "resources": {}, "volumeMounts": [{"name": "v", "mountPath": "/v"}]},
                    {"name": "etcd", "resources": {}},
                ],
                "overhead": {"cpu": "100m"},
                "priority": 0,
                "volumes": [
                    {"name": "v", "hostPath": {"path": "/v", "type": ""}},
                    {"name": "w", "emptyDir": {"sizeLimit": "1Gi"}},
                ],
            },
            "status": {},
        });
        let set = PatchSet::from_files([("etcd.yaml".to_owned(), patch.as_bytes().to_vec())]).unwrap();
        let mut got = pod;
        set.apply("etcd", &mut got).unwrap();
        assert_eq!(got, want);
    }

    #[test]
    fn names_tell_target_and_kind() {
        use PatchKind::{Json, Merge, Strategic};
        for (name, want) in [
            ("etcd.yaml", Ok(Some(("etcd", Strategic)))),
            ("kube-apiserver0+merge.yaml", Ok(Some(("kube-apiserver", Merge)))),
            ("kube-apiserver+json.json", Ok(Some(("kube-apiserver", Json)))),
            ("kubeletconfiguration-x+strategic.yaml", Ok(Some(("kubeletconfiguration", Strategic)))),
            ("corednsdeployment.json", Ok(Some(("corednsdeployment", Strategic)))),
            ("etcd.a+merge.yaml", Ok(Some(("etcd", Strategic)))),
            ("etcd+mergers.yaml", Ok(Some(("etcd", Merge)))),
            ("etcd+x.yaml", Err("x")),
            ("etcd+.yaml", Err("")),
            ("etcd.yml", Ok(None)),
            ("etcd", Ok(None)),
            (".yaml", Ok(None)),
            ("kubelet.yaml", Ok(None)),
        ] {
            assert_eq!(parse_name(name), want, "{name}");
        }
    }

    #[test]
    fn files_apply_in_walking_order() {
        let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
        let set = PatchSet::from_files([
            file("etcd1+merge.yaml", "a: 1\n---\na: 2\n---\n# nothing\n"),
            file("b/etcd.yaml", "a: 3"),
            file("etcd0+merge.json", "{\"a\": 0}"),
            file("etcd2.yaml", "# nothing"),
            file("README.md", "a"),
            file("kube-scheduler.yaml", "b: 1"),
        ])
        .unwrap();
        let order: Vec<_> = set.patches().iter().map(|p| (p.file.as_str(), p.document)).collect();
        assert_eq!(
            order,
            [
                ("b/etcd.yaml", 1),
                ("etcd0+merge.json", 1),
                ("etcd1+merge.yaml", 1),
                ("etcd1+merge.yaml", 2),
                ("kube-scheduler.yaml", 1)
            ]
        );
        assert_eq!(set.ignored(), ["README.md", "etcd2.yaml"]);
        let mut value = serde_json::json!({});
        assert_eq!(set.apply("etcd", &mut value).unwrap().len(), 4);
        assert_eq!(value, serde_json::json!({"a": 2}));
    }

    #[test]
    fn errors_name_file_document_and_place() {
        let file = |name: &str, text: &str| [(name.to_owned(), text.as_bytes().to_vec())];
        for (name, text, want) in [
            (
                "etcd+yaml.yaml",
                "",
                "patch file etcd+yaml.yaml: expected a type of strategic, merge or json after \"+\", found \"yaml\"",
            ),
            ("etcd.yaml", "a: [", "patch file etcd.yaml, document 1: /: expected YAML or JSON, found"),
        ] {
            let error = PatchSet::from_files(file(name, text)).unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        }
        for (name, text, want) in [
            (
                "etcd+json.yaml",
                "- {op: remove, path: /nope}",
                "patch file etcd+json.yaml, document 1: /nope: expected a value, found nothing",
            ),
            (
                "etcd.yaml",
                "spec: {}\n---\nspec: {containers: [{image: x}]}",
                "patch file etcd.yaml, document 2: /spec/containers/0: expected a map with \"name\", found none",
            ),
            (
                "etcd+merge.yaml",
                "[]",
                "patch file etcd+merge.yaml, document 1: /: expected a map, found something else",
            ),
        ] {
            let mut pod = serde_json::json!({"kind": "Pod", "spec": {"containers": [{"name": "a"}]}});
            let before = pod.clone();
            let error = PatchSet::from_files(file(name, text)).unwrap().apply("etcd", &mut pod).unwrap_err();
            assert!(error.to_string().contains(want), "{error}");
            assert_eq!(pod, before);
        }
    }
}
