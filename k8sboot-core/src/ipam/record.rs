//! What a store holds for one address.

use std::{net::IpAddr, time::Duration};

use super::owner::Owner;

/// One entry of a store, as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The name of the entry: the address as the store spells it, or the name of a foreign file.
    pub name: String,
    /// The address, if the name is one.
    pub address: Option<IpAddr>,
    /// Who holds it.
    pub holder: Holder,
    /// In which boot of this machine it was written.
    pub boot: Boot,
    /// How long ago, if the store can tell.
    pub age: Option<Duration>,
    /// What tells this state of the entry from any later one; compared before an entry is freed.
    pub version: u64,
}

impl Record {
    /// A record of unknown age.
    #[must_use]
    pub fn new(name: impl Into<String>, address: Option<IpAddr>, holder: Holder) -> Self {
        Self { name: name.into(), address, holder, boot: Boot::Unknown, age: None, version: 0 }
    }
}

/// Who holds an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Holder {
    /// An interface of a container.
    Attachment {
        /// The container ID.
        container: String,
        /// The interface name.
        interface: String,
    },
    /// A container, by a release of host-local before 0.8.0, which kept no interface.
    Container {
        /// The container ID.
        container: String,
    },
    /// Nobody: the entry is empty, left by a crash.
    Empty,
    /// Content that is no owner, cut to 256 bytes.
    Foreign {
        /// What is there.
        found: String,
    },
}

impl Holder {
    /// Reads host-local's record: `<container ID> CR LF <interface>`, or the ID alone; white space around is ignored.
    ///
    /// # Examples
    ///
    /// ```
    /// # use k8sboot_core::ipam::Holder;
    /// assert_eq!(
    ///     Holder::parse(b"3f2a\r\neth0"),
    ///     Holder::Attachment { container: "3f2a".into(), interface: "eth0".into() },
    /// );
    /// assert_eq!(Holder::parse(b""), Holder::Empty);
    /// ```
    #[must_use]
    pub fn parse(content: &[u8]) -> Self {
        let Ok(text) = std::str::from_utf8(content) else { return Self::foreign(content) };
        let text = text.trim();
        if text.is_empty() {
            return Self::Empty;
        }
        match text.split_once("\r\n") {
            Some((container, interface)) if Owner::new(container, interface).is_ok() => {
                Self::Attachment { container: container.to_owned(), interface: interface.to_owned() }
            }
            None if super::owner::is_container_id(text) => Self::Container { container: text.to_owned() },
            _ => Self::foreign(content),
        }
    }

    /// The container, if one is named.
    #[must_use]
    pub fn container(&self) -> Option<&str> {
        match self {
            Self::Attachment { container, .. } | Self::Container { container } => Some(container),
            Self::Empty | Self::Foreign { .. } => None,
        }
    }

    fn foreign(content: &[u8]) -> Self {
        Self::Foreign { found: String::from_utf8_lossy(content.get(..256).unwrap_or(content)).into_owned() }
    }
}

/// In which boot of this machine a record was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Boot {
    /// In this one.
    This,
    /// In an earlier one, proven by the boot's identity.
    Earlier,
    /// Nothing tells.
    Unknown,
}
