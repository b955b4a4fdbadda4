//! C API of k8sboot.
