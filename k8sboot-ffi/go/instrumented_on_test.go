//go:build race || k8sbootdebug

package k8sboot

// instrumented programs allocate what others do not.
const instrumented = true
