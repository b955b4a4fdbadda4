package k8sboot

// #include <k8sboot.h>
import "C"

import (
	"runtime"
	"time"
)

// StaticPod is the static pod of a component as YAML, before patches: "etcd", "kube-apiserver",
// "kube-controller-manager" or "kube-scheduler".
func (c *Config) StaticPod(component string) (string, error) {
	a := newArgs()
	defer a.free()
	ccomponent := a.text("component", component)
	if a.err != nil {
		return "", a.err
	}
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_manifest_static_pod(c.handle, ccomponent, &out, &err)
	runtime.KeepAlive(c)
	return takeText(code, out, err)
}

// KubeletConfig is the kubelet's config.yaml of this node, before patches.
func (c *Config) KubeletConfig() (string, error) {
	beforeCall()
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_manifest_kubelet_config(c.handle, &out, &err)
	runtime.KeepAlive(c)
	return takeText(code, out, err)
}

// Objects are the objects of a fresh cluster as a stream of YAML documents, in the order in which kubeadm creates them.
// Bootstrap tokens, whose lifetimes begin now, are among them: do not log it.
func (c *Config) Objects(caCertificates string, now time.Time) (string, error) {
	a := newArgs()
	defer a.free()
	ca := a.text("ca_certificates", caCertificates)
	if a.err != nil {
		return "", a.err
	}
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_manifest_objects(c.handle, ca, C.int64_t(now.Unix()), &out, &err)
	runtime.KeepAlive(c)
	return takeText(code, out, err)
}

// Images are the images that a control-plane node needs, in kubeadm's order.
func (c *Config) Images() ([]string, error) {
	beforeCall()
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_manifest_images(c.handle, &out, &err)
	runtime.KeepAlive(c)
	text, failure := takeText(code, out, err)
	if failure != nil {
		return nil, failure
	}
	var images []string
	failure = unmarshal(text, &images)
	return images, failure
}
