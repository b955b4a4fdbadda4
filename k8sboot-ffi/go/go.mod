module github.com/k8sboot/k8sboot/k8sboot-ffi/go

go 1.24
