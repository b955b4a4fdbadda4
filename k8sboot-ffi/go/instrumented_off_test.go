//go:build !race && !k8sbootdebug

package k8sboot

const instrumented = false
