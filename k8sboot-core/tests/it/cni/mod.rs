//! The cni family against recorded output of the reference library and of host-local.

mod results;
