//! v1beta3 documents in the shape of v1beta4.
//!
//! Arguments were a mapping and become a list, sorted by name; two timeouts moved. Nothing else that v1beta3 has is
//! different. Source: behaviour of kubeadm 1.36 ("config migrate").

use super::{
    node::{Entry, Node, Place, Tree},
    positions::Positions,
};

/// A converted document.
pub(super) struct Converted {
    pub(super) root: Node,
    /// `apiServer.timeoutForControlPlane` of a ClusterConfiguration, which belongs to InitConfiguration now.
    pub(super) timeout_for_control_plane: Option<Node>,
    renamed: Vec<(String, Place, String)>,
}

impl Converted {
    /// Records what was moved, so that messages speak of the field that the user wrote.
    pub(super) fn record(&self, kind: &'static str, positions: &mut Positions) {
        positions.record(kind, &self.root);
        for (path, place, written) in &self.renamed {
            positions.moved(kind, path, *place, (kind, written.clone()));
        }
        if let Some(node) = &self.timeout_for_control_plane {
            let path = "timeouts.controlPlaneComponentHealthCheck";
            let written = (kind, "apiServer.timeoutForControlPlane".to_owned());
            positions.moved("InitConfiguration", path, node.place, written);
        }
    }
}

/// Converts a checked document.
pub(super) fn convert(mut root: Node) -> Converted {
    let mut renamed = Vec::new();
    for (parents, name) in [
        (&["nodeRegistration"][..], "kubeletExtraArgs"),
        (&["apiServer"], "extraArgs"),
        (&["controllerManager"], "extraArgs"),
        (&["scheduler"], "extraArgs"),
        (&["etcd", "local"], "extraArgs"),
    ] {
        if let Some(node) = member(&mut root, parents).and_then(|parent| child(parent, name)) {
            list_arguments(node, &format!("{}.{name}", parents.join(".")), &mut renamed);
        }
    }
    let timeout_for_control_plane =
        member(&mut root, &["apiServer"]).and_then(|parent| take(parent, "timeoutForControlPlane"));
    if let Some(timeout) = member(&mut root, &["discovery"]).and_then(|parent| take(parent, "timeout")) {
        let place = timeout.place;
        renamed.push(("timeouts.discovery".to_owned(), place, "discovery.timeout".to_owned()));
        let discovery = Entry { key: "discovery".to_owned(), place, value: timeout };
        let timeouts = Node::new(place, Tree::Map(vec![discovery]));
        if let Tree::Map(entries) = &mut root.tree {
            entries.push(Entry { key: "timeouts".to_owned(), place, value: timeouts });
        }
    }
    Converted { root, timeout_for_control_plane, renamed }
}

fn list_arguments(node: &mut Node, path: &str, renamed: &mut Vec<(String, Place, String)>) {
    let Tree::Map(entries) = &mut node.tree else { return };
    let mut entries = std::mem::take(entries);
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    let items = entries.into_iter().enumerate().map(|(index, Entry { key, place, value })| {
        let written = format!("{path}.{key}");
        renamed.push((format!("{path}[{index}].name"), place, written.clone()));
        renamed.push((format!("{path}[{index}].value"), value.place, written));
        let name = Node::new(place, Tree::Text(key));
        let pair = [("name", name), ("value", value)];
        let pair = pair.map(|(key, value)| Entry { key: key.to_owned(), place, value });
        Node::new(place, Tree::Map(pair.into()))
    });
    node.tree = Tree::List(items.collect());
}

fn member<'n>(root: &'n mut Node, path: &[&str]) -> Option<&'n mut Node> {
    path.iter().try_fold(root, |node, name| child(node, name))
}

fn child<'n>(node: &'n mut Node, name: &str) -> Option<&'n mut Node> {
    match &mut node.tree {
        Tree::Map(entries) => entries.iter_mut().find(|e| e.key == name).map(|e| &mut e.value),
        _ => None,
    }
}

fn take(node: &mut Node, name: &str) -> Option<Node> {
    let Tree::Map(entries) = &mut node.tree else { return None };
    let at = entries.iter().position(|entry| entry.key == name)?;
    let value = entries.remove(at).value;
    (value.tree != Tree::Null).then_some(value)
}
