//! Logs of static pods and of the kubelet.

use crate::{exec::Tree, health::ContainerLog};

const PODS: &str = "/var/log/pods";
/// How much of a log's end is looked at, in bytes.
const TAIL: usize = 16 * 1024;

/// The newest log of a static pod's container: `/var/log/pods/kube-system_NAME-NODE_UID/NAME/RESTARTS.log`.
pub(super) fn of_container(tree: &Tree, component: &str) -> Option<ContainerLog> {
    let prefix = format!("kube-system_{component}-");
    let pods = tree.list(PODS).ok()??;
    let logs = pods.iter().filter(|pod| pod.starts_with(&prefix)).filter_map(|pod| {
        let directory = format!("{PODS}/{pod}/{component}");
        let names = tree.list(&directory).ok()??;
        let newest = names.iter().filter_map(|name| name.strip_suffix(".log")?.parse::<u32>().ok()).max()?;
        Some(ContainerLog { restarts: newest, tail: tail(tree, &format!("{directory}/{newest}.log")) })
    });
    // Every line begins with its time, so that the newest of several pods is the one with the greatest last line.
    logs.max_by(|one, other| one.tail.lines().last().cmp(&other.tail.lines().last()))
}

/// The end of a file; empty if it cannot be read.
pub(super) fn tail(tree: &Tree, path: &str) -> String {
    let bytes = tree.read(path).ok().flatten().unwrap_or_default();
    let end = bytes.get(bytes.len().saturating_sub(TAIL)..).unwrap_or_default();
    String::from_utf8_lossy(end).into_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_newest_restart_of_the_newest_pod_counts() {
        let root = std::env::temp_dir().join(format!("k8sboot-logs-{}", std::process::id()));
        let write = |pod: &str, restart: u32, text: &str| {
            let directory = root.join(format!("var/log/pods/kube-system_{pod}/kube-scheduler"));
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join(format!("{restart}.log")), text).unwrap();
        };
        write("kube-scheduler-n_old", 9, "2026-01-01T00:00:00Z stderr F old\n");
        write("kube-scheduler-n_new", 1, "2026-02-01T00:00:00Z stderr F before\n");
        write("kube-scheduler-n_new", 2, "2026-02-01T00:00:09Z stderr F last\n");
        let tree = Tree::open(&root).unwrap();
        let log = of_container(&tree, "kube-scheduler").unwrap();
        assert_eq!((log.restarts, log.tail.ends_with("last\n")), (2, true));
        assert_eq!(of_container(&tree, "kube-apiserver"), None);
        fs::remove_dir_all(root).unwrap();
    }
}
