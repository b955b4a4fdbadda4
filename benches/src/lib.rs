//! Benchmarks of k8sboot; the programs are the `[[bench]]` targets.
