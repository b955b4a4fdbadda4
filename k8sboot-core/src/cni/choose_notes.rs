//! What a person should know about a choice of configurations, and its table.

use super::choose::{Choice, FileReport, Verdict, extension};

/// What is easily overlooked.
pub(super) fn notes(choice: &Choice) -> Vec<String> {
    let mut notes = Vec::new();
    if choice.chosen.is_none() {
        notes.push(format!(
            "no valid configuration in {}: the node stays NotReady until a network plugin is installed",
            choice.directory
        ));
    }
    for file in &choice.files {
        for list in &choice.files {
            if let Some(note) = shadowed(file, list) {
                notes.push(note);
            }
        }
        if file.verdict == Verdict::Chosen && !file.missing.is_empty() {
            notes.push(format!(
                "{} wins, and every ADD fails: missing {}",
                file.file,
                file.missing.join(", ")
            ));
        }
    }
    for reader in choice.readers.iter().filter(|reader| !reader.reader.starts_with("by name")) {
        if reader.file != choice.chosen {
            notes.push(format!(
                "{} takes {}: {}",
                reader.reader,
                reader.file.as_deref().unwrap_or("none"),
                reader.why
            ));
        }
    }
    notes
}

/// A single plugin's file and a list of the same name or network, which different readers take.
fn shadowed(conf: &FileReport, list: &FileReport) -> Option<String> {
    let stem = |file: &FileReport| file.file.rsplit_once('.').map(|(stem, _)| stem.to_owned());
    let readable = |file: &FileReport| matches!(file.verdict, Verdict::Chosen | Verdict::Later);
    let pair = extension(&conf.file) != "conflist" && extension(&list.file) == "conflist";
    let same = stem(conf) == stem(list) || (conf.network.is_some() && conf.network == list.network);
    if !pair || !same || !readable(conf) || !readable(list) || conf.file > list.file {
        return None;
    }
    let order = if stem(conf) == stem(list) {
        "because the shorter name sorts first"
    } else {
        "in the order of names"
    };
    let only: Vec<&str> =
        list.plugins.iter().filter(|plugin| !conf.plugins.contains(plugin)).map(String::as_str).collect();
    let lost = if only.is_empty() { String::new() } else { format!(", so {} is not run", only.join(", ")) };
    Some(format!(
        "{} comes before {} {order}: runtimes use it and not the list{lost}; look-ups by network name use the list; remove {} if it is left over",
        conf.file, list.file, conf.file
    ))
}

impl Choice {
    /// A table for people: files, programs, readers, notes.
    #[must_use]
    pub fn to_table(&self) -> String {
        let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        let mut rows = vec![["FILE", "NETWORK", "VERSION", "PLUGINS", "VERDICT"].map(str::to_owned).to_vec()];
        for file in &self.files {
            let verdict = match file.verdict {
                Verdict::Chosen => "used",
                Verdict::Later => "not used",
                Verdict::Broken => "broken",
                Verdict::Ignored => "ignored",
            };
            rows.push(vec![
                file.file.clone(),
                or_dash(file.network.as_deref().unwrap_or_default()),
                or_dash(file.cni_version.as_deref().unwrap_or_default()),
                or_dash(&file.plugins.join(" ")),
                format!("{verdict}: {}", file.why),
            ]);
        }
        let mut out = columns(&rows);
        if !self.programs.is_empty() {
            let mut rows = vec![["PROGRAM", "PATH"].map(str::to_owned).to_vec()];
            rows.extend(self.programs.iter().map(|one| {
                vec![one.program.clone(), one.path.clone().unwrap_or_else(|| one.problem.clone())]
            }));
            out.push('\n');
            out.push_str(&columns(&rows));
        }
        if !self.files.is_empty() {
            let mut rows = vec![["READER", "FILE", "WHY"].map(str::to_owned).to_vec()];
            rows.extend(self.readers.iter().map(|one| {
                vec![one.reader.clone(), or_dash(one.file.as_deref().unwrap_or_default()), one.why.clone()]
            }));
            out.push('\n');
            out.push_str(&columns(&rows));
        }
        for note in &self.notes {
            out.push_str("\nnote: ");
            out.push_str(note);
        }
        if !self.notes.is_empty() {
            out.push('\n');
        }
        out
    }
}

/// Columns as wide as their widest cell; the last is not filled up. Control characters are shown escaped.
fn columns(rows: &[Vec<String>]) -> String {
    let shown = |cell: &String| {
        cell.chars()
            .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
            .collect::<String>()
    };
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(shown).collect()).collect();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    };
    let mut out = String::new();
    for row in &rows {
        for (column, cell) in row.iter().enumerate() {
            out.push_str(cell);
            if column + 1 < row.len() {
                let blanks = width(column) - cell.chars().count() + 2;
                (0..blanks).for_each(|_| out.push(' '));
            }
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::cni::{Choice, ConfDirectory, ConfFile, PluginDirectory, Verdict, choose};

    fn directory(files: &[(&str, &str)]) -> ConfDirectory {
        let file = |(name, text): &(&str, &str)| ConfFile {
            name: (*name).to_owned(),
            content: if text.is_empty() { Err("permission denied".to_owned()) } else { Ok((*text).into()) },
        };
        ConfDirectory {
            path: "/etc/cni/net.d".to_owned(),
            files: files.iter().map(file).collect(),
            folders: Vec::new(),
        }
    }

    fn bin(files: &[(&str, bool)]) -> Vec<PluginDirectory> {
        vec![
            PluginDirectory { path: "/none".to_owned(), files: None },
            PluginDirectory {
                path: "/opt/cni/bin".to_owned(),
                files: Some(files.iter().map(|(name, x)| ((*name).to_owned(), *x)).collect()),
            },
        ]
    }

    fn reader<'a>(choice: &'a Choice, name: &str) -> Option<&'a str> {
        choice.readers.iter().find(|reader| reader.reader == name).unwrap().file.as_deref()
    }

    const FLANNEL: &str = r#"{"name":"cbr0","type":"flannel","delegate":{"isDefaultGateway":true}}"#;
    const FLANNEL_LIST: &str = r#"{"name":"cbr0","cniVersion":"0.3.1","plugins":[{"type":"flannel"},{"type":"portmap","capabilities":{"portMappings":true}}]}"#;
    const CALICO: &str = r#"{"name":"k8s-pod-network","cniVersion":"1.0.0","plugins":[{"type":"calico","ipam":{"type":"calico-ipam"}}]}"#;

    #[test]
    fn the_shorter_name_wins_and_that_is_told() {
        let files = directory(&[("10-flannel.conflist", FLANNEL_LIST), ("10-flannel.conf", FLANNEL)]);
        let choice = choose(&files, &bin(&[("flannel", true), ("portmap", true)]));
        assert_eq!(choice.chosen.as_deref(), Some("10-flannel.conf"));
        assert_eq!(choice.files[1].why, "comes after 10-flannel.conf");
        assert_eq!(reader(&choice, "containerd"), Some("10-flannel.conf"));
        assert_eq!(reader(&choice, "CRI-O"), Some("10-flannel.conf"));
        assert_eq!(reader(&choice, "by name cbr0"), Some("10-flannel.conflist"));
        assert_eq!(
            choice.notes,
            [concat!(
                "10-flannel.conf comes before 10-flannel.conflist because the shorter name sorts first: runtimes use it and ",
                "not the list, so portmap is not run; look-ups by network name use the list; remove 10-flannel.conf if it is left over"
            )]
        );
    }

    #[test]
    fn broken_files_are_skipped_with_their_reason() {
        let files = directory(&[
            ("05-torn.conflist", "{\"name\":"),
            ("06-list.conf", FLANNEL_LIST),
            ("07-secret.conf", ""),
            ("10-calico.conflist", CALICO),
            ("20-flannel.conflist", FLANNEL_LIST),
            ("10-calico.conflist.bak", CALICO),
            ("calico-kubeconfig", "x"),
        ]);
        let choice = choose(&files, &bin(&[("flannel", true), ("portmap", true), ("calico", false)]));
        let verdicts: Vec<_> = choice.files.iter().map(|file| (file.file.as_str(), file.verdict)).collect();
        assert_eq!(
            verdicts,
            [
                ("05-torn.conflist", Verdict::Broken),
                ("06-list.conf", Verdict::Broken),
                ("07-secret.conf", Verdict::Broken),
                ("10-calico.conflist", Verdict::Chosen),
                ("10-calico.conflist.bak", Verdict::Ignored),
                ("20-flannel.conflist", Verdict::Later),
                ("calico-kubeconfig", Verdict::Ignored),
            ]
        );
        assert!(choice.files[0].why.starts_with("line 1, column 9: expected a JSON value, found the end"));
        assert!(choice.files[1].why.contains("name the file *.conflist"));
        assert!(choice.files[2].why.contains("permission denied"));
        assert_eq!(choice.files[3].missing, ["calico", "calico-ipam"]);
        assert_eq!(reader(&choice, "containerd"), None);
        assert_eq!(reader(&choice, "CRI-O"), Some("20-flannel.conflist"));
        assert_eq!(reader(&choice, "by name cbr0"), None);
        let calico = &choice.programs[0];
        assert_eq!(
            (calico.path.as_deref(), calico.problem.as_str()),
            (None, "/opt/cni/bin/calico is not executable: chmod it")
        );
        assert!(choice.programs[1].problem.contains("missing in /none (not there), /opt/cni/bin"));
        let notes = choice.notes.join("\n");
        assert!(
            notes.contains("10-calico.conflist wins, and every ADD fails: missing calico, calico-ipam"),
            "{notes}"
        );
        assert!(notes.contains("containerd takes none: 05-torn.conflist is the first and broken"), "{notes}");
        assert!(notes.contains("CRI-O takes 20-flannel.conflist"), "{notes}");
    }

    #[test]
    fn what_loads_and_cannot_run_is_said() {
        let odd = r#"{"name":"a b","cniVersion":"9.9","type":"flannel"}"#;
        let choice = choose(&directory(&[("10.json", odd)]), &bin(&[]));
        assert_eq!(choice.files[0].verdict, Verdict::Chosen);
        assert!(
            choice.files[0].why.contains("no plugin can be run with it: name: expected letters"),
            "{:?}",
            choice.files
        );
        let none = choose(&directory(&[]), &bin(&[]));
        assert!(none.chosen.is_none() && none.notes[0].contains("NotReady"));
        assert!(none.to_table().starts_with("FILE"));
    }

    #[test]
    fn plugins_of_the_networks_folder_count() {
        let mut files = directory(&[("10-n.conflist", r#"{"name":"n","cniVersion":"1.1.0"}"#)]);
        let empty = choose(&files, &[]);
        assert!(empty.files[0].why.contains("here or in n/*.conf beside the file"), "{:?}", empty.files);
        let file = |name: &str, text: &str| ConfFile { name: name.to_owned(), content: Ok(text.into()) };
        files.folders.push((
            "n".to_owned(),
            vec![file("20.conf", r#"{"type":"b"}"#), file("10.conf", r#"{"type":"a"}"#)],
        ));
        assert_eq!(choose(&files, &[]).files[0].plugins, ["a", "b"]);
    }

    #[test]
    fn the_table_has_all_of_it() {
        let files = directory(&[("10-flannel.conflist", FLANNEL_LIST), ("10-flannel.conf", FLANNEL)]);
        let table = choose(&files, &bin(&[("flannel", true)])).to_table();
        let want = "\
FILE                 NETWORK  VERSION  PLUGINS          VERDICT
10-flannel.conf      cbr0     0.1.0    flannel          used: the first valid one in the order of names
10-flannel.conflist  cbr0     0.3.1    flannel portmap  not used: comes after 10-flannel.conf

PROGRAM  PATH
flannel  /opt/cni/bin/flannel
portmap  missing in /none (not there), /opt/cni/bin: install the plugin

READER        FILE                 WHY
containerd    10-flannel.conf      the first in the order of names
CRI-O         10-flannel.conf      the first valid one whose plugins are all there
by name cbr0  10-flannel.conflist  all .conflist are looked at before .conf and .json

note: 10-flannel.conf comes before";
        assert!(table.starts_with(want), "{table}");
    }
}
