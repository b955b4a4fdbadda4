//go:build !k8sbootdebug

package k8sboot

func beforeCall() {}
