package k8sboot

// #include <k8sboot.h>
import "C"

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"unsafe"
)

// Range is a range of addresses. Only Subnet is needed.
type Range struct {
	Subnet netip.Prefix
	// Start is the first address; the network address + 1 if it is not set.
	Start netip.Addr
	// End is the last address; the last of the subnet if it is not set, for IPv4 the one before (no broadcast).
	End netip.Addr
	// Gateway is never given; the network address + 1 if it is not set.
	Gateway netip.Addr
}

// MarshalJSON writes a range as host-local's configuration does.
func (r Range) MarshalJSON() ([]byte, error) {
	text := func(address netip.Addr) string {
		if !address.IsValid() {
			return ""
		}
		return address.String()
	}
	return json.Marshal(struct {
		Subnet     string `json:"subnet"`
		RangeStart string `json:"rangeStart,omitempty"`
		RangeEnd   string `json:"rangeEnd,omitempty"`
		Gateway    string `json:"gateway,omitempty"`
	}{r.Subnet.String(), text(r.Start), text(r.End), text(r.Gateway)})
}

// Ranges are the range sets of a network: an owner gets one address of each set.
type Ranges [][]Range

// Subnets are range sets of one whole subnet each.
func Subnets(subnets ...netip.Prefix) Ranges {
	ranges := make(Ranges, len(subnets))
	for i, subnet := range subnets {
		ranges[i] = []Range{{Subnet: subnet}}
	}
	return ranges
}

// Owner is who holds addresses: an interface of a container.
type Owner struct {
	Container string
	Interface string
}

// Assigned is one address that was given.
type Assigned struct {
	// Address has the prefix length of its subnet.
	Address netip.Prefix
	Gateway netip.Addr
	// Set is the index of its range set, from 0.
	Set int
}

// Request is what is asked of an allocation beyond its owner.
type Request struct {
	// Addresses are wanted: each goes to the first range set that contains it.
	Addresses []netip.Addr
	// RefuseRepeat makes it an error that the owner holds an address already; else it gets the same one.
	RefuseRepeat bool
}

// PoolUsage is how full a range set is. A count of 2^64-1 means that or more.
type PoolUsage struct {
	// Held are the addresses held.
	Held uint64
	// Resting are free, but not to be given yet.
	Resting uint64
	// Size is how many can be held at most.
	Size uint64
}

// What fits into these needs no memory of Go's heap.
const (
	inlineText      = 128
	inlineAddresses = 8
)

// listed is how many addresses of one owner are listed at most: one owner holds one of each range set, and perhaps some
// of former ones.
const listed = 256

// lists are arrays for addresses that C writes.
var lists = sync.Pool{New: func() any { return new([listed]C.k8sboot_ip_t) }}

// appendListed appends what C has written to a list.
func appendListed(into []netip.Addr, list *[listed]C.k8sboot_ip_t, count C.size_t) []netip.Addr {
	for i := range min(int(count), listed) {
		into = append(into, goIP(&list[i]))
	}
	return into
}

// wanted are the addresses of a request as C wants them; array serves as long as they fit.
func wanted(request *Request, array *[inlineAddresses]C.k8sboot_ip_t) (addresses []C.k8sboot_ip_t, repeat C.uint32_t) {
	if request == nil {
		return nil, C.K8SBOOT_REPEAT_SAME
	}
	addresses = array[:0]
	for _, address := range request.Addresses {
		addresses = append(addresses, cIP(address))
	}
	if request.RefuseRepeat {
		return addresses, C.K8SBOOT_REPEAT_REFUSE
	}
	return addresses, C.K8SBOOT_REPEAT_SAME
}

// cOwner is an owner as C wants it, in the caller's frame.
type cOwner struct {
	container, iface [inlineText]byte
	long             [2][]byte
}

// set copies an owner. A NUL inside would end a name early without a word, so it is an error.
func (c *cOwner) set(owner Owner) error {
	for i, name := range [2]string{owner.Container, owner.Interface} {
		if position := strings.IndexByte(name, 0); position >= 0 {
			return errorOf(CodeMisuse, "argument %s: expected text without NUL, found one at byte %d",
				[2]string{"container", "interface"}[i], position)
		}
		to := c.container[:]
		if i == 1 {
			to = c.iface[:]
		}
		if len(name) >= inlineText {
			c.long[i] = append([]byte(name), 0)
			continue
		}
		to[copy(to, name)] = 0
	}
	return nil
}

func (c *cOwner) names() (container, iface *C.char) {
	container, iface = (*C.char)(unsafe.Pointer(&c.container)), (*C.char)(unsafe.Pointer(&c.iface))
	if c.long[0] != nil {
		container = (*C.char)(unsafe.Pointer(&c.long[0][0]))
	}
	if c.long[1] != nil {
		iface = (*C.char)(unsafe.Pointer(&c.long[1][0]))
	}
	return container, iface
}

// errorOf is an error that this side of the boundary found.
func errorOf(code Code, format string, values ...any) error {
	return &Error{Code: code, Message: fmt.Sprintf(format, values...), Details: []byte("{}")}
}

func cIP(address netip.Addr) (ip C.k8sboot_ip_t) {
	address = address.Unmap()
	switch {
	case address.Is4():
		ip.family = C.K8SBOOT_FAMILY_V4
		bytes := address.As4()
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&ip.bytes)), len(ip.bytes)), bytes[:])
	case address.Is6():
		ip.family = C.K8SBOOT_FAMILY_V6
		*(*[16]byte)(unsafe.Pointer(&ip.bytes)) = address.As16()
	}
	return ip
}

func goIP(ip *C.k8sboot_ip_t) netip.Addr {
	bytes := (*[16]byte)(unsafe.Pointer(&ip.bytes))
	switch ip.family {
	case C.K8SBOOT_FAMILY_V4:
		return netip.AddrFrom4([4]byte(bytes[:4]))
	case C.K8SBOOT_FAMILY_V6:
		return netip.AddrFrom16(*bytes)
	}
	return netip.Addr{}
}

func goAssigned(assigned *C.k8sboot_assigned_t) Assigned {
	return Assigned{
		Address: netip.PrefixFrom(goIP(&assigned.address), int(assigned.prefix)),
		Gateway: goIP(&assigned.gateway),
		Set:     int(assigned.set),
	}
}
