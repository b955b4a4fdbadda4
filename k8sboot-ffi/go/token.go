package k8sboot

// #include <k8sboot.h>
import "C"

import (
	"encoding/json"
	"unsafe"
)

// GenerateToken draws a bootstrap token from the operating system's randomness. Do not log it.
func GenerateToken() (string, error) {
	beforeCall()
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_token_generate(&out, &err)
	return takeText(code, out, err)
}

// CheckToken tells what is wrong with a bootstrap token, nil if nothing is.
func CheckToken(token string) error {
	a := newArgs()
	defer a.free()
	ctoken := a.text("token", token)
	if a.err != nil {
		return a.err
	}
	var err *C.k8sboot_error_t
	code := C.k8sboot_token_check(ctoken, &err)
	return takeError(code, err)
}

// TokenID is the public half of a bootstrap token.
func TokenID(token string) (string, error) {
	a := newArgs()
	defer a.free()
	ctoken := a.text("token", token)
	if a.err != nil {
		return "", a.err
	}
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_token_id(ctoken, &out, &err)
	return takeText(code, out, err)
}

// Sign signs the kubeconfig text of a cluster-info document: a detached JWS.
func Sign(token string, content []byte) (string, error) {
	a := newArgs()
	defer a.free()
	ctoken := a.text("token", token)
	if a.err != nil {
		return "", a.err
	}
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	data := (*C.uint8_t)(unsafe.SliceData(content))
	code := C.k8sboot_token_sign(ctoken, data, C.size_t(len(content)), &out, &err)
	return takeText(code, out, err)
}

// Verify tells what is wrong with the signature of a cluster-info document, nil if nothing is.
func Verify(token string, content []byte, signature string) error {
	a := newArgs()
	defer a.free()
	ctoken, csignature := a.text("token", token), a.text("signature", signature)
	if a.err != nil {
		return a.err
	}
	var err *C.k8sboot_error_t
	data := (*C.uint8_t)(unsafe.SliceData(content))
	code := C.k8sboot_token_verify(ctoken, data, C.size_t(len(content)), csignature, &err)
	return takeError(code, err)
}

// Pins are the pins "sha256:HEX" of all certificates of a PEM text, in their order.
func Pins(certificates string) ([]string, error) {
	a := newArgs()
	defer a.free()
	ccertificates := a.text("certificates", certificates)
	if a.err != nil {
		return nil, a.err
	}
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_pin_list(ccertificates, &out, &err)
	list, failure := takeText(code, out, err)
	if failure != nil {
		return nil, failure
	}
	var pins []string
	return pins, json.Unmarshal([]byte(list), &pins)
}

// Role is as what a node joins.
type Role uint32

// The roles.
const (
	Worker       = Role(C.K8SBOOT_ROLE_WORKER)
	ControlPlane = Role(C.K8SBOOT_ROLE_CONTROL_PLANE)
)

// Join is what a node needs to join a cluster.
type Join struct {
	// Endpoint is HOST:PORT of the API servers, IPv6 addresses in brackets.
	Endpoint string
	// Token finds the cluster and authenticates.
	Token string
	// Pins recognise the cluster's certificate authorities; at least one.
	Pins []string
	// Role is Worker if it is not set.
	Role Role
	// CertificateKey is the key of the uploaded certificates, for control planes only; may be empty.
	CertificateKey string
}

// Command is the command that adds the node, on one line. It holds the token: do not log it.
func (j *Join) Command() (string, error) {
	a := newArgs()
	defer a.free()
	token, endpoint := a.text("token", j.Token), a.text("endpoint", j.Endpoint)
	pins, key := a.list("pins", j.Pins), a.optional("certificate_key", j.CertificateKey)
	if a.err != nil {
		return "", a.err
	}
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_token_join_command(token, endpoint, pins, C.size_t(len(j.Pins)), C.uint32_t(j.Role), key, &out, &err)
	return takeText(code, out, err)
}
