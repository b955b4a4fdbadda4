package k8sboot

// #include <k8sboot.h>
import "C"

import (
	"encoding/json"
	"runtime"
	"time"
)

// Algorithm is a kind of key, named as in kubeadm's encryptionAlgorithm.
type Algorithm string

// The kinds of keys.
const (
	RSA2048   Algorithm = "RSA-2048"
	RSA3072   Algorithm = "RSA-3072"
	RSA4096   Algorithm = "RSA-4096"
	ECDSAP256 Algorithm = "ECDSA-P256"
	ECDSAP384 Algorithm = "ECDSA-P384"
	Ed25519   Algorithm = "Ed25519"
)

// Usage is what a certificate may be used for.
type Usage string

// The usages.
const (
	ServerAuth Usage = "serverAuth"
	ClientAuth Usage = "clientAuth"
)

// Lifetime is how long a certificate is valid; 0 means kubeadm's default.
type Lifetime time.Duration

// MarshalJSON writes the lifetime as the library reads it.
func (l Lifetime) MarshalJSON() ([]byte, error) {
	return json.Marshal(time.Duration(l).String())
}

// CASpec is a certificate authority to be made.
type CASpec struct {
	CommonName string `json:"commonName"`
	// Algorithm is RSA2048 if it is not set. Ed25519 is refused: kubeadm cannot read such authorities.
	Algorithm Algorithm `json:"algorithm,omitempty"`
	// Validity is 87600h if it is not set.
	Validity Lifetime `json:"validity,omitempty"`
}

// Names are whom a certificate names: for the API server the user (CommonName) and its groups (Organizations).
type Names struct {
	CommonName    string   `json:"commonName,omitempty"`
	Organizations []string `json:"organizations,omitempty"`
	DNSNames      []string `json:"dnsNames,omitempty"`
	IPAddresses   []string `json:"ipAddresses,omitempty"`
}

// CertificateSpec is a certificate to be issued.
type CertificateSpec struct {
	Names
	Usages []Usage `json:"usages"`
	// Algorithm is RSA2048 if it is not set. It must not be set when a request is signed, which brings its key.
	Algorithm Algorithm `json:"algorithm,omitempty"`
	// Validity is 8760h if it is not set.
	Validity Lifetime `json:"validity,omitempty"`
}

// CertificateInfo is what a certificate says.
type CertificateInfo struct {
	Subject      string    `json:"subject"`
	Issuer       string    `json:"issuer"`
	Serial       string    `json:"serial"`
	NotBefore    time.Time `json:"notBefore"`
	NotAfter     time.Time `json:"notAfter"`
	DNSNames     []string  `json:"dnsNames"`
	IPAddresses  []string  `json:"ipAddresses"`
	KeyUsage     []string  `json:"keyUsage"`
	ExtKeyUsage  []string  `json:"extKeyUsage"`
	IsCA         bool      `json:"isCa"`
	KeyAlgorithm string    `json:"keyAlgorithm"`
	Pin          string    `json:"pin"`
}

// CA is a certificate authority with its private key. It never changes, so goroutines may share it; Close must be the
// last call.
type CA struct {
	handle  *C.k8sboot_ca_t
	cleanup runtime.Cleanup
}

// NewCA makes an authority that signs itself, with a new key.
func NewCA(spec CASpec) (*CA, error) {
	a := newArgs()
	defer a.free()
	cspec := a.json("spec", spec)
	if a.err != nil {
		return nil, a.err
	}
	var handle *C.k8sboot_ca_t
	var err *C.k8sboot_error_t
	if code := C.k8sboot_ca_new(cspec, &handle, &err); code != C.K8SBOOT_OK {
		return nil, takeError(code, err)
	}
	return ownCA(handle), nil
}

// ReadCA reads an authority from PEM texts, for example ca.crt and ca.key. certificates may be a bundle.
func ReadCA(certificates, key string) (*CA, error) {
	a := newArgs()
	defer a.free()
	ccertificates, ckey := a.text("certificates", certificates), a.secret("key", key)
	if a.err != nil {
		return nil, a.err
	}
	var handle *C.k8sboot_ca_t
	var err *C.k8sboot_error_t
	if code := C.k8sboot_ca_from_pem(ccertificates, ckey, &handle, &err); code != C.K8SBOOT_OK {
		return nil, takeError(code, err)
	}
	return ownCA(handle), nil
}

func ownCA(handle *C.k8sboot_ca_t) *CA {
	ca := &CA{handle: handle}
	ca.cleanup = runtime.AddCleanup(ca, func(handle *C.k8sboot_ca_t) { C.k8sboot_ca_free(handle) }, handle)
	return ca
}

// Close frees the authority and wipes its key. Closing it again does nothing.
func (c *CA) Close() {
	if c.handle == nil {
		return
	}
	c.cleanup.Stop()
	C.k8sboot_ca_free(c.handle)
	c.handle = nil
	runtime.KeepAlive(c)
}

// Certificate is the authority's certificate, and those above it, as PEM.
func (c *CA) Certificate() (string, error) {
	beforeCall()
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_ca_certificate(c.handle, &out, &err)
	runtime.KeepAlive(c)
	return takeText(code, out, err)
}

// Key is the authority's private key as PEM. Do not log it.
func (c *CA) Key() (string, error) {
	beforeCall()
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_ca_key(c.handle, &out, &err)
	runtime.KeepAlive(c)
	return takeText(code, out, err)
}

// Pin is the authority's pin, "sha256:HEX": what kubeadm join takes as CA certificate hash.
func (c *CA) Pin() (string, error) {
	beforeCall()
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_ca_pin(c.handle, &out, &err)
	runtime.KeepAlive(c)
	return takeText(code, out, err)
}

// Issue issues a certificate with a new key, both PEM; the certificate comes with its chain. Do not log the key.
func (c *CA) Issue(spec CertificateSpec) (certificate, key string, failure error) {
	a := newArgs()
	defer a.free()
	cspec := a.json("spec", spec)
	if a.err != nil {
		return "", "", a.err
	}
	var ccertificate, ckey *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_ca_issue(c.handle, cspec, &ccertificate, &ckey, &err)
	runtime.KeepAlive(c)
	if failure = takeError(code, err); failure != nil {
		return "", "", failure
	}
	return bufferText(ccertificate), bufferText(ckey), nil
}

// Sign signs a request (PEM) if it asks for exactly the names of spec; the certificate is PEM with its chain.
func (c *CA) Sign(request string, spec CertificateSpec) (string, error) {
	a := newArgs()
	defer a.free()
	crequest, cspec := a.text("request", request), a.json("spec", spec)
	if a.err != nil {
		return "", a.err
	}
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_ca_sign_csr(c.handle, crequest, cspec, &out, &err)
	runtime.KeepAlive(c)
	return takeText(code, out, err)
}

// GenerateKey makes a private key, PEM. Do not log it.
func GenerateKey(algorithm Algorithm) (string, error) {
	a := newArgs()
	defer a.free()
	calgorithm := a.text("algorithm", string(algorithm))
	if a.err != nil {
		return "", a.err
	}
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_key_generate(calgorithm, &out, &err)
	return takeText(code, out, err)
}

// NewRequest makes a certificate request, PEM, signed by key.
func NewRequest(key string, names Names) (string, error) {
	a := newArgs()
	defer a.free()
	ckey, cnames := a.secret("key", key), a.json("spec", names)
	if a.err != nil {
		return "", a.err
	}
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_csr_new(ckey, cnames, &out, &err)
	return takeText(code, out, err)
}

// Inspect tells what the certificates of a PEM text say.
func Inspect(certificates string) ([]CertificateInfo, error) {
	a := newArgs()
	defer a.free()
	ccertificates := a.text("certificates", certificates)
	if a.err != nil {
		return nil, a.err
	}
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_pki_inspect(ccertificates, &out, &err)
	text, failure := takeText(code, out, err)
	if failure != nil {
		return nil, failure
	}
	var list struct {
		Certificates []CertificateInfo `json:"certificates"`
	}
	failure = unmarshal(text, &list)
	return list.Certificates, failure
}
