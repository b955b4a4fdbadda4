//! Which configuration in a directory wins, and why; which programs are missing.

use serde::Serialize;

use super::{error::CniError, list::NetworkList};
use crate::error::chain;

/// A directory of configurations, usually `/etc/cni/net.d`, as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfDirectory {
    /// Its path, for messages.
    pub path: String,
    /// What is in it and is no directory.
    pub files: Vec<ConfFile>,
    /// The files of the networks' own folders, by the name of the folder.
    pub folders: Vec<(String, Vec<ConfFile>)>,
}

/// A file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfFile {
    /// Its name.
    pub name: String,
    /// Its bytes, or why they could not be read.
    pub content: Result<Vec<u8>, String>,
}

/// A directory of programs, usually `/opt/cni/bin`, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginDirectory {
    /// Its path.
    pub path: String,
    /// The regular files in it, with whether they may be executed; `None` if the directory is not there.
    pub files: Option<Vec<(String, bool)>>,
}

/// Which configuration wins, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Choice {
    /// The directory.
    pub directory: String,
    /// The file that wins; `None` if there is none.
    pub chosen: Option<String>,
    /// Every file, in the order in which they are looked at.
    pub files: Vec<FileReport>,
    /// What each kind of reader takes.
    pub readers: Vec<ReaderReport>,
    /// The programs that the files need, each with where it is.
    pub programs: Vec<ProgramReport>,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// What is to be said of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct FileReport {
    /// Its name.
    pub file: String,
    /// What becomes of it.
    pub verdict: Verdict,
    /// Why.
    pub why: String,
    /// The network, if it can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// The version, if it can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cni_version: Option<String>,
    /// The plugins in the order of ADD.
    pub plugins: Vec<String>,
    /// The programs it needs that are missing.
    pub missing: Vec<String>,
}

/// What becomes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// It wins.
    Chosen,
    /// It is valid and comes after the one that wins.
    Later,
    /// It cannot be read.
    Broken,
    /// Its name does not end in `.conflist`, `.conf` or `.json`.
    Ignored,
}

/// What a kind of reader takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ReaderReport {
    /// `containerd`, `CRI-O`, or `by name NETWORK`, as the reference library looks networks up.
    pub reader: String,
    /// The file; `None` if it takes none.
    pub file: Option<String>,
    /// Why.
    pub why: String,
}

/// Where a program is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ProgramReport {
    /// Its name.
    pub program: String,
    /// Its path; `None` if it is missing.
    pub path: Option<String>,
    /// What is wrong; empty if nothing is.
    pub problem: String,
}

/// A file with a configuration, read.
struct Loaded<'a> {
    name: &'a str,
    list: Result<NetworkList, CniError>,
}

impl Loaded<'_> {
    fn is_list(&self) -> bool {
        extension(self.name) == "conflist"
    }

    fn network(&self) -> Option<&str> {
        self.list.as_ref().ok().map(NetworkList::name)
    }
}

/// Decides which configuration wins.
///
/// Runtimes read the files whose names end in `.conflist`, `.conf` or `.json` in the order of their names, byte by byte, and
/// take the first that they can use. They differ in what they do about one that they cannot: CRI-O skips it, and one whose
/// plugins are missing too; containerd stops there. The reference library looks networks up by name instead, in all
/// `.conflist` before all others.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::cni::{ConfDirectory, ConfFile, choose};
/// let file = |name: &str, text: &str| ConfFile { name: name.into(), content: Ok(text.into()) };
/// let directory = ConfDirectory {
///     path: "/etc/cni/net.d".into(),
///     files: vec![
///         file("10-flannel.conflist", r#"{"name":"cbr0","plugins":[{"type":"flannel"},{"type":"portmap"}]}"#),
///         file("10-flannel.conf", r#"{"name":"cbr0","type":"flannel"}"#),
///     ],
///     folders: Vec::new(),
/// };
/// assert_eq!(choose(&directory, &[]).chosen.as_deref(), Some("10-flannel.conf"));
/// ```
#[must_use]
pub fn choose(directory: &ConfDirectory, plugins: &[PluginDirectory]) -> Choice {
    let mut names: Vec<&ConfFile> = directory.files.iter().collect();
    names.sort_by(|one, other| one.name.cmp(&other.name));
    let loaded: Vec<Loaded<'_>> = names
        .iter()
        .filter(|file| is_conf(&file.name))
        .map(|file| Loaded { name: &file.name, list: load(file, directory) })
        .collect();
    let chosen = loaded.iter().find(|file| file.list.is_ok()).map(|file| file.name);
    let files: Vec<FileReport> =
        names.iter().map(|file| report(&file.name, &loaded, chosen, plugins)).collect();
    let programs = programs(&loaded, plugins);
    let mut choice = Choice {
        directory: directory.path.clone(),
        chosen: chosen.map(str::to_owned),
        files,
        readers: vec![containerd(&loaded), crio(&loaded, plugins)],
        programs,
        notes: Vec::new(),
    };
    choice.readers.extend(by_name(&loaded));
    choice.notes = super::choose_notes::notes(&choice);
    choice
}

/// What follows the last dot of a name.
pub(super) fn extension(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

fn is_conf(name: &str) -> bool {
    matches!(extension(name), "conflist" | "conf" | "json")
}

fn load(file: &ConfFile, directory: &ConfDirectory) -> Result<NetworkList, CniError> {
    let unreadable = |file: &str, why: &str| CniError::InFile {
        file: file.to_owned(),
        source: Box::new(CniError::Field {
            field: String::new(),
            expected: "a file that can be read".to_owned(),
            found: why.to_owned(),
        }),
    };
    let bytes = file.content.as_ref().map_err(|why| unreadable(&file.name, why))?;
    if extension(&file.name) != "conflist" {
        return NetworkList::load_conf(bytes);
    }
    let folder = NetworkList::folder(bytes).ok().flatten();
    let own = directory.folders.iter().find(|(name, _)| Some(name) == folder.as_ref());
    let mut more = Vec::new();
    for one in own.map(|(_, files)| files.as_slice()).unwrap_or_default() {
        let bytes = one.content.as_ref().map_err(|why| unreadable(&one.name, why))?;
        more.push((one.name.as_str(), bytes.as_slice()));
    }
    more.sort_unstable();
    NetworkList::load(bytes, &more)
}

fn report(
    name: &str,
    loaded: &[Loaded<'_>],
    chosen: Option<&str>,
    plugins: &[PluginDirectory],
) -> FileReport {
    let mut out = FileReport {
        file: name.to_owned(),
        verdict: Verdict::Ignored,
        why: "the name does not end in .conflist, .conf or .json".to_owned(),
        network: None,
        cni_version: None,
        plugins: Vec::new(),
        missing: Vec::new(),
    };
    let Some(file) = loaded.iter().find(|file| file.name == name) else { return out };
    let list = match &file.list {
        Ok(list) => list,
        Err(error) => {
            out.verdict = Verdict::Broken;
            out.why = chain(error).replace("cni: ", "");
            return out;
        }
    };
    out.network = Some(list.name().to_owned());
    out.cni_version = Some(if list.version.is_empty() { "0.1.0".to_owned() } else { list.version.clone() });
    out.plugins = list.plugins().iter().map(|plugin| plugin.kind().to_owned()).collect();
    out.missing = list
        .binaries()
        .into_iter()
        .filter(|program| find(program, plugins).path.is_none())
        .map(str::to_owned)
        .collect();
    (out.verdict, out.why) = if chosen == Some(name) {
        (Verdict::Chosen, "the first valid one in the order of names".to_owned())
    } else {
        (Verdict::Later, format!("comes after {}", chosen.unwrap_or_default()))
    };
    if let Err(error) = list.prove() {
        out.why =
            format!("{}; no plugin can be run with it: {}", out.why, chain(&error).replace("cni: ", ""));
    }
    out
}

fn containerd(loaded: &[Loaded<'_>]) -> ReaderReport {
    let (file, why) = match loaded.first() {
        None => (None, "there is no configuration".to_owned()),
        Some(first) if first.list.is_ok() => {
            (Some(first.name.to_owned()), "the first in the order of names".to_owned())
        }
        Some(first) => (
            None,
            format!("{} is the first and broken: containerd stops there and has no network", first.name),
        ),
    };
    ReaderReport { reader: "containerd".to_owned(), file, why }
}

fn crio(loaded: &[Loaded<'_>], plugins: &[PluginDirectory]) -> ReaderReport {
    let mut skipped = Vec::new();
    let mut found = None;
    for file in loaded {
        let Ok(list) = &file.list else {
            skipped.push(format!("{} is broken", file.name));
            continue;
        };
        let missing =
            list.plugins().iter().map(|one| one.kind()).find(|program| find(program, plugins).path.is_none());
        if let Some(missing) = missing {
            skipped.push(format!("{} needs {missing}, which is missing", file.name));
            continue;
        }
        found = Some(file.name.to_owned());
        break;
    }
    let mut why = match (&found, skipped.is_empty()) {
        (Some(_), _) => "the first valid one whose plugins are all there".to_owned(),
        (None, true) => "there is no configuration".to_owned(),
        (None, false) => "none can be used".to_owned(),
    };
    if !skipped.is_empty() {
        why = format!("{why}; {}", skipped.join("; "));
    }
    ReaderReport { reader: "CRI-O".to_owned(), file: found, why }
}

/// The reference library's look-up of each network: it stops at a broken file that it meets before the network.
fn by_name(loaded: &[Loaded<'_>]) -> Vec<ReaderReport> {
    let mut networks: Vec<&str> = loaded.iter().filter_map(Loaded::network).collect();
    networks.sort_unstable();
    networks.dedup();
    let lists = || loaded.iter().filter(|file| file.is_list());
    let singles = || loaded.iter().filter(|file| !file.is_list());
    let look = |network: &&str| {
        let stop =
            lists().chain(singles()).find(|file| file.list.is_err() || file.network() == Some(network));
        let (file, why) = match stop {
            Some(file) if file.list.is_ok() => {
                (Some(file.name.to_owned()), "all .conflist are looked at before .conf and .json".to_owned())
            }
            Some(file) => (None, format!("the look-up stops at {}, which is broken", file.name)),
            None => (None, "not found".to_owned()),
        };
        ReaderReport { reader: format!("by name {network}"), file, why }
    };
    networks.iter().map(look).collect()
}

fn programs(loaded: &[Loaded<'_>], plugins: &[PluginDirectory]) -> Vec<ProgramReport> {
    let mut names: Vec<&str> =
        loaded.iter().filter_map(|file| file.list.as_ref().ok()).flat_map(NetworkList::binaries).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| find(name, plugins)).collect()
}

/// The first directory that has the file, whether it may be executed or not: that is what runtimes do.
fn find(program: &str, plugins: &[PluginDirectory]) -> ProgramReport {
    let mut out = ProgramReport { program: program.to_owned(), path: None, problem: String::new() };
    for directory in plugins {
        let files = directory.files.as_deref().unwrap_or_default();
        let Some((_, executable)) = files.iter().find(|(name, _)| name == program) else { continue };
        let path = format!("{}/{program}", directory.path.trim_end_matches('/'));
        if *executable {
            out.path = Some(path);
        } else {
            out.problem = format!("{path} is not executable: chmod it");
        }
        return out;
    }
    let searched: Vec<String> = plugins
        .iter()
        .map(|one| format!("{}{}", one.path, if one.files.is_none() { " (not there)" } else { "" }))
        .collect();
    out.problem = if searched.is_empty() {
        "no directory with plugins is given".to_owned()
    } else {
        format!("missing in {}: install the plugin", searched.join(", "))
    };
    out
}
