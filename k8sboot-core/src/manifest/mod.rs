//! Kubernetes objects as the library writes them: static pods, kubelet files, add-ons, RBAC.

use crate::error::codes;

codes! {}
