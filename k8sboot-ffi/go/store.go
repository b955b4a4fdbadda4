package k8sboot

/*
#include <k8sboot.h>

// The request is made in C's frame: it points to the addresses, and Go memory that points to Go memory cannot be passed.
static k8sboot_code_t k8sboot_go_store_allocate(const k8sboot_store_t *store, const char *container, const char *interface,
	const k8sboot_ip_t *addresses, size_t addresses_len, uint32_t repeat, k8sboot_assigned_t *assigned, size_t capacity,
	size_t *count, k8sboot_error_t **err) {
	k8sboot_request_t request = {sizeof request, addresses, addresses_len, repeat, 0};
	return k8sboot_store_allocate(store, container, interface, &request, assigned, capacity, count, err);
}

#cgo noescape k8sboot_go_store_allocate
#cgo nocallback k8sboot_go_store_allocate
#cgo noescape k8sboot_store_release
#cgo nocallback k8sboot_store_release
#cgo noescape k8sboot_store_find
#cgo nocallback k8sboot_store_find
*/
import "C"

import (
	"encoding/json"
	"net/netip"
	"runtime"
	"time"
	"unsafe"
)

// Store keeps who holds which address of a network, for any number of goroutines. Close must be the last call.
type Store struct {
	handle  *C.k8sboot_store_t
	sets    int
	cleanup runtime.Cleanup
}

// Record is one entry of a store.
type Record struct {
	// Name is the entry's: the address as the store spells it, or the name of a foreign file.
	Name string `json:"name"`
	// Address is not valid for names that are none.
	Address netip.Addr `json:"address"`
	// Holder is "attachment", "container", "empty" or "foreign".
	Holder    string `json:"holder"`
	Container string `json:"container"`
	Interface string `json:"interface"`
	// Found is the content that is no owner.
	Found string `json:"found"`
	// Boot is in which boot of this machine it was written: "this", "earlier" or "unknown".
	Boot string `json:"boot"`
	// AgeSeconds is nil if the store cannot tell.
	AgeSeconds *float64 `json:"ageSeconds"`
}

// OpenMemory opens a store that forgets with its process.
func OpenMemory(ranges Ranges, options PoolOptions) (*Store, error) {
	a := newArgs()
	defer a.free()
	cranges, coptions := a.json("ranges", ranges), options.c()
	if a.err != nil {
		return nil, a.err
	}
	var handle *C.k8sboot_store_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_store_memory(cranges, &coptions, &handle, &err)
	return newStore(code, handle, len(ranges), err)
}

// DirectoryOptions are how a directory is opened.
type DirectoryOptions struct {
	// MustExist makes it an error that the directory is missing; else it is made, as host-local does.
	MustExist bool
	// FollowLink follows a symbolic link in the place of the network's directory.
	FollowLink bool
	// Durable makes what a call acknowledges outlive a power loss; one process at a time.
	Durable bool
	// Resident keeps what the directory holds in memory between calls: for a process that stays.
	Resident bool
	// LockTimeout is how long to wait for somebody else's lock; 30 s if it is not set.
	LockTimeout time.Duration
}

func (o DirectoryOptions) c() C.k8sboot_directory_options_t {
	var options C.k8sboot_directory_options_t
	options.size = C.size_t(unsafe.Sizeof(options))
	for _, flag := range []struct {
		set  bool
		flag C.uint64_t
	}{
		{o.MustExist, C.K8SBOOT_DIRECTORY_MUST_EXIST},
		{o.FollowLink, C.K8SBOOT_DIRECTORY_FOLLOW_LINK},
		{o.Durable, C.K8SBOOT_DIRECTORY_DURABLE},
		{o.Resident, C.K8SBOOT_DIRECTORY_RESIDENT},
	} {
		if flag.set {
			options.flags |= flag.flag
		}
	}
	options.lock_timeout_ms = C.uint64_t(max(o.LockTimeout, 0).Milliseconds())
	return options
}

// OpenDirectory opens the directory of a network as host-local keeps it, safe beside the real host-local. Without ranges
// the store looks and releases only.
func OpenDirectory(dataDir, network string, ranges Ranges, options DirectoryOptions) (*Store, error) {
	a := newArgs()
	defer a.free()
	cdir, cnetwork, coptions := a.text("data_dir", dataDir), a.text("network", network), options.c()
	var cranges *C.char
	if len(ranges) > 0 {
		cranges = a.json("ranges", ranges)
	}
	if a.err != nil {
		return nil, a.err
	}
	var handle *C.k8sboot_store_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_store_directory(cdir, cnetwork, cranges, &coptions, &handle, &err)
	return newStore(code, handle, len(ranges), err)
}

// EtcdOptions are how etcd is reached.
type EtcdOptions struct {
	// Endpoints are https://HOST:PORT; the first that answers is used.
	Endpoints []string  `json:"endpoints"`
	TLS       *EtcdTLS  `json:"tls,omitempty"`
	User      *EtcdUser `json:"user,omitempty"`
	// ConnectTimeoutMS is 2000 if it is not set, RequestTimeoutMS 5000.
	ConnectTimeoutMS uint64 `json:"connectTimeoutMs,omitempty"`
	RequestTimeoutMS uint64 `json:"requestTimeoutMs,omitempty"`
	// Prefix is where the networks are; /k8sboot/ipam if it is not set.
	Prefix string `json:"prefix,omitempty"`
	// LeaseSeconds makes records vanish so long after the store was last alive; 0: they stay.
	LeaseSeconds uint64 `json:"leaseSeconds,omitempty"`
	LeaseID      int64  `json:"leaseId,omitempty"`
}

// EtcdTLS are PEM texts.
type EtcdTLS struct {
	CA          string `json:"ca"`
	Certificate string `json:"certificate,omitempty"`
	Key         string `json:"key,omitempty"`
	ServerName  string `json:"serverName,omitempty"`
}

// EtcdUser is a user of etcd's own authentication.
type EtcdUser struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

// OpenEtcd opens the leases of a network in etcd.
func OpenEtcd(network string, ranges Ranges, options EtcdOptions) (*Store, error) {
	encoded, failure := json.Marshal(options)
	if failure != nil {
		return nil, failure
	}
	a := newArgs()
	defer a.free()
	cnetwork, cranges := a.text("network", network), a.json("ranges", ranges)
	coptions := a.secret("options", string(encoded))
	if a.err != nil {
		return nil, a.err
	}
	var handle *C.k8sboot_store_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_store_etcd(cnetwork, cranges, coptions, &handle, &err)
	return newStore(code, handle, len(ranges), err)
}

func newStore(code C.k8sboot_code_t, handle *C.k8sboot_store_t, sets int, err *C.k8sboot_error_t) (*Store, error) {
	if code != C.K8SBOOT_OK {
		return nil, takeError(code, err)
	}
	store := &Store{handle: handle, sets: sets}
	store.cleanup = runtime.AddCleanup(store, func(handle *C.k8sboot_store_t) { C.k8sboot_store_free(handle) }, handle)
	return store, nil
}

// Close closes the store. What it keeps outside of the process stays. Closing it again does nothing.
func (s *Store) Close() {
	if s.handle == nil {
		return
	}
	s.cleanup.Stop()
	C.k8sboot_store_free(s.handle)
	s.handle = nil
	runtime.KeepAlive(s)
}

// Allocate gives one address of each range set to an owner, or none at all, and appends them to into, which may be nil.
// request may be nil. With room in into nothing is allocated on Go's heap.
func (s *Store) Allocate(owner Owner, request *Request, into []Assigned) ([]Assigned, error) {
	beforeCall()
	var names cOwner
	if failure := names.set(owner); failure != nil {
		return into, failure
	}
	container, iface := names.names()
	var inline [inlineAddresses]C.k8sboot_ip_t
	addresses, repeat := wanted(request, &inline)
	var array [inlineAddresses]C.k8sboot_assigned_t
	assigned := array[:]
	if s.sets > len(assigned) {
		assigned = make([]C.k8sboot_assigned_t, s.sets)
	}
	var count C.size_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_go_store_allocate(s.handle, container, iface, unsafe.SliceData(addresses), C.size_t(len(addresses)),
		repeat, unsafe.SliceData(assigned), C.size_t(len(assigned)), &count, &err)
	runtime.KeepAlive(s)
	if code != C.K8SBOOT_OK {
		return into, takeError(code, err)
	}
	for i := range assigned[:count] {
		into = append(into, goAssigned(&assigned[i]))
	}
	return into, nil
}

// Release frees everything that an owner holds and appends the addresses to into, which may be nil. Nothing held is
// success. Of more than 256 addresses the first are listed.
func (s *Store) Release(owner Owner, into []netip.Addr) ([]netip.Addr, error) {
	beforeCall()
	var names cOwner
	if failure := names.set(owner); failure != nil {
		return into, failure
	}
	container, iface := names.names()
	list := lists.Get().(*[listed]C.k8sboot_ip_t)
	defer lists.Put(list)
	var count C.size_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_store_release(s.handle, container, iface, &list[0], listed, &count, &err)
	runtime.KeepAlive(s)
	if code != C.K8SBOOT_OK {
		return into, takeError(code, err)
	}
	return appendListed(into, list, count), nil
}

// Find appends the addresses that an owner holds to into, which may be nil. Of more than 256 the first are listed.
func (s *Store) Find(owner Owner, into []netip.Addr) ([]netip.Addr, error) {
	beforeCall()
	var names cOwner
	if failure := names.set(owner); failure != nil {
		return into, failure
	}
	container, iface := names.names()
	list := lists.Get().(*[listed]C.k8sboot_ip_t)
	defer lists.Put(list)
	var count C.size_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_store_find(s.handle, container, iface, &list[0], listed, &count, &err)
	runtime.KeepAlive(s)
	if code != C.K8SBOOT_OK {
		return into, takeError(code, err)
	}
	return appendListed(into, list, count), nil
}

// Usage is how full a range set is.
func (s *Store) Usage(set int) (PoolUsage, error) {
	beforeCall()
	var out C.k8sboot_usage_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_store_usage(s.handle, C.size_t(set), &out, &err)
	runtime.KeepAlive(s)
	return PoolUsage{Held: uint64(out.held), Resting: uint64(out.resting), Size: uint64(out.size)}, takeError(code, err)
}

// Records are everything that the store holds, broken and foreign entries too.
func (s *Store) Records() ([]Record, error) {
	beforeCall()
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_store_records(s.handle, &out, &err)
	runtime.KeepAlive(s)
	text, failure := takeText(code, out, err)
	if failure != nil {
		return nil, failure
	}
	var list struct {
		Records []Record `json:"records"`
	}
	failure = unmarshal(text, &list)
	return list.Records, failure
}

// RepairOptions are what may be repaired in a directory.
type RepairOptions struct {
	// Apply repairs; without it nothing is changed.
	Apply bool `json:"apply,omitempty"`
	// RemoveForeign removes records whose content is nobody's, which are told only otherwise.
	RemoveForeign bool `json:"removeForeign,omitempty"`
	// Live are addresses that are in use whatever their record says: nothing of them is removed.
	Live []netip.Addr `json:"live,omitempty"`
}

// Finding is a file of a directory that is not as it should be.
type Finding struct {
	Name string `json:"name"`
	// Defect is for example "empty", "torn", "line-end" or "foreign-content"; Text says it for people.
	Defect string `json:"defect"`
	Text   string `json:"text"`
	Remedy string `json:"remedy"`
	// Outcome is what became of it; "" if nothing was applied.
	Outcome string `json:"outcome"`
}

// Repair looks for files of a directory that are not as they should be, and repairs them if asked to.
func (s *Store) Repair(options RepairOptions) ([]Finding, error) {
	a := newArgs()
	defer a.free()
	coptions := a.json("options", options)
	if a.err != nil {
		return nil, a.err
	}
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_store_repair(s.handle, coptions, &out, &err)
	runtime.KeepAlive(s)
	text, failure := takeText(code, out, err)
	if failure != nil {
		return nil, failure
	}
	var report struct {
		Findings []Finding `json:"findings"`
	}
	failure = unmarshal(text, &report)
	return report.Findings, failure
}
