//! Which static pods read files that change, and the steps that restart exactly these.

use crate::{
    facts::{Facts, FileFact, Wanted},
    manifest::{ManifestError, StaticPodFile},
    plan::{Action, Guard, Plan, Step},
    time::Timestamp,
};

/// Where kubeadm has the kubelet look for static pods.
pub const MANIFESTS: &str = "/etc/kubernetes/manifests";

/// In which order kubeadm changes them; others come after these, by name.
const ORDER: [&str; 4] = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];

/// What [`static_pod_files`] needs to see.
#[must_use]
pub fn manifests_wanted(directory: &str) -> Wanted {
    Wanted::default().directory(directory)
}

/// The static pods of a directory, in the order in which kubeadm changes them. As the kubelet does, files whose name begins
/// with a dot and directories are left out.
///
/// # Errors
///
/// The path and what is wrong with a manifest: as long as one cannot be read nobody knows what it reads.
pub fn static_pod_files(
    directory: &str,
    seen: &Facts,
) -> Result<Vec<StaticPodFile>, (String, Box<ManifestError>)> {
    let mut pods = Vec::new();
    for (name, text) in seen.below(directory) {
        if name.starts_with('.') || name.contains('/') {
            continue;
        }
        let path = format!("{directory}/{name}");
        pods.push(StaticPodFile::parse(path.clone(), text).map_err(|problem| (path, Box::new(problem)))?);
    }
    let place = |pod: &StaticPodFile| {
        let known = ORDER.iter().position(|name| *name == pod.name());
        (known.unwrap_or(ORDER.len()), pod.name().to_owned())
    };
    pods.sort_by_key(place);
    Ok(pods)
}

/// Plans the restart of the static pods that read one of the changed files, and of no other: one step a pod, which writes
/// its manifest with an annotation.
///
/// The manifest is not moved away and back as kubeadm's documentation has it: one write that replaces the file at once
/// can be killed at any moment and leaves the old pod or the new one, never none.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::{facts::{Content, Facts, FileFact}, flow};
/// let text = "{apiVersion: v1, kind: Pod, metadata: {name: etcd}, spec: {containers: [{command: [etcd, --cert-file=/p/s.crt], \
///             volumeMounts: [{name: p, mountPath: /p}]}], volumes: [{name: p, hostPath: {path: /etc/kubernetes/pki/etcd}}]}}";
/// let mut seen = Facts::default();
/// let content = Content::Text(text.to_owned());
/// seen.files.insert(format!("{}/etcd.yaml", flow::MANIFESTS), FileFact::File { mode: 0o600, sha256: [0; 32], content });
/// let pods = flow::static_pod_files(flow::MANIFESTS, &seen).unwrap();
/// let now = "2026-11-23T00:00:00Z".parse().unwrap();
/// let plan = flow::plan_restarts(&pods, &["/etc/kubernetes/pki/etcd/s.crt".to_owned()], &seen, now);
/// assert_eq!(plan.steps()[0].why, "--cert-file reads /etc/kubernetes/pki/etcd/s.crt");
/// ```
#[must_use]
pub fn plan_restarts(pods: &[StaticPodFile], changed: &[String], seen: &Facts, now: Timestamp) -> Plan {
    let (mut steps, mut notes) = (Vec::new(), Vec::new());
    for pod in pods {
        let mut reasons = Vec::new();
        for file in changed {
            match pod.reads(file) {
                Some(how) => reasons.push(format!("{how} reads {file}")),
                None if pod.may_read(file) => {
                    notes.push(format!(
                        "{}: {file} is mounted and no flag names it: not restarted for it",
                        pod.name()
                    ));
                }
                None => {}
            }
        }
        if reasons.is_empty() {
            continue;
        }
        let (mode, guard) = match seen.file(pod.path()) {
            FileFact::File { mode, sha256, .. } => (*mode, Guard::Unchanged { sha256: *sha256 }),
            _ => (0o600, Guard::None),
        };
        let (path, content) = (pod.path().to_owned(), pod.restarted_at(now));
        let id = format!("restart/{}", pod.name());
        steps.push(Step::new(id, reasons.join(", "), Action::WriteFile { path, mode, content }, guard));
    }
    Plan::new("restart", steps, notes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Documents, InitConfig},
        facts::{Content, NodeFacts},
        manifest::{RenderOptions, static_pods},
        pki,
    };

    fn config() -> InitConfig {
        let text = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\n\
                    localAPIEndpoint: {advertiseAddress: 192.0.2.1}\n---\n\
                    apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.36.2\n";
        Documents::parse(text).unwrap().into_init(&NodeFacts::named("node-1"), None).unwrap()
    }

    /// The manifests of init, and a load balancer that mounts admin.conf.
    fn seen() -> Facts {
        let mut seen = Facts::default();
        let mut add = |name: &str, text: String| {
            let fact = FileFact::File { mode: 0o600, sha256: [7; 32], content: Content::Text(text) };
            seen.files.insert(format!("{MANIFESTS}/{name}"), fact);
        };
        for pod in static_pods(&config(), &RenderOptions::default()).unwrap() {
            add(&format!("{}.yaml", pod.component), pod.object.to_yaml());
        }
        add(
            "kube-vip.yaml",
            "{apiVersion: v1, kind: Pod, metadata: {name: kube-vip}, spec: {containers: [{args: [manager], \
             volumeMounts: [{name: c, mountPath: /etc/kubernetes/admin.conf}]}], \
             volumes: [{name: c, hostPath: {path: /etc/kubernetes/admin.conf}}]}}"
                .to_owned(),
        );
        add(".etcd.yaml.tmp", "not a manifest: [".to_owned());
        seen
    }

    /// Source: kubeadm 1.36, its manifests' flags; which certificates it renews with which component on an upgrade.
    #[test]
    fn each_certificate_restarts_exactly_its_readers() {
        let (config, seen) = (config(), seen());
        let pods = static_pod_files(MANIFESTS, &seen).unwrap();
        let names: Vec<&str> = pods.iter().map(StaticPodFile::name).collect();
        assert_eq!(
            names,
            ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-vip"]
        );
        let readers = |path: &str| {
            let plan = plan_restarts(&pods, &[path.to_owned()], &seen, Timestamp::from_seconds(0));
            plan.steps().iter().map(|step| step.id.replace("restart/", "")).collect::<Vec<_>>().join(" ")
        };
        let mut table = Vec::new();
        for spec in pki::control_plane(&config).unwrap().iter().filter(|spec| spec.issuer.is_some()) {
            let base = format!("{}/{}", config.certificates_dir(), spec.path);
            let of = readers(&format!("{base}.crt"));
            assert_eq!(of, readers(&format!("{base}.key")), "{base}");
            table.push((spec.name.clone(), of));
        }
        for spec in pki::kubeconfigs(&config) {
            table.push((spec.file.to_owned(), readers(&format!("/etc/kubernetes/{}", spec.file))));
        }
        table.sort();
        let expected = [
            ("admin.conf", "kube-vip"),
            ("apiserver", "kube-apiserver"),
            ("apiserver-etcd-client", "kube-apiserver"),
            ("apiserver-kubelet-client", "kube-apiserver"),
            ("controller-manager.conf", "kube-controller-manager"),
            ("etcd-healthcheck-client", ""),
            ("etcd-peer", "etcd"),
            ("etcd-server", "etcd"),
            ("front-proxy-client", "kube-apiserver"),
            ("kubelet.conf", ""),
            ("scheduler.conf", "kube-scheduler"),
            ("super-admin.conf", ""),
        ];
        assert_eq!(table, expected.map(|(name, readers)| (name.to_owned(), readers.to_owned())));
    }

    #[test]
    fn what_the_pods_serve_is_read_off_their_flags() {
        let pods = static_pod_files(MANIFESTS, &seen()).unwrap();
        let served: Vec<String> = pods
            .iter()
            .flat_map(|pod| pod.served().into_iter().map(|at| (pod.name().to_owned(), at)))
            .map(|(name, at)| {
                let file = at.certificate.unwrap_or_default();
                format!("{name} {}:{} {file}", at.address, at.port)
            })
            .collect();
        assert_eq!(
            served,
            [
                "etcd 127.0.0.1:2379 /etc/kubernetes/pki/etcd/server.crt",
                "etcd 192.0.2.1:2380 /etc/kubernetes/pki/etcd/peer.crt",
                "kube-apiserver 192.0.2.1:6443 /etc/kubernetes/pki/apiserver.crt",
                "kube-controller-manager 127.0.0.1:10257 ",
                "kube-scheduler 127.0.0.1:10259 ",
            ]
        );
        assert_eq!(pods[0].plain_metrics().as_deref(), Some("http://127.0.0.1:2381"));
    }

    #[test]
    fn a_manifest_that_cannot_be_read_is_named() {
        let mut seen = seen();
        let content = Content::Text("kind: [".to_owned());
        let path = format!("{MANIFESTS}/bad.yaml");
        seen.files.insert(path.clone(), FileFact::File { mode: 0o600, sha256: [0; 32], content });
        assert_eq!(static_pod_files(MANIFESTS, &seen).unwrap_err().0, path);
    }
}
