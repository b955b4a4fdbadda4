//! What init says at its end: what was written where, and what to do next.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use k8sboot_core::{exec::Outcome, flow::Report};

use crate::{args::InitArgs, objects::NODE_PATCH};

/// The text for people.
pub(crate) fn text(args: &InitArgs, node: &str, report: &Report, objects: Option<(usize, usize)>) -> String {
    let mut out = changes(&args.root, report);
    if let (Some((all, changed)), Some(directory)) = (objects, &args.objects_dir) {
        writes(
            &mut out,
            format_args!("{changed} of {all} files with API objects written to {}", directory.display()),
        );
    }
    if report.changed() > 0 && report.stages.last().is_some_and(|last| last.stage == "kubelet") {
        next(&mut out, args, node);
    }
    if report.stages.last().is_some_and(|last| last.stage == "addons") {
        out.push_str("\nThe control plane is set up. Next:\n");
        in_use(&mut out);
    }
    out
}

/// What a run changed below a root.
pub(crate) fn changes(root: &Path, report: &Report) -> String {
    let (mut out, root) = (String::new(), root.display());
    let files = directories(report);
    if !files.is_empty() {
        writes(&mut out, format_args!("\nWritten below {root}:"));
        for (directory, files) in files {
            writes(
                &mut out,
                format_args!("  {directory}: {files} file{}", if files == 1 { "" } else { "s" }),
            );
        }
    } else if report.changed() == 0 {
        writes(&mut out, format_args!("\nNothing to change below {root}"));
    }
    out
}

/// The command that brings a tree to the node's own root; nothing for a tree that is there.
pub(crate) fn copy(root: &Path) -> Option<String> {
    // Unlike `cp -a`, this leaves owners and modes of directories like /etc alone.
    let copy = "tar -C / -xpf - --no-overwrite-dir --no-same-owner";
    (root != Path::new("/")).then(|| format!("tar -C {} -cf - . | {copy}", shell(root)))
}

fn next(out: &mut String, args: &InitArgs, node: &str) {
    out.push_str("\nNext, on the node as root:\n");
    if let Some(copy) = copy(&args.root) {
        writes(out, format_args!("  copy the tree:       {copy}"));
    }
    out.push_str(
        "  start the kubelet:   systemctl restart kubelet   (k8sboot does not manage services yet)\n",
    );
    let kubectl = "kubectl --kubeconfig /etc/kubernetes/super-admin.conf";
    match &args.objects_dir {
        Some(directory) => {
            let patch = shell(&directory.join(NODE_PATCH));
            writes(out, format_args!("  apply the objects:   {kubectl} apply -f {}", shell(directory)));
            writes(
                out,
                format_args!("  mark the node:       {kubectl} patch node {node} --patch-file {patch}"),
            );
        }
        None if cfg!(feature = "api") => {
            let config = shell(&args.config);
            writes(
                out,
                format_args!(
                    "  finish the cluster:  k8sboot init --config {config} --from wait-control-plane"
                ),
            );
            out.push_str(
                "                       (prints the join command again, with another token if the file names none)\n",
            );
            out.push_str(
                "                       (or apply the objects yourself: --objects-dir DIR writes them)\n",
            );
        }
        None => out.push_str("  apply the objects:   write them with --objects-dir DIR first\n"),
    }
    in_use(out);
}

fn in_use(out: &mut String) {
    out.push_str("  use the cluster:     export KUBECONFIG=/etc/kubernetes/admin.conf\n");
    out.push_str("  add a pod network, then join workers\n");
}

/// A path as a word of a shell command.
fn shell(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:,@".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// The directories below which something changed, with the number of files.
fn directories(report: &Report) -> BTreeMap<&str, usize> {
    let mut found = BTreeMap::new();
    let steps = report.stages.iter().flat_map(|stage| &stage.steps);
    for step in steps.filter(|step| step.outcome == Outcome::Changed) {
        for path in step.paths.iter().filter(|_| !step.id.ends_with("directory")) {
            let parent = path.rsplit_once('/').map_or("/", |(parent, _)| parent);
            *found.entry(parent).or_default() += 1;
        }
    }
    found
}

fn writes(out: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{line}");
}
