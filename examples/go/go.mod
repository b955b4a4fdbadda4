module github.com/k8sboot/k8sboot/examples/go

go 1.24

require github.com/k8sboot/k8sboot/k8sboot-ffi/go v0.0.0

replace github.com/k8sboot/k8sboot/k8sboot-ffi/go => ../../k8sboot-ffi/go
