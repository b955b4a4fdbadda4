//! Why the configuration of an IPAM plugin cannot be used.

use super::{ArgsError, CniError};
use crate::{
    error::{Code, Details, Problem, codes},
    ipam::IpamError,
};

codes! {
    /// The configuration has no `ipam` section.
    CNI_IPAM_MISSING = 4561,
    /// A subnet, or the destination of a route, is no CIDR.
    CNI_IPAM_CIDR = 4562,
    /// A text is no address.
    CNI_IPAM_ADDRESS = 4563,
    /// `CNI_ARGS` cannot be used.
    CNI_IPAM_ARGS = 4564,
    /// The version allows one range set of each address family only.
    CNI_IPAM_FAMILIES = 4565,
}

/// Why the configuration of an IPAM plugin cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IpamConfigError {
    /// A field has the wrong type.
    #[error(transparent)]
    Field(#[from] CniError),
    /// There is no `ipam` section.
    #[error(
        "cni: ipam: expected an object with ranges or a subnet, found nothing: name the network's subnet there"
    )]
    Missing,
    /// A text is no CIDR.
    #[error("cni: {field}: expected ADDRESS/LENGTH like 10.244.1.0/24, found {found:?}")]
    #[non_exhaustive]
    Cidr {
        /// The path of the field.
        field: String,
        /// The text as given.
        found: String,
    },
    /// A text is no address.
    #[error("cni: {field}: expected an address like 10.244.1.9, found {found:?}")]
    #[non_exhaustive]
    Address {
        /// The path of the field.
        field: String,
        /// The text as given.
        found: String,
    },
    /// A requested address is none, with or without a prefix length.
    #[error("cni: {field}: expected an address like 10.244.1.9 or 10.244.1.9/24, found {found:?}")]
    #[non_exhaustive]
    Request {
        /// The path of the field.
        field: String,
        /// The text as given; may be empty.
        found: String,
    },
    /// `CNI_ARGS` cannot be used.
    #[error("cni: CNI_ARGS: {0}")]
    Args(#[from] ArgsError),
    /// A range set or the sets together cannot be used.
    #[error(transparent)]
    Ranges(#[from] IpamError),
    /// The version allows one range set of each address family only.
    #[error(
        "cni: cniVersion {version:?} allows one IPv4 and one IPv6 address, found more range sets: use 0.3.0 or later"
    )]
    #[non_exhaustive]
    Families {
        /// The version as given; empty if it is absent.
        version: String,
    },
}

impl Problem for IpamConfigError {
    fn code(&self) -> Code {
        match self {
            Self::Field(error) => error.code(),
            Self::Missing => Code::CNI_IPAM_MISSING,
            Self::Cidr { .. } => Code::CNI_IPAM_CIDR,
            Self::Address { .. } | Self::Request { .. } => Code::CNI_IPAM_ADDRESS,
            Self::Args(_) => Code::CNI_IPAM_ARGS,
            Self::Ranges(error) => error.code(),
            Self::Families { .. } => Code::CNI_IPAM_FAMILIES,
        }
    }

    fn details(&self) -> Details {
        let mut details = Details::default();
        let mut say = |field: &str, expected: &str, found: &str| {
            details.field = Some(field.to_owned());
            details.expected = Some(expected.to_owned());
            details.found = Some(found.to_owned());
        };
        match self {
            Self::Field(error) => return error.details(),
            Self::Ranges(error) => return error.details(),
            Self::Missing => say("ipam", "an object", "nothing"),
            Self::Cidr { field, found } => say(field, "ADDRESS/LENGTH", found),
            Self::Address { field, found } => say(field, "an address", found),
            Self::Request { field, found } => say(field, "an address with or without a prefix length", found),
            Self::Args(error) => say("CNI_ARGS", "pairs K=V that are known", &error.to_string()),
            Self::Families { version } => say("cniVersion", "0.3.0 or later", version),
        }
        details
    }
}
