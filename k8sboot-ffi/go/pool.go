package k8sboot

/*
#include <k8sboot.h>

// The request is made in C's frame: it points to the addresses, and Go memory that points to Go memory cannot be passed.
static k8sboot_code_t k8sboot_go_pool_allocate(k8sboot_pool_t *pool, const char *container, const char *interface,
	const k8sboot_ip_t *addresses, size_t addresses_len, uint32_t repeat, k8sboot_assigned_t *assigned, size_t capacity,
	size_t *count, k8sboot_error_t **err) {
	k8sboot_request_t request = {sizeof request, addresses, addresses_len, repeat, 0};
	return k8sboot_pool_allocate(pool, container, interface, &request, assigned, capacity, count, err);
}

#cgo noescape k8sboot_go_pool_allocate
#cgo nocallback k8sboot_go_pool_allocate
#cgo noescape k8sboot_pool_release
#cgo nocallback k8sboot_pool_release
#cgo noescape k8sboot_pool_find
#cgo nocallback k8sboot_pool_find
*/
import "C"

import (
	"net/netip"
	"runtime"
	"time"
	"unsafe"
)

// Policy is the order in which addresses are given.
type Policy uint32

// The policies.
const (
	// NextFit gives the next free address after the last given, as host-local does.
	NextFit = Policy(C.K8SBOOT_POLICY_NEXT_FIT)
	// Lowest gives the lowest free address.
	Lowest = Policy(C.K8SBOOT_POLICY_LOWEST)
	// Rest is as NextFit, but an address that was released rests before anybody gets it.
	Rest = Policy(C.K8SBOOT_POLICY_REST)
)

// PoolOptions are how a pool gives addresses.
type PoolOptions struct {
	Policy Policy
	// RestTime and RestReleases are for Rest: an address rests until both the time has passed, by [Pool.Advance], and so
	// many other addresses of the range set were released.
	RestTime     time.Duration
	RestReleases uint64
	// RestOldestIfExhausted gives the address that rests longest when all others are held.
	RestOldestIfExhausted bool
	// HashSeed is random and secret where others than the container runtime choose container IDs.
	HashSeed uint64
	// Reserve makes room for so many addresses: twice as many as there will be, and nothing is allocated later.
	Reserve uint64
}

func (o PoolOptions) c() C.k8sboot_pool_options_t {
	var options C.k8sboot_pool_options_t
	options.size = C.size_t(unsafe.Sizeof(options))
	options.policy = C.uint32_t(o.Policy)
	options.rest_ms = C.uint64_t(max(o.RestTime, 0).Milliseconds())
	options.rest_releases = C.uint64_t(o.RestReleases)
	if o.RestOldestIfExhausted {
		options.rest_oldest_if_exhausted = 1
	}
	options.hash_seed = C.uint64_t(o.HashSeed)
	options.reserve = C.uint64_t(o.Reserve)
	return options
}

// Pool hands out one address of each range set to each owner, in memory. It is for one goroutine at a time; a [Store]
// is for many.
type Pool struct {
	handle  *C.k8sboot_pool_t
	sets    int
	cleanup runtime.Cleanup
}

// NewPool makes an empty pool.
func NewPool(ranges Ranges, options PoolOptions) (*Pool, error) {
	a := newArgs()
	defer a.free()
	cranges, coptions := a.json("ranges", ranges), options.c()
	if a.err != nil {
		return nil, a.err
	}
	var handle *C.k8sboot_pool_t
	var err *C.k8sboot_error_t
	if code := C.k8sboot_pool_new(cranges, &coptions, &handle, &err); code != C.K8SBOOT_OK {
		return nil, takeError(code, err)
	}
	return newPool(handle, len(ranges)), nil
}

// RestorePool makes the pool whose state [Pool.Save] gave. hashSeed is as in [PoolOptions].
func RestorePool(state string, hashSeed uint64) (*Pool, error) {
	a := newArgs()
	defer a.free()
	cstate := a.text("state", state)
	if a.err != nil {
		return nil, a.err
	}
	var handle *C.k8sboot_pool_t
	var err *C.k8sboot_error_t
	if code := C.k8sboot_pool_restore(cstate, C.uint64_t(hashSeed), &handle, &err); code != C.K8SBOOT_OK {
		return nil, takeError(code, err)
	}
	var sets C.size_t
	if code := C.k8sboot_pool_sets(handle, &sets, &err); code != C.K8SBOOT_OK {
		C.k8sboot_pool_free(handle)
		return nil, takeError(code, err)
	}
	return newPool(handle, int(sets)), nil
}

// Save is the whole state of the pool as JSON, for [RestorePool].
func (p *Pool) Save() (string, error) {
	beforeCall()
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_pool_save(p.handle, &out, &err)
	runtime.KeepAlive(p)
	return takeText(code, out, err)
}

func newPool(handle *C.k8sboot_pool_t, sets int) *Pool {
	pool := &Pool{handle: handle, sets: sets}
	pool.cleanup = runtime.AddCleanup(pool, func(handle *C.k8sboot_pool_t) { C.k8sboot_pool_free(handle) }, handle)
	return pool
}

// Close frees the pool. Closing it again does nothing.
func (p *Pool) Close() {
	if p.handle == nil {
		return
	}
	p.cleanup.Stop()
	C.k8sboot_pool_free(p.handle)
	p.handle = nil
	runtime.KeepAlive(p)
}

// Allocate gives one address of each range set to an owner, or none at all, and appends them to into, which may be nil.
// request may be nil. With room in into nothing is allocated on Go's heap.
func (p *Pool) Allocate(owner Owner, request *Request, into []Assigned) ([]Assigned, error) {
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
	if p.sets > len(assigned) {
		assigned = make([]C.k8sboot_assigned_t, p.sets)
	}
	var count C.size_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_go_pool_allocate(p.handle, container, iface, unsafe.SliceData(addresses), C.size_t(len(addresses)),
		repeat, unsafe.SliceData(assigned), C.size_t(len(assigned)), &count, &err)
	runtime.KeepAlive(p)
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
func (p *Pool) Release(owner Owner, into []netip.Addr) ([]netip.Addr, error) {
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
	code := C.k8sboot_pool_release(p.handle, container, iface, &list[0], listed, &count, &err)
	runtime.KeepAlive(p)
	if code != C.K8SBOOT_OK {
		return into, takeError(code, err)
	}
	return appendListed(into, list, count), nil
}

// Find appends the addresses that an owner holds to into, which may be nil. Of more than 256 the first are listed.
func (p *Pool) Find(owner Owner, into []netip.Addr) ([]netip.Addr, error) {
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
	code := C.k8sboot_pool_find(p.handle, container, iface, &list[0], listed, &count, &err)
	runtime.KeepAlive(p)
	if code != C.K8SBOOT_OK {
		return into, takeError(code, err)
	}
	return appendListed(into, list, count), nil
}

// Usage is how full a range set is.
func (p *Pool) Usage(set int) (PoolUsage, error) {
	beforeCall()
	var out C.k8sboot_usage_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_pool_usage(p.handle, C.size_t(set), &out, &err)
	runtime.KeepAlive(p)
	return PoolUsage{Held: uint64(out.held), Resting: uint64(out.resting), Size: uint64(out.size)}, takeError(code, err)
}

// Hold notes that an owner holds an address, inside the ranges or not: for what is in use already. It tells whether
// nobody held it before; if somebody did, nothing changes.
func (p *Pool) Hold(address netip.Addr, owner Owner) (bool, error) {
	beforeCall()
	var names cOwner
	if failure := names.set(owner); failure != nil {
		return false, failure
	}
	container, iface := names.names()
	ip := cIP(address)
	var isNew C.uint32_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_pool_hold(p.handle, &ip, container, iface, &isNew, &err)
	runtime.KeepAlive(p)
	return isNew != 0, takeError(code, err)
}

// ReleaseAddress frees one address, whoever holds it, and tells whether anybody did.
func (p *Pool) ReleaseAddress(address netip.Addr) (bool, error) {
	beforeCall()
	ip := cIP(address)
	var wasHeld C.uint32_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_pool_release_address(p.handle, &ip, &wasHeld, &err)
	runtime.KeepAlive(p)
	return wasHeld != 0, takeError(code, err)
}

// Advance makes the clock of resting addresses show now, a time since a moment of the caller's choice. It never goes back.
func (p *Pool) Advance(now time.Duration) error {
	beforeCall()
	var err *C.k8sboot_error_t
	code := C.k8sboot_pool_advance(p.handle, C.uint64_t(max(now, 0).Milliseconds()), &err)
	runtime.KeepAlive(p)
	return takeError(code, err)
}
