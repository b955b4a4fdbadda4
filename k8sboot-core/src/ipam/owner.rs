//! Who holds an address: a container and one of its interfaces.

use std::fmt;

use super::error::{IpamError, OwnerProblem};

/// An attachment: a container ID and an interface name, both valid by the CNI specification.
///
/// Borrowed, so that asking for an address copies nothing; [`OwnerBuf`] owns its texts.
///
/// # Examples
///
/// ```
/// # use k8sboot_core::ipam::Owner;
/// let owner = Owner::new("3f2a", "eth0")?;
/// assert_eq!((owner.container(), owner.interface()), ("3f2a", "eth0"));
/// assert!(Owner::new("../3f2a", "eth0").is_err());
/// # Ok::<(), k8sboot_core::ipam::IpamError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner<'a> {
    container: &'a str,
    interface: &'a str,
}

impl<'a> Owner<'a> {
    /// Checks both names.
    ///
    /// Source: CNI specification 1.1.0, "Parameters": a container ID is `[A-Za-z0-9][A-Za-z0-9_.-]*`; an interface name
    /// has at most 15 bytes, no `/`, `:` or white space, and is not `.` or `..`.
    ///
    /// # Errors
    ///
    /// [`IpamError::Owner`] naming the one that is not valid.
    pub fn new(container: &'a str, interface: &'a str) -> Result<Self, IpamError> {
        if !is_container_id(container) {
            return Err(problem(OwnerProblem::ContainerId, container));
        }
        if !is_interface_name(interface) {
            return Err(problem(OwnerProblem::InterfaceName, interface));
        }
        Ok(Self { container, interface })
    }

    /// A whole container: what a record of host-local before 0.8.0 names.
    #[must_use]
    pub(crate) const fn whole_container(container: &'a str) -> Self {
        Self { container, interface: "" }
    }

    /// Names that were checked before, or a whole container.
    pub(crate) const fn proven(container: &'a str, interface: &'a str) -> Self {
        Self { container, interface }
    }

    /// The container ID.
    #[must_use]
    pub const fn container(&self) -> &'a str {
        self.container
    }

    /// The interface name; empty for a [whole container](Self::is_whole_container).
    #[must_use]
    pub const fn interface(&self) -> &'a str {
        self.interface
    }

    /// Whether this stands for a whole container, as [`Pool::hold_container`](super::Pool::hold_container) notes it:
    /// never so for an owner made by [`new`](Self::new).
    #[must_use]
    pub const fn is_whole_container(&self) -> bool {
        self.interface.is_empty()
    }
}

impl fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.interface {
            "" => f.write_str(self.container),
            interface => write!(f, "{}/{interface}", self.container),
        }
    }
}

impl fmt::Debug for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Owner({self})")
    }
}

/// An [`Owner`] with texts of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OwnerBuf {
    container: String,
    interface: String,
}

impl OwnerBuf {
    /// The borrowed form.
    #[must_use]
    pub fn as_owner(&self) -> Owner<'_> {
        Owner { container: &self.container, interface: &self.interface }
    }
}

impl From<Owner<'_>> for OwnerBuf {
    fn from(owner: Owner<'_>) -> Self {
        Self { container: owner.container.to_owned(), interface: owner.interface.to_owned() }
    }
}

/// Whether a text is a container ID by the CNI specification.
#[must_use]
pub(crate) fn is_container_id(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphanumeric())
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// Whether a text is an interface name by the CNI specification.
#[must_use]
pub(crate) fn is_interface_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 15
        && text != "."
        && text != ".."
        && !text.chars().any(|c| c == '/' || c == ':' || c.is_whitespace())
}

fn problem(problem: OwnerProblem, found: &str) -> IpamError {
    IpamError::Owner { problem, found: found.chars().take(64).collect() }
}
