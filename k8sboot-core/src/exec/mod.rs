//! What changes the node: files written durably below a root directory.

use crate::error::codes;

codes! {}
