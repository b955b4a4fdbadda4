//! The addresses inside every network namespace of the host.

use std::{
    collections::HashSet,
    fs::{self, File},
    io,
    os::{fd::AsFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
    thread,
};

use rustix::{
    fs::{Mode, OFlags},
    thread::{LinkNameSpaceType, move_into_link_name_space},
};

use super::{
    WitnessError,
    netlink::{self, InterfaceAddress},
};
use crate::ipam::leak::{Failure, SeenAddress, Testimony, Witness, WitnessKind};

/// Where runtimes and `ip netns` keep namespaces: iproute2, containerd and CRI-O; Docker.
pub const NAMESPACE_DIRECTORIES: [&str; 4] =
    ["/run/netns", "/run/docker/netns", "/var/run/netns", "/var/run/docker/netns"];

/// `f_type` of the file system of namespaces. Source: linux/magic.h.
const NSFS_MAGIC: i64 = 0x6e73_6673;

/// The inode of the PID namespace that the machine booted with. Source: linux/proc_ns.h.
const FIRST_PID_NAMESPACE: u64 = 0xefff_fffc;

const NAME: &str = "network namespaces";

/// How often the processes are listed again for those that came meanwhile.
const ROUNDS: usize = 4;

/// How many failures are told; one is enough that nothing is freed.
const FAILURES: usize = 8;

/// Reads the addresses inside every network namespace of the host: an address on any interface is live.
///
/// Looks at the namespaces below the directories, at those mounted anywhere (containerd may keep them below its state
/// directory), and at those of all processes; each is entered once, by a thread that ends with the call. Needs root in
/// the host's PID and mount namespaces. What it cannot see: addresses inside virtual machines, and a namespace that is
/// kept open by a file descriptor alone.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::{ipam::leak::Witness, probe::witness::Namespaces};
/// let seen = Namespaces::new().testify();
/// // Without root there are failures, and then nothing is freed.
/// assert!(!seen.failures.is_empty() || seen.addresses.iter().any(|seen| seen.address.is_loopback()));
/// ```
#[derive(Clone, Debug)]
pub struct Namespaces {
    directories: Vec<PathBuf>,
    proc: PathBuf,
}

impl Default for Namespaces {
    fn default() -> Self {
        Self::new()
    }
}

impl Namespaces {
    /// All of this host.
    #[must_use]
    pub fn new() -> Self {
        Self { directories: NAMESPACE_DIRECTORIES.map(PathBuf::from).into(), proc: PathBuf::from("/proc") }
    }

    /// Looks below another directory as well, for example `/run/user/1000/netns`.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directories.push(directory.into());
        self
    }

    /// Looks at the processes of another `/proc`, for example the host's as a container sees it.
    #[must_use]
    pub fn proc(mut self, proc: impl Into<PathBuf>) -> Self {
        self.proc = proc.into();
        self
    }
}

impl Witness for Namespaces {
    fn kind(&self) -> WitnessKind {
        WitnessKind::Namespaces
    }

    fn testify(&self) -> Testimony {
        // Entering a namespace changes the thread for good, so it is one that nobody else uses.
        let visited = thread::scope(|scope| {
            let visit = || Visitor::new().visit(self);
            let visitor = thread::Builder::new().name("k8sboot-netns".to_owned()).spawn_scoped(scope, visit);
            let start = |source| WitnessError::Start { what: "a thread", source };
            visitor.map_err(start)?.join().map_err(|_| start(io::Error::other("the thread panicked")))
        });
        visited.unwrap_or_else(|error| Testimony::failed(NAME, WitnessKind::Namespaces, &error))
    }
}

/// Goes from namespace to namespace, each once.
struct Visitor {
    testimony: Testimony,
    /// Device and inode.
    visited: HashSet<(u64, u64)>,
    /// Inodes of the visited namespaces' `net/dev`, which tell namespaces apart as well.
    marks: HashSet<u64>,
    /// Processes whose namespace may not be opened, and the error.
    denied: Vec<(PathBuf, WitnessError)>,
}

impl Visitor {
    fn new() -> Self {
        Self {
            testimony: Testimony::new(NAME, WitnessKind::Namespaces),
            visited: HashSet::new(),
            marks: HashSet::new(),
            denied: Vec::new(),
        }
    }

    fn visit(mut self, all: &Namespaces) -> Testimony {
        for directory in &all.directories {
            match names(directory) {
                Ok(names) => names.iter().for_each(|name| self.enter(&directory.join(name))),
                Err(error) => self.fail(&error),
            }
        }
        match mounted(&all.proc.join("self/mountinfo")) {
            Ok(paths) => paths.iter().for_each(|path| self.enter(path)),
            Err(error) => self.fail(&error),
        }
        let mut processes = HashSet::new();
        for _ in 0..ROUNDS {
            let new = match names(&all.proc) {
                Ok(names) => names,
                Err(error) => {
                    self.fail(&error);
                    break;
                }
            };
            let number = |name: &String| name.bytes().all(|b| b.is_ascii_digit());
            let new: Vec<String> =
                new.into_iter().filter(|name| number(name) && processes.insert(name.clone())).collect();
            new.iter().for_each(|pid| self.enter_process(&all.proc.join(pid)));
            if new.is_empty() {
                break;
            }
        }
        self.settle_denied();
        if self.visited.is_empty() && self.testimony.failures.is_empty() {
            self.fail(&not_a_namespace(all.proc.join("self/ns/net")));
        }
        if fs::metadata(all.proc.join("self/ns/pid")).is_ok_and(|own| own.ino() != FIRST_PID_NAMESPACE) {
            self.testimony.notes.push("processes outside this PID namespace are not seen".to_owned());
        }
        self.testimony.notes.push(format!("{} namespaces", self.visited.len()));
        self.testimony
    }

    fn enter_process(&mut self, process: &Path) {
        let path = process.join("ns/net");
        match self.try_enter(&path) {
            Err(error @ WitnessError::Namespace { op: "open", .. }) => {
                self.denied.push((process.to_owned(), error));
            }
            Err(error) => self.fail(&error),
            Ok(Some(addresses)) => self.note(&path, addresses),
            // A kernel whose namespaces cannot be told: nothing that it shows proves anything.
            Ok(None) => self.fail(&not_a_namespace(path)),
        }
    }

    /// A process that may not be traced can still be told to be in a namespace that was visited.
    fn settle_denied(&mut self) {
        for (process, error) in std::mem::take(&mut self.denied) {
            match mark(&process) {
                Ok(mark) if self.marks.contains(&mark) => {}
                Err(gone_meanwhile) if gone(&gone_meanwhile) => {}
                _ => self.fail(&error),
            }
        }
    }

    /// Enters the namespace and lists its addresses. One that is gone has none.
    fn enter(&mut self, path: &Path) {
        match self.try_enter(path) {
            Ok(Some(addresses)) => self.note(path, addresses),
            // Runtimes mount a namespace on an empty file; without the mount the namespace is gone.
            Ok(None) => self.testimony.notes.push(format!("{} is no namespace", path.display())),
            Err(error) => self.fail(&error),
        }
    }

    fn note(&mut self, path: &Path, addresses: Vec<(InterfaceAddress, String)>) {
        let seen = |(found, name): (InterfaceAddress, String)| {
            SeenAddress::new(found.address, format!("{name} in {}", path.display()))
        };
        self.testimony.addresses.extend(addresses.into_iter().map(seen));
    }

    /// `None` if the path leads to no namespace.
    fn try_enter(&mut self, path: &Path) -> Result<Option<Vec<(InterfaceAddress, String)>>, WitnessError> {
        let at = |op| move |source: io::Error| WitnessError::Namespace { op, path: path.to_owned(), source };
        // A pipe or device in a directory of namespaces must not block or be touched.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = match rustix::fs::open(path, flags, Mode::empty()).map_err(io::Error::from) {
            Err(error) if gone(&error) => return Ok(Some(Vec::new())),
            file => File::from(file.map_err(at("open"))?),
        };
        let system = rustix::fs::fstatfs(&file).map_err(|errno| at("look at")(errno.into()))?;
        #[allow(clippy::unnecessary_cast, reason = "the field's type differs between machines")]
        if system.f_type as i64 != NSFS_MAGIC {
            return Ok(None);
        }
        // The open file keeps the namespace, whatever becomes of the process that led there.
        let seen = file.metadata().map_err(at("look at"))?;
        if self.visited.contains(&(seen.dev(), seen.ino())) {
            return Ok(Some(Vec::new()));
        }
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|errno| at("enter")(errno.into()))?;
        let addresses =
            netlink::dump().map_err(|source| WitnessError::Netlink { path: path.to_owned(), source })?;
        self.visited.insert((seen.dev(), seen.ino()));
        self.marks.extend(mark(Path::new("/proc/thread-self")));
        Ok(Some(addresses))
    }

    /// Notes the first failures; without rights there is one for each process.
    fn fail(&mut self, error: &WitnessError) {
        if self.testimony.failures.len() < FAILURES {
            self.testimony.failures.push(Failure::of(error));
        }
    }
}

fn not_a_namespace(path: PathBuf) -> WitnessError {
    let source = io::Error::new(io::ErrorKind::InvalidData, "it is no network namespace");
    WitnessError::Namespace { op: "look at", path, source }
}

/// The inode of a process's `net/dev`: each network namespace has its own, and reading it needs no right to trace.
fn mark(process: &Path) -> io::Result<u64> {
    fs::metadata(process.join("net/dev")).map(|seen| seen.ino())
}

/// The names in a directory; none if it does not exist.
fn names(directory: &Path) -> Result<Vec<String>, WitnessError> {
    let at = |source| WitnessError::File { path: directory.to_owned(), source };
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(at)?,
    };
    let mut names = entries
        .map(|entry| Ok(entry.map_err(at)?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<Vec<_>, _>>()?;
    names.sort();
    Ok(names)
}

/// Where network namespaces are mounted, from mountinfo. Source: proc_pid_mountinfo(5).
fn mounted(mountinfo: &Path) -> Result<Vec<PathBuf>, WitnessError> {
    let text = fs::read_to_string(mountinfo)
        .map_err(|source| WitnessError::File { path: mountinfo.to_owned(), source })?;
    Ok(mount_points(&text))
}

fn mount_points(mountinfo: &str) -> Vec<PathBuf> {
    let point = |line: &str| {
        let (before, after) = line.split_once(" - ")?;
        let mut fields = before.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        (after.starts_with("nsfs ") && root.starts_with("net:[")).then(|| PathBuf::from(unescape(point)))
    };
    mountinfo.lines().filter_map(point).collect()
}

/// Undoes the octal escapes of blanks and backslashes.
fn unescape(field: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(field.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

/// Whether a process or namespace has ended since it was listed.
fn gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_mounted_network_namespaces_and_no_others() {
        let mountinfo = "\
25 30 0:23 / /proc rw,nosuid - proc proc rw
601 29 0:4 net:[4026532281] /run/netns/cni-5f\\0400c rw shared:320 - nsfs nsfs rw
602 29 0:4 mnt:[4026532290] /run/snapd/ns/lxd.mnt rw - nsfs nsfs rw
603 29 0:4 / /run/netns rw - tmpfs tmpfs rw
";
        assert_eq!(mount_points(mountinfo), [PathBuf::from("/run/netns/cni-5f 0c")]);
    }

    #[test]
    fn what_cannot_be_seen_is_a_failure_and_what_is_gone_is_not() {
        let root = std::env::temp_dir().join(format!("k8sboot-namespaces-{}", std::process::id()));
        fs::create_dir_all(root.join("proc/self")).unwrap();
        fs::write(root.join("proc/self/mountinfo"), "").unwrap();
        fs::create_dir_all(root.join("netns")).unwrap();
        fs::write(root.join("netns/stale"), "").unwrap();
        let seen = |witness: &Namespaces| {
            let testimony = witness.testify();
            let failures: Vec<String> = testimony.failures.into_iter().map(|f| f.message).collect();
            (failures, testimony.notes)
        };
        let witness = Namespaces { directories: vec![root.join("missing")], proc: root.join("proc") };
        let (failures, _) = seen(&witness);
        assert!(
            failures.len() == 1 && failures[0].contains("self/ns/net"),
            "nothing seen at all: {failures:?}"
        );
        let (failures, notes) = seen(&witness.clone().directory(root.join("netns")));
        assert_eq!(failures.len(), 1, "{failures:?}");
        assert!(notes.iter().any(|note| note.ends_with("netns/stale is no namespace")), "{notes:?}");
        let (failures, _) = seen(&witness.clone().directory(root.join("netns/stale")));
        assert!(failures[0].starts_with("read ") && failures[0].contains("netns/stale"), "{failures:?}");
        // A process has ended; another shows something that is no namespace.
        fs::create_dir_all(root.join("proc/7")).unwrap();
        fs::create_dir_all(root.join("proc/8/ns")).unwrap();
        fs::write(root.join("proc/8/ns/net"), "").unwrap();
        let (failures, _) = seen(&witness);
        assert!(failures.len() == 1 && failures[0].contains("proc/8/ns/net"), "{failures:?}");
        fs::remove_dir_all(root).unwrap();
    }
}
