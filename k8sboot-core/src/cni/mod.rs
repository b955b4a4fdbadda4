//! The Container Network Interface: configurations, results, invocations and stored results, as values.
//!
//! Pure: reads no file or environment and runs nothing. Sources: the CNI specification, 0.1.0 to 1.1.0, and the behaviour
//! of its reference library, which decodes JSON as Go does (see [`Fields`]).

mod args;
mod attachments;
mod base64;
mod cache;
mod choose;
mod choose_notes;
mod convert;
mod environment;
mod error;
mod error_object;
mod go_json;
mod invoke;
mod ipam_config;
mod ipam_error;
mod json;
mod list;
mod list_read;
mod resolv_conf;
mod result;
mod result_read;
mod version;

pub use args::{ArgsError, CniArgs, IpamArgs, address_of};
pub use attachments::{ValidAttachment, ValidAttachments};
pub use cache::{CACHE_DIRS, CacheEntry, CacheForm, cache_file_name};
pub use choose::{
    Choice, ConfDirectory, ConfFile, FileReport, PluginDirectory, ProgramReport, ReaderReport, Verdict,
    choose,
};
pub use environment::{Command, Environment, prove_network_name};
pub(crate) use error::CODES;
pub use error::{CniError, JsonProblem};
pub use error_object::{ErrorCode, ErrorObject};
pub use go_json::{Fields, Item, Presence};
pub use invoke::{Attachment, Call, Invocation};
pub use ipam_config::{IpamConfig, IpamPlace};
pub(crate) use ipam_error::CODES as IPAM_CODES;
pub use ipam_error::IpamConfigError;
pub use json::{Json, Layout};
pub use list::{Applies, NetworkList, PluginConf};
pub use result::{CniResult, Dns, Interface, IpConfig, Route};
pub use version::{Supported, Version, at_least, version_numbers};
