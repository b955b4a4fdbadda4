package k8sboot

// #include <k8sboot.h>
import "C"

import (
	"context"
	"encoding/json"
	"net/netip"
	"runtime"
)

// PodCIDROptions are which subnets nodes get; the same clusters for every allocator of a cluster.
type PodCIDROptions struct {
	// Clusters are the cluster CIDRs, at most one a family.
	Clusters []PodCIDRCluster `json:"clusters"`
	// Reserved is what no node gets, for example the service CIDR.
	Reserved []netip.Prefix `json:"reserved,omitempty"`
	// Namespace is that of the claims; "" means kube-system.
	Namespace string `json:"namespace,omitempty"`
	// LowestFirst begins the search at the first subnet.
	LowestFirst bool `json:"lowestFirst,omitempty"`
}

// PodCIDRCluster are the addresses of all pods of a family.
type PodCIDRCluster struct {
	CIDR netip.Prefix `json:"cidr"`
	// NodePrefix is the prefix length of a node's subnet; 0 means 24, or 64 for IPv6.
	NodePrefix uint8 `json:"nodePrefix,omitempty"`
}

// NodePodCIDRs are the pod CIDRs of a node.
type NodePodCIDRs struct {
	Node     string         `json:"node"`
	PodCIDRs []netip.Prefix `json:"podCIDRs"`
	// Origin is "kept", "allocated" or "another", if they were asked for.
	Origin string `json:"origin"`
	// Error is why the node got none.
	Error *NodeFailure `json:"error"`
}

// NodeFailure is why something was not done for one node of several.
type NodeFailure struct {
	Kind    string `json:"kind"`
	Code    Code   `json:"code"`
	Message string `json:"message"`
}

// AllocatePodCIDRs gives nodes their pod CIDRs, on the Node objects; without names every node that has none.
func (c *Cluster) AllocatePodCIDRs(ctx context.Context, options PodCIDROptions, nodes ...string) ([]NodePodCIDRs, error) {
	a := newArgs()
	defer a.free()
	coptions, cnodes := a.json("options", options), a.list("nodes", nodes)
	if a.err != nil {
		return nil, a.err
	}
	var done struct {
		Nodes []NodePodCIDRs `json:"nodes"`
	}
	failure := c.ask(ctx, &done, func(run *C.k8sboot_run_t, out **C.k8sboot_buf_t, err **C.k8sboot_error_t) C.k8sboot_code_t {
		return C.k8sboot_cluster_pod_cidrs_allocate(c.handle, coptions, cnodes, C.size_t(len(nodes)), run, out, err)
	})
	return done.Nodes, failure
}

// PodCIDRReport are the pod CIDRs of all nodes.
type PodCIDRReport struct {
	Nodes []NodePodCIDRs `json:"nodes"`
	// Findings are what is shared, outside or of another size, for people.
	Findings []string       `json:"findings"`
	Claims   []PodCIDRClaim `json:"claims"`
	// ControllerManagers are pods that give pod CIDRs too.
	ControllerManagers []string `json:"controllerManagers"`
}

// PodCIDRClaim is a subnet that is claimed for a node.
type PodCIDRClaim struct {
	CIDR netip.Prefix `json:"cidr"`
	Node string       `json:"node"`
	// State is "pending", "inUse" or "stale".
	State string `json:"state"`
}

// CheckPodCIDRs looks at the pod CIDRs of all nodes.
func (c *Cluster) CheckPodCIDRs(ctx context.Context, options PodCIDROptions) (*PodCIDRReport, error) {
	a := newArgs()
	defer a.free()
	coptions := a.json("options", options)
	if a.err != nil {
		return nil, a.err
	}
	report := new(PodCIDRReport)
	failure := c.ask(ctx, report, func(run *C.k8sboot_run_t, out **C.k8sboot_buf_t, err **C.k8sboot_error_t) C.k8sboot_code_t {
		return C.k8sboot_cluster_pod_cidrs_check(c.handle, coptions, run, out, err)
	})
	if failure != nil {
		return nil, failure
	}
	return report, nil
}

// FlannelReport is what flannel's annotations say of all nodes.
type FlannelReport struct {
	Nodes []FlannelNode `json:"nodes"`
	// Findings are where they do not agree with the pod CIDRs, for people.
	Findings []string `json:"findings"`
}

// FlannelNode is what flannel's annotations say of a node.
type FlannelNode struct {
	Node     string         `json:"node"`
	PodCIDRs []netip.Prefix `json:"podCIDRs"`
	// Managed tells whether flanneld runs there.
	Managed     bool   `json:"managed"`
	BackendType string `json:"backendType"`
	// PublicIP and PublicIPv6 are not valid where flannel does not say them.
	PublicIP   netip.Addr `json:"publicIP"`
	PublicIPv6 netip.Addr `json:"publicIPv6"`
	// Problem is which annotation cannot be read, "" if all can.
	Problem string `json:"problem"`
}

// CheckFlannel compares flannel's annotations of all nodes with their pod CIDRs. network is flannel's net-conf.json;
// prefix is that of the annotations, "" means flannel's own.
func (c *Cluster) CheckFlannel(ctx context.Context, network, prefix string) (*FlannelReport, error) {
	a := newArgs()
	defer a.free()
	cnetwork, cprefix := a.text("network", network), a.optional("prefix", prefix)
	if a.err != nil {
		return nil, a.err
	}
	report := new(FlannelReport)
	failure := c.ask(ctx, report, func(run *C.k8sboot_run_t, out **C.k8sboot_buf_t, err **C.k8sboot_error_t) C.k8sboot_code_t {
		return C.k8sboot_cluster_flannel_check(c.handle, cnetwork, cprefix, run, out, err)
	})
	if failure != nil {
		return nil, failure
	}
	return report, nil
}

// FlannelAttributes are what flanneld tells the others of its node.
type FlannelAttributes struct {
	PublicIP      netip.Addr      `json:"PublicIP"`
	PublicIPv6    *netip.Addr     `json:"PublicIPv6"`
	BackendType   string          `json:"BackendType"`
	BackendData   json.RawMessage `json:"BackendData,omitempty"`
	BackendV6Data json.RawMessage `json:"BackendV6Data,omitempty"`
}

// WriteFlannel writes the annotations that flanneld writes of a node; nil removes them. The administrator's stay.
func (c *Cluster) WriteFlannel(ctx context.Context, node string, attributes *FlannelAttributes, prefix string) error {
	a := newArgs()
	defer a.free()
	cnode, cprefix := a.text("node", node), a.optional("prefix", prefix)
	var cattributes *C.char
	if attributes != nil {
		cattributes = a.json("attributes", attributes)
	}
	if a.err != nil {
		return a.err
	}
	failure := withRun(ctx, nil, func(run *C.k8sboot_run_t, err **C.k8sboot_error_t) C.k8sboot_code_t {
		return C.k8sboot_cluster_flannel_write(c.handle, cnode, cattributes, cprefix, run, err)
	})
	runtime.KeepAlive(c)
	return failure
}
