//! The documents of one configuration text.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{
    ConfigError, ConfigErrors, InitConfig, JoinConfig, ResetConfig, check,
    components::{Component, KUBE_PROXY, KUBELET},
    error::quoted,
    init, join,
    node::{Node, Place, Tree},
    positions::Positions,
    reset,
    schema::{Fields, V1BETA3, V1BETA4, Version},
    suggest, v1beta3, v1beta4, yaml_read,
};
use crate::{error::Code, facts::NodeFacts, token::BootstrapToken};

/// The documents of one configuration text, each kind at most once; v1beta3 is converted.
///
/// They have the right fields with the right types, nothing more: [`into_init`](Self::into_init) and its sisters fill in
/// the defaults and prove the values.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Documents {
    /// `kind: InitConfiguration`.
    pub init: Option<v1beta4::InitConfiguration>,
    /// `kind: ClusterConfiguration`.
    pub cluster: Option<v1beta4::ClusterConfiguration>,
    /// `kind: JoinConfiguration`.
    pub join: Option<v1beta4::JoinConfiguration>,
    /// `kind: ResetConfiguration`.
    pub reset: Option<v1beta4::ResetConfiguration>,
    /// `kind: UpgradeConfiguration`, its fields and types checked.
    pub upgrade: Option<Map<String, Value>>,
    /// `kind: KubeletConfiguration` (kubelet.config.k8s.io/v1beta1), carried through.
    pub kubelet: Option<Map<String, Value>>,
    /// `kind: KubeProxyConfiguration` (kubeproxy.config.k8s.io/v1alpha1), carried through.
    pub kube_proxy: Option<Map<String, Value>>,
    pub(super) positions: Positions,
    pub(super) warnings: Vec<ConfigError>,
}

impl Documents {
    /// Reads YAML or JSON, one document or several.
    ///
    /// # Errors
    ///
    /// Every problem of the text at once: broken syntax, unknown kinds and fields, wrong types, and the values that no
    /// host could make right.
    ///
    /// # Examples
    ///
    /// ```
    /// # use k8sboot_core::config::Documents;
    /// let errors = Documents::parse(
    ///     "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nnetworking:\n  podSubent: 10.244.0.0/16\n",
    /// )
    /// .unwrap_err();
    /// let error = &errors.as_slice()[0];
    /// assert_eq!((error.field.as_str(), error.line, error.column), ("networking.podSubent", 4, 3));
    /// assert_eq!(error.remedy, "did you mean \"podSubnet\"?");
    /// ```
    pub fn parse(text: &str) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::default();
        reader.read(text);
        let Reader { documents, mut errors, .. } = reader;
        if errors.is_empty() {
            return Ok(documents);
        }
        // What could be read is judged as well, so that one run tells everything. Without a host, only what the text
        // itself gave counts, and not where a field has been reported already.
        let judged = documents.judge();
        let reported: Vec<(String, String)> =
            errors.iter().map(|e| (e.document.clone(), e.field.clone())).collect();
        errors.extend(judged.into_iter().filter(|judged| {
            judged.line > 0
                && !reported.iter().any(|(document, field)| {
                    *document == judged.document
                        && (related(field, &judged.field) || related(&judged.field, field))
                })
        }));
        Err(ConfigErrors::sorted(errors))
    }

    /// Fills in the defaults and proves an init configuration.
    ///
    /// `fresh_token` is used if the documents name no bootstrap token; with `None` the configuration then has none.
    ///
    /// # Errors
    ///
    /// Every broken rule at once.
    pub fn into_init(
        self,
        host: &NodeFacts,
        fresh_token: Option<BootstrapToken>,
    ) -> Result<InitConfig, ConfigErrors> {
        init::prove(self, host, fresh_token)
    }

    /// Fills in the defaults and proves a join configuration.
    ///
    /// # Errors
    ///
    /// Every broken rule at once.
    pub fn into_join(self, host: &NodeFacts) -> Result<JoinConfig, ConfigErrors> {
        join::prove(self, host)
    }

    /// Fills in the defaults and proves a reset configuration; without a document, kubeadm's defaults.
    ///
    /// # Errors
    ///
    /// Every broken rule at once.
    pub fn into_reset(self, host: &NodeFacts) -> Result<ResetConfig, ConfigErrors> {
        reset::prove(self, host)
    }

    /// What is allowed in the text but probably not wanted.
    #[must_use]
    pub fn warnings(&self) -> &[ConfigError] {
        &self.warnings
    }

    /// Warns of documents that a flow has no use for.
    pub(super) fn warn_unused(&mut self, flow: &str, used: &[&str]) {
        for (kind, given) in [
            ("InitConfiguration", self.init.is_some()),
            ("ClusterConfiguration", self.cluster.is_some()),
            ("JoinConfiguration", self.join.is_some()),
            ("ResetConfiguration", self.reset.is_some()),
            ("UpgradeConfiguration", self.upgrade.is_some()),
        ] {
            if given && !used.contains(&kind) {
                let expected = format!("documents for {flow}");
                let warning = ConfigError::new(Code::CONFIG_WARNING, kind, "", expected, kind);
                let place = self.positions.around(kind, "");
                self.warnings.push(warning.at(place).remedy("it is ignored"));
            }
        }
    }

    fn judge(&self) -> Vec<ConfigError> {
        let host = NodeFacts::default();
        let mut errors = Vec::new();
        if self.init.is_some() || self.cluster.is_some() {
            errors.extend(self.clone().into_init(&host, None).err().map(ConfigErrors::into_vec));
        }
        if self.join.is_some() {
            errors.extend(self.clone().into_join(&host).err().map(ConfigErrors::into_vec));
        }
        if self.reset.is_some() {
            errors.extend(self.clone().into_reset(&host).err().map(ConfigErrors::into_vec));
        }
        errors.into_iter().flatten().collect()
    }
}

/// Whether `inner` is `outer` or lies below it.
fn related(outer: &str, inner: &str) -> bool {
    inner
        .strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']) || outer.is_empty())
}

#[derive(Default)]
struct Reader {
    documents: Documents,
    errors: Vec<ConfigError>,
    /// Kinds that were given, with the line.
    seen: Vec<(&'static str, usize)>,
    timeout: Option<Node>,
}

impl Reader {
    fn read(&mut self, text: &str) {
        let (roots, problems) = yaml_read::read(text);
        self.errors.extend(problems.into_iter().map(ConfigError::from));
        if roots.is_empty() && self.errors.is_empty() {
            let error =
                ConfigError::new(Code::CONFIG_MISSING, "", "", "a configuration document", "an empty text");
            self.errors
                .push(error.remedy("give apiVersion: kubeadm.k8s.io/v1beta4 and kind: InitConfiguration"));
        }
        for root in roots {
            self.document(root);
        }
        self.move_timeout();
    }

    fn document(&mut self, root: Node) {
        let place = root.place;
        if !matches!(root.tree, Tree::Map(_)) {
            let found = root.tree.name();
            let error =
                ConfigError::new(Code::CONFIG_TYPE, "", "", "a mapping with apiVersion and kind", found);
            return self.errors.push(error.at(place));
        }
        let (Some(api_version), Some(kind)) = (self.meta(&root, "apiVersion"), self.meta(&root, "kind"))
        else {
            return;
        };
        match api_version.split_once('/') {
            Some(("kubeadm.k8s.io", version)) => self.kubeadm(version, &kind, root),
            Some((group, _)) => match [&KUBELET, &KUBE_PROXY].into_iter().find(|c| c.group == group) {
                Some(component) => self.component(component, &api_version, &kind, root),
                None => self.foreign(group, &api_version, &kind, place),
            },
            None => {
                let near = format!("kubeadm.k8s.io/{api_version}");
                let remedy = if near == V1BETA4.api_version || near == V1BETA3.api_version {
                    format!("write apiVersion: {near}")
                } else {
                    "objects of the cluster do not belong here: apply them later".into()
                };
                self.refuse_kind("a configuration document", &api_version, &kind, place, remedy);
            }
        }
    }

    fn meta(&mut self, root: &Node, field: &'static str) -> Option<String> {
        let remedy = match field {
            "apiVersion" => format!("write apiVersion: {}", V1BETA4.api_version),
            _ => "write kind: InitConfiguration or another kind".to_owned(),
        };
        let error = match root.get(field) {
            Some(node) => match &node.tree {
                Tree::Text(text) if !text.is_empty() => return Some(text.clone()),
                tree => ConfigError::new(Code::CONFIG_TYPE, "", field, "text", tree.name()).at(node.place),
            },
            None => ConfigError::new(Code::CONFIG_MISSING, "", field, "text", "nothing").at(root.place),
        };
        self.errors.push(error.remedy(remedy));
        None
    }

    fn kubeadm(&mut self, version: &str, kind: &str, root: Node) {
        let place = root.place;
        let version: &'static Version = match version {
            "v1beta4" => &V1BETA4,
            "v1beta3" => &V1BETA3,
            other => {
                let api_version = format!("kubeadm.k8s.io/{other}");
                let remedy = match last_kubeadm(other) {
                    Some(kubeadm) => {
                        format!("bring it up to date with kubeadm {kubeadm}: kubeadm config migrate")
                    }
                    None => suggest::did_you_mean(other, ["v1beta4", "v1beta3"]),
                };
                let expected = "apiVersion kubeadm.k8s.io/v1beta4 or kubeadm.k8s.io/v1beta3";
                return self.refuse_kind(expected, &api_version, kind, place, remedy);
            }
        };
        let Some((kind, fields)) = version.kinds.iter().find(|(name, _)| *name == kind) else {
            let known = version.kinds.iter().map(|(name, _)| *name).chain([KUBELET.kind, KUBE_PROXY.kind]);
            let component = [&KUBELET, &KUBE_PROXY].into_iter().find(|c| c.kind == kind);
            let remedy = match component {
                Some(component) => format!("write apiVersion: {}", component.api_version),
                None if V1BETA4.get(kind).is_some() => format!("it came with {}", V1BETA4.api_version),
                None => suggest::did_you_mean(kind, known),
            };
            let names: Vec<&str> = version.kinds.iter().map(|(name, _)| *name).collect();
            let expected = format!("one of the kinds {}", names.join(", "));
            return self.refuse_kind(&expected, version.api_version, kind, place, remedy);
        };
        if self.first(kind, place) {
            self.accept(version, kind, fields, root);
        }
    }

    fn accept(&mut self, version: &'static Version, kind: &'static str, fields: &'static Fields, root: Node) {
        let mut root = check::check(version, kind, fields, root, &mut self.errors);
        if std::ptr::eq(version, &V1BETA3) {
            let warning = ConfigError::new(
                Code::CONFIG_WARNING,
                kind,
                "apiVersion",
                V1BETA4.api_version,
                format!("{}, which is deprecated", V1BETA3.api_version),
            );
            let place = root.get("apiVersion").map_or(root.place, |node| node.place);
            self.documents.warnings.push(warning.at(place).remedy("migrate the file; it is read as v1beta4"));
            let converted = v1beta3::convert(root);
            converted.record(kind, &mut self.documents.positions);
            if kind == "ClusterConfiguration" {
                self.timeout = converted.timeout_for_control_plane;
            }
            root = converted.root;
        } else {
            self.documents.positions.record(kind, &root);
        }
        let place = root.place;
        let map = root.to_given_map();
        match kind {
            "InitConfiguration" => self.documents.init = self.typed(kind, map, place),
            "ClusterConfiguration" => self.documents.cluster = self.typed(kind, map, place),
            "JoinConfiguration" => self.documents.join = self.typed(kind, map, place),
            "ResetConfiguration" => self.documents.reset = self.typed(kind, map, place),
            _ => self.documents.upgrade = Some(map),
        }
    }

    fn component(&mut self, component: &'static Component, api_version: &str, kind: &str, root: Node) {
        let place = root.place;
        if api_version != component.api_version || kind != component.kind {
            let expected = format!("{} {}", component.api_version, component.kind);
            return self.refuse_kind(&expected, api_version, kind, place, String::new());
        }
        if !self.first(component.kind, place) {
            return;
        }
        component.check(&root, &mut self.errors, &mut self.documents.warnings);
        let map = Some(root.to_given_map());
        if component.kind == KUBELET.kind {
            self.documents.kubelet = map;
        } else {
            self.documents.kube_proxy = map;
        }
    }

    /// A group that kubeadm does not know: ignored with a warning, unless it looks like a slip.
    fn foreign(&mut self, group: &str, api_version: &str, kind: &str, place: Place) {
        let slip = suggest::nearest(group, ["kubeadm.k8s.io", KUBELET.group, KUBE_PROXY.group]);
        let component = [&KUBELET, &KUBE_PROXY].into_iter().find(|c| c.kind == kind);
        let remedy = match (component, slip) {
            (Some(component), _) => format!("write apiVersion: {}", component.api_version),
            (None, _) if V1BETA4.get(kind).is_some() => format!("write apiVersion: {}", V1BETA4.api_version),
            (None, Some(slip)) => format!("did you mean the group {slip}?"),
            (None, None) => {
                let found = format!("{} {}", quoted(api_version), quoted(kind));
                let warning =
                    ConfigError::new(Code::CONFIG_WARNING, "", "", "a configuration document", found);
                return self.documents.warnings.push(warning.at(place).remedy("it is ignored"));
            }
        };
        self.refuse_kind("a configuration document", api_version, kind, place, remedy);
    }

    fn refuse_kind(&mut self, expected: &str, api_version: &str, kind: &str, place: Place, remedy: String) {
        let found = format!("{} {}", quoted(api_version), quoted(kind));
        let error = ConfigError::new(Code::CONFIG_KIND, "", "", expected, found);
        self.errors.push(error.at(place).remedy(remedy));
    }

    fn first(&mut self, kind: &'static str, place: Place) -> bool {
        if let Some((_, line)) = self.seen.iter().find(|(seen, _)| *seen == kind) {
            let found = format!("a second one; the first begins in line {line}");
            let error =
                ConfigError::new(Code::CONFIG_DUPLICATE, kind, "", "one document of each kind", found);
            self.errors.push(error.at(place).remedy("join the two"));
            return false;
        }
        self.seen.push((kind, place.line));
        true
    }

    fn typed<T: DeserializeOwned>(
        &mut self,
        kind: &'static str,
        map: Map<String, Value>,
        place: Place,
    ) -> Option<T> {
        // The message of serde may quote values; the schema has reported whatever is wrong.
        serde_json::from_value(Value::Object(map))
            .map_err(|_| {
                let error =
                    ConfigError::new(Code::CONFIG_TYPE, kind, "", "values of the right type", "another type");
                self.errors.push(error.at(place));
            })
            .ok()
    }

    /// v1beta3 has a timeout in ClusterConfiguration that v1beta4 has in InitConfiguration.
    fn move_timeout(&mut self) {
        let timeout = self.timeout.take().and_then(|node| node.text()?.parse().ok());
        if let Some(timeout) = timeout {
            let timeouts = self.documents.init.get_or_insert_default().timeouts.get_or_insert_default();
            timeouts.control_plane_component_health_check.get_or_insert(timeout);
        }
    }
}

/// The last kubeadm that can migrate a version of the API.
fn last_kubeadm(version: &str) -> Option<&'static str> {
    Some(match version {
        "v1alpha1" => "v1.11",
        "v1alpha2" => "v1.12",
        "v1alpha3" => "v1.14",
        "v1beta1" => "v1.15",
        "v1beta2" => "v1.22",
        _ => return None,
    })
}
