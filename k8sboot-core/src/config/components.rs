//! KubeletConfiguration and KubeProxyConfiguration: types checked, names that are not known warned of.
//!
//! Their own programs decide what they accept, and newer ones accept more; so an unknown name is a warning.
//! Source: Kubernetes "Kubelet Configuration (v1beta1)" and "kube-proxy Configuration (v1alpha1)".

use super::{
    check::join,
    component_fields::{Field, Shape},
    error::{ConfigError, quoted},
    kube_proxy_fields, kubelet_fields,
    node::{Node, Tree},
    suggest,
};
use crate::{error::Code, time::GoDuration};

/// A component whose configuration may come along.
#[derive(Debug)]
pub(super) struct Component {
    pub(super) kind: &'static str,
    pub(super) group: &'static str,
    pub(super) api_version: &'static str,
    fields: &'static [Field],
}

/// The kubelet.
pub(super) static KUBELET: Component = Component {
    kind: "KubeletConfiguration",
    group: "kubelet.config.k8s.io",
    api_version: "kubelet.config.k8s.io/v1beta1",
    fields: kubelet_fields::FIELDS,
};

/// kube-proxy.
pub(super) static KUBE_PROXY: Component = Component {
    kind: "KubeProxyConfiguration",
    group: "kubeproxy.config.k8s.io",
    api_version: "kubeproxy.config.k8s.io/v1alpha1",
    fields: kube_proxy_fields::FIELDS,
};

/// The kind of the component that has a field of this name.
pub(super) fn owner(field: &str) -> Option<&'static str> {
    [&KUBELET, &KUBE_PROXY]
        .into_iter()
        .find(|c| c.fields.iter().any(|known| known.name == field))
        .map(|c| c.kind)
}

impl Component {
    /// Reports values of the wrong type, and warns of names that the component is not known to have.
    pub(super) fn check(
        &self,
        document: &Node,
        errors: &mut Vec<ConfigError>,
        warnings: &mut Vec<ConfigError>,
    ) {
        let mut checker = Checker { kind: self.kind, errors, warnings };
        checker.fields(self.fields, document, "");
    }
}

struct Checker<'e> {
    kind: &'static str,
    errors: &'e mut Vec<ConfigError>,
    warnings: &'e mut Vec<ConfigError>,
}

impl Checker<'_> {
    fn fields(&mut self, fields: &'static [Field], node: &Node, path: &str) {
        for entry in node.entries() {
            let name = entry.key.as_str();
            if path.is_empty() && matches!(name, "apiVersion" | "kind") {
                continue;
            }
            let path = join(path, name);
            match fields.iter().find(|field| field.name == name) {
                Some(field) => self.value(field.shape, &entry.value, &path),
                None => {
                    let (expected, found) =
                        (format!("a field of {}", self.kind), format!("unknown field {}", quoted(name)));
                    let warning = ConfigError::new(Code::CONFIG_WARNING, self.kind, path, expected, found);
                    let remedy = suggest::did_you_mean(name, fields.iter().map(|field| field.name));
                    self.warnings.push(warning.at(entry.place).remedy(remedy));
                }
            }
        }
    }

    fn value(&mut self, shape: Shape, node: &Node, path: &str) {
        match (shape, &node.tree) {
            (_, Tree::Null) | (Shape::Any, _) => {}
            (Shape::Struct(fields), Tree::Map(_)) => self.fields(fields, node, path),
            (Shape::Map(inner), Tree::Map(entries)) => {
                for entry in entries {
                    self.value(*inner, &entry.value, &join(path, &entry.key));
                }
            }
            (Shape::List(inner), Tree::List(items)) => {
                for (index, item) in items.iter().enumerate() {
                    self.value(*inner, item, &format!("{path}[{index}]"));
                }
            }
            (shape, tree) if fits(shape, tree) => {}
            (shape, tree) => {
                let found = match tree {
                    Tree::Text(text) => format!("the text {}", quoted(text)),
                    Tree::Number(number) => format!("the number {number}"),
                    tree => tree.name().to_owned(),
                };
                let error = ConfigError::new(Code::CONFIG_TYPE, self.kind, path, expected(shape), found);
                self.errors.push(error.at(node.place));
            }
        }
    }
}

fn fits(shape: Shape, tree: &Tree) -> bool {
    match (shape, tree) {
        (Shape::Text, Tree::Text(_)) | (Shape::Flag, Tree::Bool(_)) | (Shape::Number, Tree::Number(_)) => {
            true
        }
        (Shape::Integer | Shape::NanosecondsOrDuration, Tree::Number(number)) => number.is_i64(),
        (Shape::Duration | Shape::NanosecondsOrDuration, Tree::Text(text)) => {
            text.parse::<GoDuration>().is_ok()
        }
        // Which texts are amounts is the component's to say.
        (Shape::Quantity, Tree::Text(_) | Tree::Number(_)) => true,
        _ => false,
    }
}

fn expected(shape: Shape) -> &'static str {
    match shape {
        Shape::Text => "text",
        Shape::Flag => "true or false",
        Shape::Integer => "a whole number",
        Shape::Number => "a number",
        Shape::Duration => "a duration like 1m30s",
        Shape::NanosecondsOrDuration => "a duration like 1m30s, or nanoseconds",
        Shape::Quantity => "an amount like 64Ki",
        Shape::List(_) => "a list",
        Shape::Map(_) | Shape::Struct(_) => "a mapping",
        Shape::Any => "anything",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::yaml_read::read_documents;

    #[test]
    fn knows_every_field_that_kubeadm_writes() {
        let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/kubeadm-1.36/cases");
        for case in ["minimal", "ha", "dualstack"] {
            let file = |name: &str| std::fs::read_to_string(format!("{cases}/{case}/{name}")).unwrap();
            let (mut errors, mut warnings) = (Vec::new(), Vec::new());
            KUBELET.check(
                &read_documents(&file("kubelet-config.yaml")).unwrap()[0],
                &mut errors,
                &mut warnings,
            );
            let map = read_documents(&file("objects/ConfigMap.kube-system.kube-proxy.yaml")).unwrap();
            let proxy = map[0].get("data").unwrap().get("config.conf").unwrap().text().unwrap();
            KUBE_PROXY.check(&read_documents(proxy).unwrap()[0], &mut errors, &mut warnings);
            assert_eq!((errors, warnings), (vec![], vec![]), "{case}");
        }
    }

    #[test]
    fn wrong_types_are_errors_and_unknown_names_warnings() {
        for (text, error, warning) in [
            ("maxPods: 5", None, None),
            ("maxPods: '5'", Some("maxPods"), None),
            ("maxPods: 5.5", Some("maxPods"), None),
            ("clusterDNS: 10.96.0.10", Some("clusterDNS"), None),
            ("clusterDNS: [1]", Some("clusterDNS[0]"), None),
            ("syncFrequency: 60", Some("syncFrequency"), None),
            ("syncFrequency: xyz", Some("syncFrequency"), None),
            ("failSwapOn: 'false'", Some("failSwapOn"), None),
            ("evictionHard: {a: 1}", Some("evictionHard.a"), None),
            (
                "authentication: {webhook: {cacheTTL: 1, bogus: 2}}",
                Some("authentication.webhook.cacheTTL"),
                Some("authentication.webhook.bogus"),
            ),
            ("logging: {flushFrequency: 5000000000}", None, None),
            ("reservedMemory: [{limits: {memory: 1}}]", None, None),
            ("fooBar: 1", None, Some("fooBar")),
            ("clusterDNS: null", None, None),
        ] {
            let (mut errors, mut warnings) = (Vec::new(), Vec::new());
            KUBELET.check(&read_documents(text).unwrap()[0], &mut errors, &mut warnings);
            assert_eq!(errors.first().map(|e| e.field.as_str()), error, "{text}");
            assert_eq!(warnings.first().map(|w| w.field.as_str()), warning, "{text}");
        }
    }
}
