//! Looks at what CNI keeps on a node: stored results, configurations and plugins.

mod results;

pub use results::{CachedResult, CachedResults, cached_results};
