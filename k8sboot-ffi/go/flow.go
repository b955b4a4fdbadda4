package k8sboot

// #include <k8sboot.h>
import "C"

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
)

// GatherFacts looks at the node whose files are below root; "" means this machine.
func GatherFacts(root string) (Facts, error) {
	a := newArgs()
	defer a.free()
	croot := a.optional("root", root)
	if a.err != nil {
		return Facts{}, a.err
	}
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_facts_gather(croot, &out, &err)
	text, failure := takeText(code, out, err)
	if failure != nil {
		return Facts{}, failure
	}
	var facts Facts
	failure = unmarshal(text, &facts)
	return facts, failure
}

// InitOptions say which stages of init are done.
type InitOptions struct {
	// From and Until are the first and the last stage; "" means "preflight" and "kubelet". The stages after "kubelet" speak to
	// the API server, and are carried out by a library that was built with the feature api.
	From  string `json:"from,omitempty"`
	Until string `json:"until,omitempty"`
	// Skip are stages that are left out.
	Skip []string `json:"skip,omitempty"`
	// WaitForKubelet is false where something else than a kubelet runs the static pods; nil means true.
	WaitForKubelet *bool `json:"waitForKubelet,omitempty"`
	// UploadCerts uploads the shared keys for further control planes, sealed with CertificateKey (64 hexadecimal digits).
	UploadCerts    bool   `json:"uploadCerts,omitempty"`
	CertificateKey string `json:"certificateKey,omitempty"`
}

// RunReport is what a run did.
type RunReport struct {
	// Changed is how many steps changed something.
	Changed int           `json:"changed"`
	Stages  []StageReport `json:"stages"`
}

// StageReport is what a stage did.
type StageReport struct {
	Stage string       `json:"stage"`
	Steps []StepReport `json:"steps"`
	Notes []string     `json:"notes"`
}

// StepReport is what became of a step.
type StepReport struct {
	ID    string   `json:"id"`
	Paths []string `json:"paths"`
	// Outcome is "changed", "alreadySo" or "skipped".
	Outcome string `json:"outcome"`
}

// DoneBefore is what a run did before it failed with err; nil if err is no failure of a run.
func DoneBefore(err error) *RunReport {
	var failure *Error
	var details struct {
		Report *RunReport `json:"report"`
	}
	if !errors.As(err, &failure) || json.Unmarshal(failure.Details, &details) != nil {
		return nil
	}
	return details.Report
}

// Flow is a list of stages that are planned and carried out one after the other. One goroutine at a time.
type Flow struct {
	handle  *C.k8sboot_flow_t
	cleanup runtime.Cleanup
}

// NewInit makes a flow that turns the node below root into the first control plane of a cluster, as kubeadm init.
// If it succeeds, config is used up: it is closed.
func NewInit(config *Config, root string, options InitOptions) (*Flow, error) {
	encoded, failure := json.Marshal(options)
	if failure != nil {
		return nil, failure
	}
	a := newArgs()
	defer a.free()
	croot, coptions := a.text("root", root), a.secret("options", string(encoded))
	if a.err != nil {
		return nil, a.err
	}
	used := config.handle
	var handle *C.k8sboot_flow_t
	var err *C.k8sboot_error_t
	if code := C.k8sboot_init_new(&used, croot, coptions, &handle, &err); code != C.K8SBOOT_OK {
		runtime.KeepAlive(config)
		return nil, takeError(code, err)
	}
	config.cleanup.Stop()
	config.handle = used
	runtime.KeepAlive(config)
	return ownFlow(handle), nil
}

// JoinOptions say which stages of join are done, and how.
type JoinOptions struct {
	// From and Until are the first and the last stage; "" means "preflight" and "register-node".
	From  string `json:"from,omitempty"`
	Until string `json:"until,omitempty"`
	// Skip are stages that are left out.
	Skip []string `json:"skip,omitempty"`
	// TLSBootstrap is "kubelet" (also ""), or "library", which asks for the kubelet's certificate itself, with a key of kind
	// Algorithm ("ECDSA-P256" if "").
	TLSBootstrap string `json:"tlsBootstrap,omitempty"`
	Algorithm    string `json:"algorithm,omitempty"`
	// KubeletVersion is compared with the cluster's; "" is not.
	KubeletVersion string `json:"kubeletVersion,omitempty"`
	// RegisterNode registers the Node where no kubelet does.
	RegisterNode bool `json:"registerNode,omitempty"`
	// Discovery is by what the cluster is found, instead of what the documents say.
	Discovery *Discovery `json:"discovery,omitempty"`
}

// NewJoin makes a flow that turns the node below root, which must exist, into a worker of a cluster, as kubeadm join.
// documents is a JoinConfiguration.
func NewJoin(documents string, facts Facts, root string, options JoinOptions) (*Flow, error) {
	encoded, failure := json.Marshal(options)
	if failure != nil {
		return nil, failure
	}
	a := newArgs()
	defer a.free()
	cdocuments, cfacts := a.secret("documents", documents), a.json("facts", facts)
	croot, coptions := a.text("root", root), a.secret("options", string(encoded))
	if a.err != nil {
		return nil, a.err
	}
	var handle *C.k8sboot_flow_t
	var err *C.k8sboot_error_t
	if code := C.k8sboot_join_new(cdocuments, cfacts, croot, coptions, &handle, &err); code != C.K8SBOOT_OK {
		return nil, takeError(code, err)
	}
	return ownFlow(handle), nil
}

func ownFlow(handle *C.k8sboot_flow_t) *Flow {
	flow := &Flow{handle: handle}
	flow.cleanup = runtime.AddCleanup(flow, func(handle *C.k8sboot_flow_t) { C.k8sboot_flow_free(handle) }, handle)
	return flow
}

// Close frees the flow. Closing it again does nothing; what it did stays done.
func (f *Flow) Close() {
	if f.handle == nil {
		return
	}
	f.cleanup.Stop()
	C.k8sboot_flow_free(f.handle)
	f.handle = nil
	runtime.KeepAlive(f)
}

// NextPlan looks at the node and plans the next stage; nil after the last. It changes nothing.
//
// Asking again without Apply goes on to the stage after, planned as if the ones before had been carried out: a dry run.
func (f *Flow) NextPlan() (*Plan, error) {
	beforeCall()
	var handle *C.k8sboot_plan_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_flow_next_plan(f.handle, &handle, &err)
	runtime.KeepAlive(f)
	if code != C.K8SBOOT_OK {
		return nil, takeError(code, err)
	}
	if handle == nil {
		return nil, nil
	}
	return ownPlan(handle), nil
}

// Apply carries out the plan that NextPlan gave last, and closes it. onEvent may be nil; its error, or the end of ctx,
// stops the run after the running step. After an error the flow is over, [DoneBefore] tells what was done, and a new
// flow goes on from there.
func (f *Flow) Apply(ctx context.Context, plan *Plan, onEvent func(Event) error) (*RunReport, error) {
	return plan.use(ctx, onEvent, func(
		plan **C.k8sboot_plan_t, run *C.k8sboot_run_t, out **C.k8sboot_buf_t, err **C.k8sboot_error_t,
	) C.k8sboot_code_t {
		code := C.k8sboot_flow_apply(f.handle, plan, run, out, err)
		runtime.KeepAlive(f)
		return code
	})
}

// Run plans and carries out every stage that is left. Doing it twice is the same as doing it once. Events and errors are
// as for Apply.
func (f *Flow) Run(ctx context.Context, onEvent func(Event) error) (*RunReport, error) {
	var out *C.k8sboot_buf_t
	failure := withRun(ctx, onEvent, func(run *C.k8sboot_run_t, err **C.k8sboot_error_t) C.k8sboot_code_t {
		code := C.k8sboot_flow_run(f.handle, run, &out, err)
		runtime.KeepAlive(f)
		return code
	})
	return takeReport(out, failure)
}

// JoinCommands are the commands that add nodes to the cluster; they need its CA: ask after the stage "pki". They hold
// tokens: do not log them.
func (f *Flow) JoinCommands() ([]string, error) {
	beforeCall()
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_flow_join_commands(f.handle, &out, &err)
	runtime.KeepAlive(f)
	text, failure := takeText(code, out, err)
	if failure != nil {
		return nil, failure
	}
	var commands []string
	failure = unmarshal(text, &commands)
	return commands, failure
}

// takeReport takes the report of a run over, which may be there even if the callback had something to say.
func takeReport(out *C.k8sboot_buf_t, failure error) (*RunReport, error) {
	if out == nil {
		return nil, failure
	}
	report := new(RunReport)
	return report, errors.Join(failure, unmarshal(bufferText(out), report))
}
