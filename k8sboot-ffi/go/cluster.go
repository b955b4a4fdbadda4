package k8sboot

// #include <k8sboot.h>
import "C"

import (
	"context"
	"encoding/json"
	"runtime"
)

// Cluster is a connection to the API server of a cluster. Goroutines may share it; Close must be the last call.
type Cluster struct {
	handle  *C.k8sboot_cluster_t
	cleanup runtime.Cleanup
}

// ClusterOptions are how to reach an API server. The zero value is what the kubeconfig says.
type ClusterOptions struct {
	// Server is another https://HOST:PORT than the kubeconfig's, with the same trust and identity.
	Server string `json:"server,omitempty"`
	// ServerName is the name in the server's certificate; "" means the host of the URL.
	ServerName string `json:"serverName,omitempty"`
	// ConnectTimeoutMs is how long connecting may take; 0 means 5 s.
	ConnectTimeoutMs uint64 `json:"connectTimeoutMs,omitempty"`
	// TimeoutMs is how long each answer may take; 0 means 10 s.
	TimeoutMs uint64 `json:"timeoutMs,omitempty"`
}

// NewCluster makes a connection as the current context of a kubeconfig says, whose files must be embedded. Nothing is
// sent before the first call.
func NewCluster(kubeconfig string, options ClusterOptions) (*Cluster, error) {
	a := newArgs()
	defer a.free()
	ckubeconfig, coptions := a.secret("kubeconfig", kubeconfig), a.json("options", options)
	if a.err != nil {
		return nil, a.err
	}
	var handle *C.k8sboot_cluster_t
	var err *C.k8sboot_error_t
	if code := C.k8sboot_cluster_new(ckubeconfig, coptions, &handle, &err); code != C.K8SBOOT_OK {
		return nil, takeError(code, err)
	}
	cluster := &Cluster{handle: handle}
	cluster.cleanup = runtime.AddCleanup(cluster, func(handle *C.k8sboot_cluster_t) { C.k8sboot_cluster_free(handle) }, handle)
	return cluster, nil
}

// Close frees the connection. Closing it again does nothing.
func (c *Cluster) Close() {
	if c.handle == nil {
		return
	}
	c.cleanup.Stop()
	C.k8sboot_cluster_free(c.handle)
	c.handle = nil
	runtime.KeepAlive(c)
}

// ClusterVersion is who an API server is.
type ClusterVersion struct {
	// Server is its URL.
	Server string `json:"server"`
	// Version is for example "v1.36.2".
	Version  string `json:"version"`
	Platform string `json:"platform"`
}

// Version asks the API server who it is.
func (c *Cluster) Version(ctx context.Context) (*ClusterVersion, error) {
	version := new(ClusterVersion)
	failure := c.ask(ctx, version, func(run *C.k8sboot_run_t, out **C.k8sboot_buf_t, err **C.k8sboot_error_t) C.k8sboot_code_t {
		return C.k8sboot_cluster_version(c.handle, run, out, err)
	})
	if failure != nil {
		return nil, failure
	}
	return version, nil
}

// CreatedToken is a bootstrap token that was made. Do not log Token.
type CreatedToken struct {
	Token string `json:"token"`
	ID    string `json:"id"`
	// Expires is a time in RFC 3339; "" if it lives for ever.
	Expires string `json:"expires"`
}

// ListedToken is a bootstrap token of a cluster.
type ListedToken struct {
	ID string `json:"id"`
	// Expires is a time in RFC 3339; "" if it lives for ever, or is malformed.
	Expires string `json:"expires"`
	// Useful tells whether a node can join with it; Problems tell why not.
	Useful      bool           `json:"useful"`
	Problems    []TokenProblem `json:"problems"`
	Usages      []string       `json:"usages"`
	Groups      []string       `json:"groups"`
	Description string         `json:"description"`
	// Token is "" unless secrets were asked for. Do not log it.
	Token string `json:"token"`
}

// TokenProblem is what is wrong with a bootstrap token of a cluster.
type TokenProblem struct {
	// Name is for example "expired" or "malformed"; Text says it for people.
	Name string `json:"name"`
	Text string `json:"text"`
}

// CreateToken makes a bootstrap token valid in the cluster. Without a Token inside, one is drawn from the operating
// system's randomness.
func (c *Cluster) CreateToken(ctx context.Context, spec TokenSpec) (*CreatedToken, error) {
	encoded, failure := json.Marshal(spec)
	if failure != nil {
		return nil, failure
	}
	a := newArgs()
	defer a.free()
	cspec := a.secret("token", string(encoded))
	if a.err != nil {
		return nil, a.err
	}
	created := new(CreatedToken)
	failure = c.ask(ctx, created, func(run *C.k8sboot_run_t, out **C.k8sboot_buf_t, err **C.k8sboot_error_t) C.k8sboot_code_t {
		return C.k8sboot_cluster_token_create(c.handle, cspec, run, out, err)
	})
	if failure != nil {
		return nil, failure
	}
	return created, nil
}

// Tokens lists the bootstrap tokens of the cluster, unusable ones too; whole only with showSecrets.
func (c *Cluster) Tokens(ctx context.Context, showSecrets bool) ([]ListedToken, error) {
	a := newArgs()
	defer a.free()
	coptions := a.json("options", map[string]bool{"showSecrets": showSecrets})
	var listed struct {
		Tokens []ListedToken `json:"tokens"`
	}
	failure := c.ask(ctx, &listed, func(run *C.k8sboot_run_t, out **C.k8sboot_buf_t, err **C.k8sboot_error_t) C.k8sboot_code_t {
		return C.k8sboot_cluster_token_list(c.handle, coptions, run, out, err)
	})
	return listed.Tokens, failure
}

// DeleteToken deletes a bootstrap token of the cluster, given by its id or whole.
func (c *Cluster) DeleteToken(ctx context.Context, idOrToken string) error {
	a := newArgs()
	defer a.free()
	ctoken := a.secret("id_or_token", idOrToken)
	if a.err != nil {
		return a.err
	}
	failure := withRun(ctx, nil, func(run *C.k8sboot_run_t, err **C.k8sboot_error_t) C.k8sboot_code_t {
		return C.k8sboot_cluster_token_delete(c.handle, ctoken, run, err)
	})
	runtime.KeepAlive(c)
	return failure
}

// ReviewOptions are which certificate signing requests are judged, and by what.
type ReviewOptions struct {
	// Name is that of one request; "" means every request that nobody has decided.
	Name string `json:"name,omitempty"`
	// Bootstrappers are the groups whose members may ask for the first certificate of a node; nil means that of kubeadm's
	// tokens.
	Bootstrappers []string `json:"bootstrappers,omitempty"`
	// ReplaceReadyNodes lets a bootstrap token take over a node that is at work.
	ReplaceReadyNodes bool `json:"replaceReadyNodes,omitempty"`
}

// ReviewedRequest is a certificate signing request that was judged.
type ReviewedRequest struct {
	Name string `json:"name"`
	// Verdict is "approve", "deny" or "leave".
	Verdict string `json:"verdict"`
	// Reason is one word; Message says it for people.
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// ReviewRequests judges certificate signing requests of kubelets and decides them accordingly.
func (c *Cluster) ReviewRequests(ctx context.Context, options ReviewOptions) ([]ReviewedRequest, error) {
	a := newArgs()
	defer a.free()
	coptions := a.json("options", options)
	if a.err != nil {
		return nil, a.err
	}
	var done struct {
		Reviewed []ReviewedRequest `json:"reviewed"`
	}
	failure := c.ask(ctx, &done, func(run *C.k8sboot_run_t, out **C.k8sboot_buf_t, err **C.k8sboot_error_t) C.k8sboot_code_t {
		return C.k8sboot_cluster_csr_review(c.handle, coptions, run, out, err)
	})
	return done.Reviewed, failure
}

// ApproveRequest approves a certificate signing request without judging it; message is for people.
func (c *Cluster) ApproveRequest(ctx context.Context, name, message string) error {
	return c.decide(ctx, name, message, true)
}

// DenyRequest denies a certificate signing request; message is for people.
func (c *Cluster) DenyRequest(ctx context.Context, name, message string) error {
	return c.decide(ctx, name, message, false)
}

func (c *Cluster) decide(ctx context.Context, name, message string, approve bool) error {
	a := newArgs()
	defer a.free()
	cname, cmessage := a.text("name", name), a.text("message", message)
	if a.err != nil {
		return a.err
	}
	failure := withRun(ctx, nil, func(run *C.k8sboot_run_t, err **C.k8sboot_error_t) C.k8sboot_code_t {
		if approve {
			return C.k8sboot_cluster_csr_approve(c.handle, cname, cmessage, run, err)
		}
		return C.k8sboot_cluster_csr_deny(c.handle, cname, cmessage, run, err)
	})
	runtime.KeepAlive(c)
	return failure
}

// ask makes a call whose answer is JSON.
func (c *Cluster) ask(
	ctx context.Context,
	into any,
	call func(*C.k8sboot_run_t, **C.k8sboot_buf_t, **C.k8sboot_error_t) C.k8sboot_code_t,
) error {
	var out *C.k8sboot_buf_t
	failure := withRun(ctx, nil, func(run *C.k8sboot_run_t, err **C.k8sboot_error_t) C.k8sboot_code_t {
		return call(run, &out, err)
	})
	runtime.KeepAlive(c)
	if failure != nil {
		return failure
	}
	return unmarshal(bufferText(out), into)
}
