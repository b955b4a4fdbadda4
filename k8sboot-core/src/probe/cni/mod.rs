//! Looks at what CNI keeps on a node: stored results, configurations and plugins.

mod directory;
mod results;

pub use directory::{conf_directory, plugin_directories};
pub use results::{CachedResult, CachedResults, cached_results};
