package k8sboot

// #include <k8sboot.h>
import "C"

import (
	"context"
	"encoding/json"
	"runtime"
)

// Plan are the steps of one stage. It never changes and holds no secret; carrying it out, or Close, must be the last
// call.
type Plan struct {
	handle  *C.k8sboot_plan_t
	cleanup runtime.Cleanup
}

// FileDiff is how a plan changes one path.
type FileDiff struct {
	Path string `json:"path"`
	// Change is "create", "replace" or "remove".
	Change string `json:"change"`
	Why    string `json:"why"`
	// Text is a unified diff; "" where the content is secret or not known before the run.
	Text string `json:"text"`
}

func ownPlan(handle *C.k8sboot_plan_t) *Plan {
	plan := &Plan{handle: handle}
	plan.cleanup = runtime.AddCleanup(plan, func(handle *C.k8sboot_plan_t) { C.k8sboot_plan_free(handle) }, handle)
	return plan
}

// Close frees the plan. Closing it again does nothing.
func (p *Plan) Close() {
	if p.handle == nil {
		return
	}
	p.cleanup.Stop()
	C.k8sboot_plan_free(p.handle)
	p.handle = nil
	runtime.KeepAlive(p)
}

// JSON is the plan as a JSON object: schema, stage, steps, notes. A view: only the plan itself can be carried out.
func (p *Plan) JSON() (json.RawMessage, error) {
	beforeCall()
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_plan_json(p.handle, &out, &err)
	runtime.KeepAlive(p)
	text, failure := takeText(code, out, err)
	return json.RawMessage(text), failure
}

// Text is the plan for people, a line a step.
func (p *Plan) Text() (string, error) {
	beforeCall()
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_plan_text(p.handle, &out, &err)
	runtime.KeepAlive(p)
	return takeText(code, out, err)
}

// Diff is how the plan differs from what was there when it was made.
func (p *Plan) Diff() ([]FileDiff, error) {
	beforeCall()
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_plan_diff(p.handle, &out, &err)
	runtime.KeepAlive(p)
	text, failure := takeText(code, out, err)
	if failure != nil {
		return nil, failure
	}
	var diff struct {
		Files []FileDiff `json:"files"`
	}
	failure = unmarshal(text, &diff)
	return diff.Files, failure
}

// Apply carries out a plan that stands for itself ([PlanRenewal]) and closes it. Events and errors are as for
// [Flow.Apply], which carries out the plans of flows.
func (p *Plan) Apply(ctx context.Context, onEvent func(Event) error) (*RunReport, error) {
	return p.use(ctx, onEvent, func(
		plan **C.k8sboot_plan_t, run *C.k8sboot_run_t, out **C.k8sboot_buf_t, err **C.k8sboot_error_t,
	) C.k8sboot_code_t {
		return C.k8sboot_plan_apply(plan, run, out, err)
	})
}

// use makes a long call that uses the plan up, if it comes so far.
func (p *Plan) use(
	ctx context.Context,
	onEvent func(Event) error,
	call func(**C.k8sboot_plan_t, *C.k8sboot_run_t, **C.k8sboot_buf_t, **C.k8sboot_error_t) C.k8sboot_code_t,
) (*RunReport, error) {
	var out *C.k8sboot_buf_t
	failure := withRun(ctx, onEvent, func(run *C.k8sboot_run_t, err **C.k8sboot_error_t) C.k8sboot_code_t {
		used := p.handle
		code := call(&used, run, &out, err)
		if used == nil && p.handle != nil {
			p.cleanup.Stop()
			p.handle = nil
		}
		runtime.KeepAlive(p)
		return code
	})
	return takeReport(out, failure)
}

// Expiration tells when the certificates below root end.
type Expiration struct {
	Certificates []CertificateEnd `json:"certificates"`
	Authorities  []CertificateEnd `json:"certificateAuthorities"`
}

// CertificateEnd is when one certificate ends.
type CertificateEnd struct {
	// Name is kubeadm's, for example "apiserver" or "admin.conf".
	Name string `json:"name"`
	// Expires is a time in RFC 3339; "" if the certificate is missing.
	Expires string `json:"expirationDate"`
	// Seconds are left; negative after the end.
	Seconds           int64  `json:"residualTime"`
	CA                string `json:"caName"`
	ExternallyManaged bool   `json:"externallyManaged"`
	Missing           bool   `json:"missing"`
}

// CheckExpiration tells when the certificates below root end. config is the cluster's configuration; with nil they are
// looked for in kubeadm's default places.
func CheckExpiration(root string, config *Config) (*Expiration, error) {
	a := newArgs()
	defer a.free()
	croot, cconfig := a.text("root", root), a.config(config)
	if a.err != nil {
		return nil, a.err
	}
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_certs_expiration(croot, cconfig, &out, &err)
	runtime.KeepAlive(config)
	text, failure := takeText(code, out, err)
	if failure != nil {
		return nil, failure
	}
	expiration := new(Expiration)
	return expiration, unmarshal(text, expiration)
}

// PlanRenewal plans new keys and certificates for the named ones below root ("apiserver", "admin.conf"; "all" for every
// leaf). config as for CheckExpiration; without one, names and kinds of keys are taken from the certificates themselves.
func PlanRenewal(root string, config *Config, names ...string) (*Plan, error) {
	a := newArgs()
	defer a.free()
	croot, cconfig, cnames := a.text("root", root), a.config(config), a.list("names", names)
	if a.err != nil {
		return nil, a.err
	}
	var handle *C.k8sboot_plan_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_certs_renew(croot, cconfig, cnames, C.size_t(len(names)), &handle, &err)
	runtime.KeepAlive(config)
	if code != C.K8SBOOT_OK {
		return nil, takeError(code, err)
	}
	return ownPlan(handle), nil
}
