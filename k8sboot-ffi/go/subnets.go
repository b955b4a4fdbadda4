package k8sboot

/*
#include <k8sboot.h>

#cgo noescape k8sboot_subnets_allocate
#cgo nocallback k8sboot_subnets_allocate
#cgo noescape k8sboot_subnets_find
#cgo nocallback k8sboot_subnets_find
*/
import "C"

import (
	"net/netip"
	"runtime"
)

// ClusterCIDR is what node subnets are split from.
type ClusterCIDR struct {
	CIDR netip.Prefix `json:"cidr"`
	// NodePrefix is the prefix length of a node's subnet; 24, or 64 for IPv6, if it is not set.
	NodePrefix int `json:"nodePrefix,omitempty"`
}

// SubnetOptions are what a cluster has for its nodes.
type SubnetOptions struct {
	// Clusters is one CIDR, or one of each family.
	Clusters []ClusterCIDR `json:"clusters"`
	// Excluded is given to no node, for example the services' CIDR.
	Excluded []netip.Prefix `json:"excluded,omitempty"`
	// Unlimited allows more than 65,536 subnets, which kube-controller-manager refuses.
	Unlimited bool `json:"unlimited,omitempty"`
}

// subnetsOfNode is how many subnets a node has at most: one of each family.
const subnetsOfNode = 2

// NodeSubnets hands out one subnet of each cluster CIDR to each node. It is for one goroutine at a time.
type NodeSubnets struct {
	handle  *C.k8sboot_subnets_t
	cleanup runtime.Cleanup
}

// NewNodeSubnets makes the subnets of a cluster, all free.
func NewNodeSubnets(options SubnetOptions) (*NodeSubnets, error) {
	a := newArgs()
	defer a.free()
	coptions := a.json("options", options)
	if a.err != nil {
		return nil, a.err
	}
	var handle *C.k8sboot_subnets_t
	var err *C.k8sboot_error_t
	if code := C.k8sboot_subnets_new(coptions, &handle, &err); code != C.K8SBOOT_OK {
		return nil, takeError(code, err)
	}
	subnets := &NodeSubnets{handle: handle}
	free := func(handle *C.k8sboot_subnets_t) { C.k8sboot_subnets_free(handle) }
	subnets.cleanup = runtime.AddCleanup(subnets, free, handle)
	return subnets, nil
}

// Close frees the subnets. Closing them again does nothing.
func (n *NodeSubnets) Close() {
	if n.handle == nil {
		return
	}
	n.cleanup.Stop()
	C.k8sboot_subnets_free(n.handle)
	n.handle = nil
	runtime.KeepAlive(n)
}

// Allocate gives a node one subnet of each cluster CIDR, or none at all, and appends them to into, which may be nil. A node
// that has some keeps them.
func (n *NodeSubnets) Allocate(node string, into []netip.Prefix) ([]netip.Prefix, error) {
	a := newArgs()
	defer a.free()
	cnode := a.text("node", node)
	if a.err != nil {
		return into, a.err
	}
	var given [subnetsOfNode]C.k8sboot_subnet_t
	var count C.size_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_subnets_allocate(n.handle, cnode, &given[0], subnetsOfNode, &count, &err)
	runtime.KeepAlive(n)
	if code != C.K8SBOOT_OK {
		return into, takeError(code, err)
	}
	return appendSubnets(into, given[:count]), nil
}

// Find appends the subnets that a node has to into, which may be nil.
func (n *NodeSubnets) Find(node string, into []netip.Prefix) ([]netip.Prefix, error) {
	a := newArgs()
	defer a.free()
	cnode := a.text("node", node)
	if a.err != nil {
		return into, a.err
	}
	found := make([]C.k8sboot_subnet_t, subnetsOfNode)
	for {
		var count C.size_t
		var err *C.k8sboot_error_t
		code := C.k8sboot_subnets_find(n.handle, cnode, &found[0], C.size_t(len(found)), &count, &err)
		runtime.KeepAlive(n)
		if code != C.K8SBOOT_OK {
			return into, takeError(code, err)
		}
		if int(count) <= len(found) {
			return appendSubnets(into, found[:count]), nil
		}
		found = make([]C.k8sboot_subnet_t, count)
	}
}

// Occupy notes which subnets existing nodes have, instead of any noted for them before, and tells what is odd about them.
func (n *NodeSubnets) Occupy(nodes map[string][]netip.Prefix) ([]string, error) {
	a := newArgs()
	defer a.free()
	cnodes := a.json("nodes", nodes)
	if a.err != nil {
		return nil, a.err
	}
	var out *C.k8sboot_buf_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_subnets_occupy(n.handle, cnodes, &out, &err)
	runtime.KeepAlive(n)
	text, failure := takeText(code, out, err)
	if failure != nil {
		return nil, failure
	}
	var findings []string
	failure = unmarshal(text, &findings)
	return findings, failure
}

// Release frees what a node has and tells whether it had anything.
func (n *NodeSubnets) Release(node string) (bool, error) {
	a := newArgs()
	defer a.free()
	cnode := a.text("node", node)
	if a.err != nil {
		return false, a.err
	}
	var hadAny C.uint32_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_subnets_release(n.handle, cnode, &hadAny, &err)
	runtime.KeepAlive(n)
	return hadAny != 0, takeError(code, err)
}

// Usage is how many subnets of a cluster CIDR are taken and how many there are.
func (n *NodeSubnets) Usage(cluster int) (PoolUsage, error) {
	beforeCall()
	var out C.k8sboot_usage_t
	var err *C.k8sboot_error_t
	code := C.k8sboot_subnets_usage(n.handle, C.size_t(cluster), &out, &err)
	runtime.KeepAlive(n)
	return PoolUsage{Held: uint64(out.held), Resting: uint64(out.resting), Size: uint64(out.size)}, takeError(code, err)
}

func appendSubnets(into []netip.Prefix, from []C.k8sboot_subnet_t) []netip.Prefix {
	for i := range from {
		into = append(into, netip.PrefixFrom(goIP(&from[i].address), int(from[i].prefix)))
	}
	return into
}
