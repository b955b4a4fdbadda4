//go:build k8sbootdebug

package k8sboot

import "runtime"

// beforeCall collects garbage before each call, so that what is freed too early is found.
func beforeCall() { runtime.GC() }
