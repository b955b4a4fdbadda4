package k8sboot

// #include <k8sboot.h>
import "C"

import (
	"encoding/json"
	"time"
)

// TokenSpec is a bootstrap token with its lifetime and rights, one entry of kubeadm's bootstrapTokens. It holds the
// token: do not log it.
type TokenSpec struct {
	Token string `json:"token"`
	// TTL is a Go duration, "0s" for ever; kubeadm's default is 24h. Either TTL or Expires.
	TTL string `json:"ttl,omitempty"`
	// Expires is a time in RFC 3339.
	Expires     string   `json:"expires,omitempty"`
	Usages      []string `json:"usages,omitempty"`
	Groups      []string `json:"groups,omitempty"`
	Description string   `json:"description,omitempty"`
}

// Secret is the Secret of the token as YAML, its lifetime counted from now.
func (s *TokenSpec) Secret(now time.Time) (string, error) {
	encoded, failure := json.Marshal(s)
	if failure != nil {
		return "", failure
	}
	a := newArgs()
	defer a.free()
	token := a.text("token", string(encoded))
	if a.err != nil {
		return "", a.err
	}
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_token_to_secret(token, C.int64_t(now.Unix()), &out, &err)
	return takeText(code, out, err)
}

// TokenFromSecret reads the Secret of a token, YAML or JSON.
func TokenFromSecret(secret string) (*TokenSpec, error) {
	a := newArgs()
	defer a.free()
	csecret := a.text("secret", secret)
	if a.err != nil {
		return nil, a.err
	}
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_token_from_secret(csecret, &out, &err)
	text, failure := takeText(code, out, err)
	if failure != nil {
		return nil, failure
	}
	spec := new(TokenSpec)
	return spec, json.Unmarshal([]byte(text), spec)
}

// ClusterInfo is the ConfigMap cluster-info as YAML, signed with each of the tokens.
func ClusterInfo(server, caCertificates string, tokens []string) (string, error) {
	a := newArgs()
	defer a.free()
	cserver, ca := a.text("server", server), a.text("ca_certificates", caCertificates)
	ctokens := a.list("tokens", tokens)
	if a.err != nil {
		return "", a.err
	}
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_cluster_info_new(cserver, ca, ctokens, C.size_t(len(tokens)), &out, &err)
	return takeText(code, out, err)
}

// TrustedClusterInfo is the kubeconfig of the ConfigMap cluster-info (YAML or JSON), if and only if it is signed with the
// token and its CA is one of the pins.
func TrustedClusterInfo(configMap, token string, pins []string) (string, error) {
	a := newArgs()
	defer a.free()
	cmap, ctoken, cpins := a.text("config_map", configMap), a.text("token", token), a.list("pins", pins)
	if a.err != nil {
		return "", a.err
	}
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_cluster_info_trusted(cmap, ctoken, cpins, C.size_t(len(pins)), &out, &err)
	return takeText(code, out, err)
}
