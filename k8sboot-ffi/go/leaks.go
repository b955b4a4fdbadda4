package k8sboot

// #include <k8sboot.h>
import "C"

import (
	"context"
	"encoding/json"
	"net/netip"
	"runtime"
)

// Leaks is a search for leaks in a store: first the records are read, then witnesses are asked, then it is judged, and
// what the report says can be freed. It is for one goroutine at a time.
type Leaks struct {
	handle  *C.k8sboot_leaks_t
	cleanup runtime.Cleanup
}

// LeakOptions are whom to ask and what the caller knows.
type LeakOptions struct {
	// Docker is the path of Docker's socket; empty: it is not asked.
	Docker string `json:"docker,omitempty"`
	// CRI are the sockets of containerd or CRI-O.
	CRI []string `json:"cri,omitempty"`
	// Containerd are sockets of containerd whose containers count in every namespace, nerdctl's too.
	Containerd []string `json:"containerd,omitempty"`
	// Namespaces reads the addresses inside every network namespace of the host; needs root.
	Namespaces bool `json:"namespaces,omitempty"`
	// CNICache are directories with stored CNI results, for example /var/lib/cni.
	CNICache []string `json:"cniCache,omitempty"`
	// GraceSeconds is how old a record must be at least to be freed; ten minutes if nil.
	GraceSeconds *uint64 `json:"graceSeconds,omitempty"`
	// AllRuntimes says that nobody else uses the network.
	AllRuntimes bool `json:"allRuntimes,omitempty"`
	// BelieveEmpty believes a runtime that lists nothing.
	BelieveEmpty bool `json:"believeEmpty,omitempty"`
}

// LeakReport is a verdict for each record.
type LeakReport struct {
	// Summary counts "free", "live", "young", "leaked", "broken", "foreign" and "unknown".
	Summary   map[string]uint64 `json:"summary"`
	Addresses []Verdict         `json:"addresses"`
	// ToFree are the names of the records that Collect frees.
	ToFree []string `json:"toFree"`
	// JSON is the whole document, of the schema k8sboot.leaks/v1.
	JSON json.RawMessage `json:"-"`
}

// Verdict is what is said of one record.
type Verdict struct {
	Name string `json:"name"`
	// Address is not valid for names that are none.
	Address netip.Addr `json:"address"`
	State   string     `json:"state"`
	Free    bool       `json:"free"`
	Reasons []Reason   `json:"reasons"`
}

// Reason is why a verdict is what it is.
type Reason struct {
	Rule    string `json:"rule"`
	Witness string `json:"witness"`
	Text    string `json:"text"`
}

// Collected is what a collection did.
type Collected struct {
	Freed []Record `json:"freed"`
	// Changed are records that should have been freed and had changed since they were read: they stay.
	Changed []Record `json:"changed"`
	Before  int      `json:"before"`
	After   int      `json:"after"`
}

// NewLeaks reads the records of a store. Only then list the containers: an ADD in between is not judged.
func NewLeaks(store *Store) (*Leaks, error) {
	beforeCall()
	var handle *C.k8sboot_leaks_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_leaks_new(store.handle, &handle, &err)
	runtime.KeepAlive(store)
	if code != C.K8SBOOT_OK {
		return nil, takeError(code, err)
	}
	leaks := &Leaks{handle: handle}
	leaks.cleanup = runtime.AddCleanup(leaks, func(handle *C.k8sboot_leaks_t) { C.k8sboot_leaks_free(handle) }, handle)
	return leaks, nil
}

// Close frees the search. Closing it again does nothing.
func (l *Leaks) Close() {
	if l.handle == nil {
		return
	}
	l.cleanup.Stop()
	C.k8sboot_leaks_free(l.handle)
	l.handle = nil
	runtime.KeepAlive(l)
}

// AddRunning tells which ADDs are running, perhaps none: what they hold is kept. A program that runs every ADD itself
// says so before it lists its containers, and may then set the grace period to 0.
func (l *Leaks) AddRunning(owners ...Owner) error {
	beforeCall()
	var err *C.k8sboot_error_t
	code := C.k8sboot_leaks_add_running(l.handle, nil, nil, &err)
	runtime.KeepAlive(l)
	if code != C.K8SBOOT_OK {
		return takeError(code, err)
	}
	for _, owner := range owners {
		if failure := l.addRunning(owner); failure != nil {
			return failure
		}
	}
	return nil
}

func (l *Leaks) addRunning(owner Owner) error {
	a := newArgs()
	defer a.free()
	container, iface := a.text("container", owner.Container), a.text("interface", owner.Interface)
	if a.err != nil {
		return a.err
	}
	var err *C.k8sboot_error_t
	code := C.k8sboot_leaks_add_running(l.handle, container, iface, &err)
	runtime.KeepAlive(l)
	return takeError(code, err)
}

// AddContainers adds the listing of a runtime that the caller has: the containers that exist, in whatever state.
func (l *Leaks) AddContainers(runtimeName string, ids []string) error {
	a := newArgs()
	defer a.free()
	name, list := a.text("runtime", runtimeName), a.list("ids", ids)
	if a.err != nil {
		return a.err
	}
	var err *C.k8sboot_error_t
	code := C.k8sboot_leaks_add_containers(l.handle, name, list, C.size_t(len(ids)), &err)
	runtime.KeepAlive(l)
	return takeError(code, err)
}

// Judge asks the witnesses and judges every record. It changes nothing.
func (l *Leaks) Judge(options LeakOptions) (*LeakReport, error) {
	a := newArgs()
	defer a.free()
	coptions := a.json("options", options)
	if a.err != nil {
		return nil, a.err
	}
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_leaks_judge(l.handle, coptions, &out, &err)
	runtime.KeepAlive(l)
	text, failure := takeText(code, out, err)
	if failure != nil {
		return nil, failure
	}
	report := &LeakReport{JSON: json.RawMessage(text)}
	return report, unmarshal(text, report)
}

// Text is the report of Judge for people.
func (l *Leaks) Text() (string, error) {
	beforeCall()
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_leaks_text(l.handle, &out, &err)
	runtime.KeepAlive(l)
	return takeText(code, out, err)
}

// Collect frees what the report of Judge says, each record only if it is still as it was read.
func (l *Leaks) Collect() (*Collected, error) {
	beforeCall()
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_leaks_collect(l.handle, &out, &err)
	runtime.KeepAlive(l)
	text, failure := takeText(code, out, err)
	if failure != nil {
		return nil, failure
	}
	done := new(Collected)
	return done, unmarshal(text, done)
}

// ChainDelete says where the plugins are that undo leaks.
type ChainDelete struct {
	// PluginPath are the directories with programs.
	PluginPath []string `json:"pluginPath"`
	// CacheDir is where results are stored; "" means /var/lib/cni.
	CacheDir string `json:"cacheDir,omitempty"`
	// PluginTimeoutMs is how long each plugin may take; 0 means four minutes.
	PluginTimeoutMs uint64 `json:"pluginTimeoutMs,omitempty"`
}

// LeakDelete is what became of the DEL of one leaked attachment.
type LeakDelete struct {
	Container string `json:"container"`
	Interface string `json:"interface"`
	// Source is the file of the stored result.
	Source string `json:"source"`
	// Error is nil if every plugin of the chain succeeded.
	Error *CNIFailure `json:"error"`
}

// Delete runs the chain DEL of every leak in the report of Judge that a stored result is known of, which undoes port
// mappings and traffic rules as well. Call it before Collect, which frees what is left.
func (l *Leaks) Delete(ctx context.Context, request ChainDelete, onEvent func(Event) error) ([]LeakDelete, error) {
	if request.PluginPath == nil {
		request.PluginPath = []string{}
	}
	a := newArgs()
	defer a.free()
	crequest := a.json("request", request)
	if a.err != nil {
		return nil, a.err
	}
	var text string
	failure := withRun(ctx, onEvent, func(run *C.k8sboot_run_t, err **C.k8sboot_error_t) C.k8sboot_code_t {
		var out *C.k8sboot_buf_t
		code := C.k8sboot_leaks_delete(l.handle, crequest, run, &out, err)
		if code == C.K8SBOOT_OK {
			text, _ = takeText(code, out, nil)
		}
		return code
	})
	runtime.KeepAlive(l)
	if failure != nil {
		return nil, failure
	}
	var done struct {
		Deleted []LeakDelete `json:"deleted"`
	}
	failure = unmarshal(text, &done)
	return done.Deleted, failure
}
