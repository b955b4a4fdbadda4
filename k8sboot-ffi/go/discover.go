package k8sboot

// #include <k8sboot.h>
import "C"

import (
	"context"
	"encoding/json"
	"runtime"
)

// Discovery is by what a cluster is found: one of Token, File, URL, Kubeconfig and Bundle.
type Discovery struct {
	Token string `json:"token,omitempty"`
	// Endpoints are HOST:PORT of API servers and http://HOST:PORT of discovery endpoints, asked side by side.
	Endpoints []string `json:"endpoints,omitempty"`
	// CACertHashes are pins, sha256:HEX, of which one must match.
	CACertHashes []string `json:"caCertHashes,omitempty"`
	// UnsafeSkipCAVerification goes without pins: whoever knows the token can pose as the cluster.
	UnsafeSkipCAVerification bool `json:"unsafeSkipCAVerification,omitempty"`

	// File is the path, URL the https address, and Kubeconfig the text of a kubeconfig.
	File       string `json:"file,omitempty"`
	URL        string `json:"url,omitempty"`
	Kubeconfig string `json:"kubeconfig,omitempty"`

	// Bundle is the text of a join bundle; Passphrase or Key (64 hexadecimal digits) opens it.
	Bundle     string `json:"bundle,omitempty"`
	Passphrase string `json:"passphrase,omitempty"`
	Key        string `json:"key,omitempty"`

	// TimeoutMs is how long to wait for the signature; 0 means 5 minutes.
	TimeoutMs uint64 `json:"timeoutMs,omitempty"`
	// PatienceMs is how long to wait out what may pass; 0 means 5 s.
	PatienceMs uint64 `json:"patienceMs,omitempty"`
	// AttemptMs is how long each answer may take; 0 means 5 s.
	AttemptMs uint64 `json:"attemptMs,omitempty"`
	// TLSBootstrapToken is for the kubelet's first certificate; "" means the token of the discovery.
	TLSBootstrapToken string `json:"tlsBootstrapToken,omitempty"`
	// Authorities (PEM) vouch for https addresses; "" means those of the host.
	Authorities string `json:"authorities,omitempty"`
	// CheckCredentials asks the cluster at the end whether it accepts the credentials; nil means yes.
	CheckCredentials *bool `json:"checkCredentials,omitempty"`
}

// Discovered is a cluster that was found and is trusted.
type Discovered struct {
	// Server is https://HOST:PORT, as the cluster names it.
	Server      string `json:"server"`
	ClusterName string `json:"clusterName"`
	User        string `json:"user"`
	// CACertHashes are the pins of its CA, CertificateAuthorities the certificates (PEM).
	CACertHashes           []string `json:"caCertHashes"`
	CertificateAuthorities string   `json:"certificateAuthorities"`
	Warnings               []string `json:"warnings"`
	// BootstrapKubeconfig is for the TLS bootstrap. Do not log it.
	BootstrapKubeconfig string `json:"-"`
}

// Discover finds a cluster and comes to trust it. onEvent may be nil; notes tell what is waited for.
func Discover(ctx context.Context, discovery Discovery, onEvent func(Event) error) (*Discovered, error) {
	encoded, failure := json.Marshal(discovery)
	if failure != nil {
		return nil, failure
	}
	a := newArgs()
	defer a.free()
	crequest := a.secret("request", string(encoded))
	if a.err != nil {
		return nil, a.err
	}
	var out, bootstrap *C.k8sboot_buf_t
	failure = withRun(ctx, onEvent, func(run *C.k8sboot_run_t, err **C.k8sboot_error_t) C.k8sboot_code_t {
		return C.k8sboot_discover(crequest, run, &out, &bootstrap, err)
	})
	if out == nil {
		return nil, failure
	}
	found := &Discovered{BootstrapKubeconfig: bufferText(bootstrap)}
	text := bufferText(out)
	if failure != nil {
		return nil, failure
	}
	failure = unmarshal(text, found)
	return found, failure
}

// BundleContent is what a join bundle is made of.
type BundleContent struct {
	// Kubeconfig is one of the cluster, such as admin.conf: its server and CA are taken.
	Kubeconfig string `json:"kubeconfig"`
	Token      string `json:"token"`
	// Expires is the token's end, in RFC 3339.
	Expires string `json:"expires"`
	// CertificateKey is for control planes; "" for workers.
	CertificateKey string `json:"certificateKey,omitempty"`
}

// BundleSecret opens a join bundle: Passphrase (at least 8 bytes) or Key (64 hexadecimal digits).
type BundleSecret struct {
	Passphrase string `json:"passphrase,omitempty"`
	Key        string `json:"key,omitempty"`
}

// Bundle is a join bundle that was opened. Do not log it.
type Bundle struct {
	Server                 string   `json:"server"`
	CertificateAuthorities string   `json:"certificateAuthorities"`
	CACertHashes           []string `json:"caCertHashes"`
	Token                  string   `json:"token"`
	Expires                string   `json:"expires"`
	CertificateKey         string   `json:"certificateKey"`
}

// SealBundle seals what a node needs to join. Whoever can open the text can join nodes.
func SealBundle(content BundleContent, secret BundleSecret) (string, error) {
	encoded, failure := json.Marshal(struct {
		BundleContent
		BundleSecret
	}{content, secret})
	if failure != nil {
		return "", failure
	}
	a := newArgs()
	defer a.free()
	crequest := a.secret("request", string(encoded))
	if a.err != nil {
		return "", a.err
	}
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_bundle_seal(crequest, &out, &err)
	return takeText(code, out, err)
}

// OpenBundle opens a join bundle.
func OpenBundle(bundle string, secret BundleSecret) (*Bundle, error) {
	encoded, failure := json.Marshal(secret)
	if failure != nil {
		return nil, failure
	}
	a := newArgs()
	defer a.free()
	cbundle, csecret := a.text("bundle", bundle), a.secret("secret", string(encoded))
	if a.err != nil {
		return nil, a.err
	}
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_bundle_open(cbundle, csecret, &out, &err)
	text, failure := takeText(code, out, err)
	if failure != nil {
		return nil, failure
	}
	opened := new(Bundle)
	failure = unmarshal(text, opened)
	return opened, failure
}

// DiscoveryServer is a discovery endpoint that runs until it is closed.
type DiscoveryServer struct {
	handle  *C.k8sboot_discovery_server_t
	cleanup runtime.Cleanup
}

// ServeOptions are where a discovery endpoint listens, and what strangers may take of it.
type ServeOptions struct {
	// Address is ADDRESS:PORT; "" means 0.0.0.0:9898, and port 0 a free one.
	Address string `json:"address,omitempty"`
	// Connections is how many are served at a time; 0 means 64.
	Connections uint `json:"connections,omitempty"`
	// TimeMs is how long each may last; 0 means 5 s.
	TimeMs uint64 `json:"timeMs,omitempty"`
}

// ServeDiscovery starts a discovery endpoint for the tokens of the cluster. It keeps the connection open.
func (c *Cluster) ServeDiscovery(options ServeOptions) (*DiscoveryServer, error) {
	a := newArgs()
	defer a.free()
	coptions := a.json("options", options)
	if a.err != nil {
		return nil, a.err
	}
	var handle *C.k8sboot_discovery_server_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_discovery_server_new(c.handle, coptions, &handle, &err)
	runtime.KeepAlive(c)
	if code != C.K8SBOOT_OK {
		return nil, takeError(code, err)
	}
	server := &DiscoveryServer{handle: handle}
	server.cleanup = runtime.AddCleanup(server, func(handle *C.k8sboot_discovery_server_t) {
		C.k8sboot_discovery_server_free(handle)
	}, handle)
	return server, nil
}

// Address is where it listens, ADDRESS:PORT.
func (s *DiscoveryServer) Address() (string, error) {
	beforeCall()
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_discovery_server_address(s.handle, &out, &err)
	runtime.KeepAlive(s)
	return takeText(code, out, err)
}

// Close ends it and its connections. Closing it again does nothing.
func (s *DiscoveryServer) Close() {
	if s.handle == nil {
		return
	}
	s.cleanup.Stop()
	C.k8sboot_discovery_server_free(s.handle)
	s.handle = nil
	runtime.KeepAlive(s)
}
