package k8sboot

// #include <k8sboot.h>
import "C"

import (
	"encoding/json"
	"runtime"
)

// Facts are what the defaults of a configuration need to know about the node. All of them may be left out.
type Facts struct {
	Hostname         string     `json:"hostname,omitempty"`
	DefaultAddresses []string   `json:"defaultAddresses,omitempty"`
	CRISockets       []string   `json:"criSockets,omitempty"`
	SystemdResolved  bool       `json:"systemdResolved,omitempty"`
	CADirectories    []string   `json:"caDirectories,omitempty"`
	ProxyEnvironment []Variable `json:"proxyEnvironment,omitempty"`
}

// Variable is a variable of the environment.
type Variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Report lists the problems of configuration documents.
type Report struct {
	Valid    bool      `json:"valid"`
	Errors   []Problem `json:"errors"`
	Warnings []Problem `json:"warnings"`
}

// Problem is one problem of a configuration.
type Problem struct {
	Kind     string `json:"kind"`
	Code     Code   `json:"code"`
	Message  string `json:"message"`
	Document string `json:"document"`
	Field    string `json:"field"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Expected string `json:"expected"`
	Found    string `json:"found"`
	Remedy   string `json:"remedy"`
}

// Summary is what is most asked of a configuration. It holds no secret.
type Summary struct {
	NodeName            string    `json:"nodeName"`
	KubernetesVersion   string    `json:"kubernetesVersion"`
	ClusterName         string    `json:"clusterName"`
	AdvertiseAddress    string    `json:"advertiseAddress"`
	BindPort            uint16    `json:"bindPort"`
	APIServer           string    `json:"apiServer"`
	LocalAPIServer      string    `json:"localApiServer"`
	DNSAddress          string    `json:"dnsAddress"`
	CertificatesDir     string    `json:"certificatesDir"`
	ServiceSubnets      []string  `json:"serviceSubnets"`
	PodSubnets          []string  `json:"podSubnets"`
	EncryptionAlgorithm string    `json:"encryptionAlgorithm"`
	Warnings            []Problem `json:"warnings"`
}

// Config is a proven configuration: every default filled in, every rule checked. It never changes, so goroutines may
// share it; Close must be the last call.
type Config struct {
	handle  *C.k8sboot_config_t
	cleanup runtime.Cleanup
}

// NewConfig reads kubeadm configuration documents (YAML or JSON) and proves them. freshToken is used if they name no
// bootstrap token; it may be empty.
func NewConfig(documents string, facts Facts, freshToken string) (*Config, error) {
	encoded, failure := json.Marshal(facts)
	if failure != nil {
		return nil, failure
	}
	a := newArgs()
	defer a.free()
	cdocuments, cfacts := a.text("documents", documents), a.text("facts", string(encoded))
	ctoken := a.optional("fresh_token", freshToken)
	if a.err != nil {
		return nil, a.err
	}
	var handle *C.k8sboot_config_t
	var err *C.k8sboot_error_t
	if code := C.k8sboot_config_new(cdocuments, cfacts, ctoken, &handle, &err); code != C.K8SBOOT_OK {
		return nil, takeError(code, err)
	}
	config := &Config{handle: handle}
	config.cleanup = runtime.AddCleanup(config, func(handle *C.k8sboot_config_t) { C.k8sboot_config_free(handle) }, handle)
	return config, nil
}

// Close frees the configuration. Closing it again does nothing.
func (c *Config) Close() {
	if c.handle == nil {
		return
	}
	c.cleanup.Stop()
	C.k8sboot_config_free(c.handle)
	c.handle = nil
	runtime.KeepAlive(c)
}

// Describe sums the configuration up.
func (c *Config) Describe() (*Summary, error) {
	beforeCall()
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_config_describe(c.handle, &out, &err)
	runtime.KeepAlive(c)
	text, failure := takeText(code, out, err)
	if failure != nil {
		return nil, failure
	}
	summary := new(Summary)
	return summary, json.Unmarshal([]byte(text), summary)
}

// Migrate writes documents of kubeadm's v1beta3 or v1beta4 as v1beta4 with every default. The result holds the bootstrap
// tokens: do not log it. freshToken is as for [NewConfig].
func Migrate(documents string, facts Facts, freshToken string) (string, error) {
	encoded, failure := json.Marshal(facts)
	if failure != nil {
		return "", failure
	}
	a := newArgs()
	defer a.free()
	cdocuments, cfacts := a.text("documents", documents), a.text("facts", string(encoded))
	ctoken := a.optional("fresh_token", freshToken)
	if a.err != nil {
		return "", a.err
	}
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_config_migrate(cdocuments, cfacts, ctoken, &out, &err)
	return takeText(code, out, err)
}

// ConfigKind is a kind of configuration.
type ConfigKind uint32

// The kinds of configurations.
const (
	InitKind  = ConfigKind(C.K8SBOOT_CONFIG_INIT)
	JoinKind  = ConfigKind(C.K8SBOOT_CONFIG_JOIN)
	ResetKind = ConfigKind(C.K8SBOOT_CONFIG_RESET)
)

// Defaults is a complete example of a kind of configuration.
func Defaults(kind ConfigKind) (string, error) {
	beforeCall()
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_config_defaults(C.uint32_t(kind), &out, &err)
	return takeText(code, out, err)
}

// Validate lists the problems of documents. That there are some is no error of the call.
func Validate(documents string, facts Facts) (*Report, error) {
	encoded, failure := json.Marshal(facts)
	if failure != nil {
		return nil, failure
	}
	a := newArgs()
	defer a.free()
	cdocuments, cfacts := a.text("documents", documents), a.text("facts", string(encoded))
	if a.err != nil {
		return nil, a.err
	}
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_config_validate(cdocuments, cfacts, &out, &err)
	text, failure := takeText(code, out, err)
	if failure != nil {
		return nil, failure
	}
	report := new(Report)
	return report, json.Unmarshal([]byte(text), report)
}
