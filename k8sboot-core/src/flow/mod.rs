//! Init as stages: probe, plan, print or apply.

use crate::error::codes;

codes! {}
