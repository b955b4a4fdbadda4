//! The operations of a store on its files, and the hook that is asked before each.

use std::io;

/// The file operations of a store, as errors and hooks name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreOp {
    /// Open a directory.
    OpenDirectory,
    /// Make a directory.
    MakeDirectory,
    /// Open a file that is there.
    Open,
    /// Look at a path.
    Inspect,
    /// List a directory.
    List,
    /// Read a file.
    Read,
    /// Take a lock.
    Lock,
    /// Create a file, with or without a name.
    Create,
    /// Write bytes.
    Write,
    /// Cut a file.
    Truncate,
    /// Give a complete file its name; fails if the name is taken.
    Link,
    /// Put a complete file in place of another.
    Rename,
    /// Remove a file.
    Unlink,
    /// Set the times of a directory.
    SetTimes,
    /// Flush a file to the disk.
    SyncFile,
    /// Flush a directory to the disk.
    SyncDirectory,
    /// Flush everything of the file system to the disk.
    SyncAll,
    /// Be told of changes by others.
    Watch,
}

impl StoreOp {
    /// For messages, for example `flush`.
    #[must_use]
    pub const fn verb(self) -> &'static str {
        match self {
            Self::OpenDirectory => "open directory",
            Self::MakeDirectory => "make directory",
            Self::Open => "open",
            Self::Inspect => "look at",
            Self::List => "list directory",
            Self::Read => "read",
            Self::Lock => "lock",
            Self::Create => "create",
            Self::Write => "write",
            Self::Truncate => "cut",
            Self::Link => "give its name to",
            Self::Rename => "put in place",
            Self::Unlink => "remove",
            Self::SetTimes => "set the times of",
            Self::SyncFile => "flush",
            Self::SyncDirectory => "flush directory",
            Self::SyncAll => "flush the file system of",
            Self::Watch => "watch",
        }
    }

    /// Whether it changes something that others can see or that outlives the process.
    #[must_use]
    pub const fn changes(self) -> bool {
        !matches!(
            self,
            Self::OpenDirectory | Self::Open | Self::Inspect | Self::List | Self::Read | Self::Watch
        )
    }
}

/// Is asked before every file operation of a store and told after it; for audit and for tests that let each operation
/// fail, or the process die, in turn.
pub trait StoreHook: Send + Sync {
    /// Called before `op` on `path`, which is relative to the network's directory (`10.1.2.3`, `.` for itself).
    ///
    /// # Errors
    ///
    /// What the operation shall fail with; it is not tried then.
    fn before(&self, op: StoreOp, path: &str) -> io::Result<()>;

    /// Called after `op` succeeded.
    fn after(&self, op: StoreOp, path: &str) {
        let _ = (op, path);
    }
}
