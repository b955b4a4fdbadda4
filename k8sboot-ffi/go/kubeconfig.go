package k8sboot

// #include <k8sboot.h>
import "C"

import "runtime"

// UserSpec is a user who is to get a kubeconfig with a client certificate.
type UserSpec struct {
	// Name is the user's name for the API server.
	Name string `json:"name"`
	// Cluster is the name of the cluster inside the kubeconfig.
	Cluster string `json:"cluster"`
	// Server is https://HOST:PORT.
	Server string `json:"server"`
	// Groups are the user's groups for the API server.
	Groups    []string `json:"groups,omitempty"`
	Namespace string   `json:"namespace,omitempty"`
	// Algorithm is ECDSAP256 if it is not set.
	Algorithm Algorithm `json:"algorithm,omitempty"`
	// Validity is 8760h if it is not set. A certificate cannot be revoked: give the shortest that the work takes.
	Validity Lifetime `json:"validity,omitempty"`
}

// UserKubeconfig issues a client certificate with a new key and wraps both into a kubeconfig. Do not log it.
func (c *CA) UserKubeconfig(user UserSpec) (string, error) {
	a := newArgs()
	defer a.free()
	cuser := a.json("spec", user)
	if a.err != nil {
		return "", a.err
	}
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_kubeconfig_user(c.handle, cuser, &out, &err)
	runtime.KeepAlive(c)
	return takeText(code, out, err)
}

// CheckKubeconfig lists what keeps the current context of a kubeconfig from working, now, with the cluster whose CA is
// caCertificates (PEM). That there is something is no error of the call.
func CheckKubeconfig(kubeconfig, caCertificates string) ([]Problem, error) {
	a := newArgs()
	defer a.free()
	ckubeconfig, ca := a.secret("kubeconfig", kubeconfig), a.text("ca_certificates", caCertificates)
	if a.err != nil {
		return nil, a.err
	}
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_kubeconfig_check(ckubeconfig, ca, &out, &err)
	text, failure := takeText(code, out, err)
	if failure != nil {
		return nil, failure
	}
	var list struct {
		Findings []Problem `json:"findings"`
	}
	failure = unmarshal(text, &list)
	return list.Findings, failure
}
