package k8sboot

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	small = netip.MustParsePrefix("10.244.1.0/29")
	wide  = netip.MustParsePrefix("10.1.0.0/16")
	v6    = netip.MustParsePrefix("fd00::/64")
	eth0  = Owner{Container: "3f2a", Interface: "eth0"}
)

// leases is what pools and stores have in common.
type leases interface {
	Allocate(Owner, *Request, []Assigned) ([]Assigned, error)
	Release(Owner, []netip.Addr) ([]netip.Addr, error)
	Find(Owner, []netip.Addr) ([]netip.Addr, error)
	Usage(int) (PoolUsage, error)
	Close()
}

// each runs a body over pools and stores.
func each(t *testing.T, ranges Ranges, body func(*testing.T, leases)) {
	open := map[string]func() (leases, error){
		"pool":   func() (leases, error) { return NewPool(ranges, PoolOptions{}) },
		"memory": func() (leases, error) { return OpenMemory(ranges, PoolOptions{}) },
	}
	for name, open := range open {
		t.Run(name, func(t *testing.T) {
			all, err := open()
			if err != nil {
				t.Fatal(err)
			}
			defer all.Close()
			body(t, all)
		})
	}
}

func TestAddressesAreGivenAndTaken(t *testing.T) {
	each(t, Subnets(small, v6), func(t *testing.T, all leases) {
		given, err := all.Allocate(eth0, nil, nil)
		if err != nil || len(given) != 2 || given[0].Address.String() != "10.244.1.2/29" ||
			given[0].Gateway.String() != "10.244.1.1" || given[1].Address.String() != "fd00::2/64" || given[1].Set != 1 {
			t.Fatal(given, err)
		}
		if again, err := all.Allocate(eth0, nil, nil); err != nil || again[0] != given[0] {
			t.Fatal(again, err)
		}
		if _, err := all.Allocate(eth0, &Request{RefuseRepeat: true}, nil); !errors.Is(err, CodeDuplicate) {
			t.Fatal(err)
		}
		want := &Request{Addresses: []netip.Addr{netip.MustParseAddr("fd00::9"), netip.MustParseAddr("::ffff:10.244.1.5")}}
		given, err = all.Allocate(Owner{"77b0", "eth0"}, want, given[:0])
		if err != nil || given[0].Address.Addr().String() != "10.244.1.5" || given[1].Address.Addr() != want.Addresses[0] {
			t.Fatal(given, err)
		}
		if _, err := all.Allocate(Owner{"88c1", "eth0"}, want, nil); !errors.Is(err, CodeTaken) {
			t.Fatal(err)
		}
		if usage, err := all.Usage(0); err != nil || usage != (PoolUsage{Held: 2, Size: 5}) {
			t.Fatal(usage, err)
		}
		if found, err := all.Find(eth0, nil); err != nil || len(found) != 2 {
			t.Fatal(found, err)
		}
		if freed, err := all.Release(eth0, nil); err != nil || len(freed) != 2 || freed[1].String() != "fd00::2" {
			t.Fatal(freed, err)
		}
		if freed, err := all.Release(eth0, nil); err != nil || len(freed) != 0 {
			t.Fatal(freed, err)
		}
	})
}

func TestAddressesAreRefusedForAReason(t *testing.T) {
	each(t, Subnets(small), func(t *testing.T, all leases) {
		for owner, want := range map[Owner]Code{
			{"", "eth0"}:                       CodeOwner,
			{"a\x00b", "eth0"}:                 CodeMisuse,
			{"a", "e\x00"}:                     CodeMisuse,
			{"\xff", "eth0"}:                   CodeUTF8,
			{"a", strings.Repeat("x", 16)}:     CodeOwner,
			{strings.Repeat("/", 300), "eth0"}: CodeOwner,
		} {
			if _, err := all.Allocate(owner, nil, nil); !errors.Is(err, want) {
				t.Errorf("%q: %v", owner, err)
			}
			if _, err := all.Release(owner, nil); !errors.Is(err, want) {
				t.Errorf("%q: %v", owner, err)
			}
		}
		long := Owner{strings.Repeat("a", 300), "eth0"}
		if _, err := all.Allocate(long, &Request{Addresses: make([]netip.Addr, 1)}, nil); !errors.Is(err, CodeEnum) {
			t.Fatal(err)
		}
		if _, err := all.Allocate(long, nil, nil); err != nil {
			t.Fatal(err)
		}
		for n := range 4 {
			if _, err := all.Allocate(Owner{fmt.Sprint(n), "eth0"}, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := all.Allocate(eth0, nil, nil); !errors.Is(err, CodeExhausted) {
			t.Fatal(err)
		}
		if _, err := all.Usage(1); !errors.Is(err, CodeMisuse) {
			t.Fatal(err)
		}
		all.Close()
		all.Close()
		if _, err := all.Find(eth0, nil); !errors.Is(err, CodeNull) {
			t.Fatal(err)
		}
	})
	if _, err := NewPool(Subnets(netip.MustParsePrefix("10.0.0.0/31")), PoolOptions{}); err == nil {
		t.Fatal("too small")
	}
	if _, err := NewPool(Ranges{{{}}}, PoolOptions{}); !errors.Is(err, CodeJSON) {
		t.Fatal(err)
	}
	if _, err := OpenMemory(Subnets(small), PoolOptions{Policy: 9}); !errors.Is(err, CodeEnum) {
		t.Fatal(err)
	}
}

func TestHoldsOfAPool(t *testing.T) {
	pool, err := NewPool(Ranges{{{Subnet: small, Start: netip.MustParseAddr("10.244.1.4")}}}, PoolOptions{Policy: Lowest})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	first := netip.MustParseAddr("10.244.1.4")
	for _, want := range []bool{true, false} {
		if isNew, err := pool.Hold(first, eth0); err != nil || isNew != want {
			t.Fatal(isNew, err)
		}
	}
	if given, err := pool.Allocate(Owner{"b", "eth0"}, nil, nil); err != nil || given[0].Address.Addr() != first.Next() {
		t.Fatal(given, err)
	}
	for _, want := range []bool{true, false} {
		if wasHeld, err := pool.ReleaseAddress(first); err != nil || wasHeld != want {
			t.Fatal(wasHeld, err)
		}
	}
	if _, err := pool.ReleaseAddress(netip.Addr{}); !errors.Is(err, CodeEnum) {
		t.Fatal(err)
	}
}

func TestAStoreServesManyGoroutines(t *testing.T) {
	store, err := OpenMemory(Subnets(wide), PoolOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var group sync.WaitGroup
	var held sync.Map
	for n := range 64 {
		group.Add(1)
		go func() {
			defer group.Done()
			given, freed := make([]Assigned, 0, 1), make([]netip.Addr, 0, 1)
			for turn := range 50 {
				owner := Owner{fmt.Sprintf("c%d-%d", n, turn), "eth0"}
				var err error
				if given, err = store.Allocate(owner, nil, given[:0]); err != nil {
					t.Error(err)
					return
				}
				if other, twice := held.LoadOrStore(given[0].Address, owner); twice {
					t.Errorf("%v holds %v of %v", owner, given[0].Address, other)
				}
				if turn%2 == 0 {
					continue
				}
				held.Delete(given[0].Address)
				if freed, err = store.Release(owner, freed[:0]); err != nil || len(freed) != 1 {
					t.Error(freed, err)
				}
			}
		}()
	}
	group.Wait()
	records, err := store.Records()
	if err != nil || len(records) != 64*25 || records[0].Holder != "attachment" || !records[0].Address.IsValid() {
		t.Fatal(len(records), err)
	}
}

func TestAPoolIsForOneGoroutineAtATime(t *testing.T) {
	pool, err := NewPool(Subnets(wide), PoolOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var group sync.WaitGroup
	for n := range 16 {
		group.Add(1)
		go func() {
			defer group.Done()
			for range 100 {
				if _, err := pool.Allocate(Owner{fmt.Sprint(n), "eth0"}, nil, nil); err != nil && !errors.Is(err, CodeMisuse) {
					t.Error(err)
				}
			}
		}()
	}
	group.Wait()
}

func TestAllocatingAndReleasingNeedNoMemoryOfGo(t *testing.T) {
	if instrumented {
		t.Skip("instrumented programs allocate more")
	}
	each(t, Subnets(wide, v6), func(t *testing.T, all leases) {
		given, freed := make([]Assigned, 0, 2), make([]netip.Addr, 0, 2)
		request := &Request{Addresses: []netip.Addr{netip.MustParseAddr("10.1.2.3")}}
		allocations := testing.AllocsPerRun(200, func() {
			var err error
			if given, err = all.Allocate(eth0, request, given[:0]); err != nil || len(given) != 2 {
				t.Fatal(given, err)
			}
			if freed, err = all.Release(eth0, freed[:0]); err != nil || len(freed) != 2 {
				t.Fatal(freed, err)
			}
		})
		if allocations != 0 {
			t.Errorf("%v allocations for one address given and taken", allocations)
		}
	})
}

func BenchmarkAllocateAndRelease(b *testing.B) {
	pool, err := NewPool(Subnets(wide), PoolOptions{})
	if err != nil {
		b.Fatal(err)
	}
	store, err := OpenMemory(Subnets(wide), PoolOptions{})
	if err != nil {
		b.Fatal(err)
	}
	for name, all := range map[string]leases{"pool": pool, "store": store} {
		b.Run(name, func(b *testing.B) {
			given, freed := make([]Assigned, 0, 1), make([]netip.Addr, 0, 1)
			for b.Loop() {
				given, _ = all.Allocate(eth0, nil, given[:0])
				freed, _ = all.Release(eth0, freed[:0])
			}
		})
		all.Close()
	}
}

func TestReleasedAddressesRest(t *testing.T) {
	pool, err := NewPool(Subnets(small), PoolOptions{Policy: Rest, RestTime: time.Second, Reserve: 16})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	for n := range 5 {
		if _, err := pool.Allocate(Owner{fmt.Sprint(n), "eth0"}, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := pool.Release(Owner{"0", "eth0"}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Allocate(eth0, nil, nil); !errors.Is(err, CodeExhausted) {
		t.Fatal(err)
	}
	if err := pool.Advance(time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Allocate(eth0, nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := NewPool(Subnets(small), PoolOptions{RestReleases: 1}); !errors.Is(err, CodeMisuse) {
		t.Fatal(err)
	}
}

func TestAPoolIsSavedAndRestored(t *testing.T) {
	pool, err := NewPool(Subnets(small, v6), PoolOptions{})
	if err != nil {
		t.Fatal(err)
	}
	given, err := pool.Allocate(eth0, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	state, err := pool.Save()
	pool.Close()
	if err != nil {
		t.Fatal(err)
	}
	restored, err := RestorePool(state, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer restored.Close()
	if again, err := restored.Allocate(eth0, nil, nil); err != nil || len(again) != 2 || again[1] != given[1] {
		t.Fatal(again, err)
	}
	if _, err := RestorePool("{}", 0); err == nil {
		t.Fatal("restored nothing")
	}
}

func TestNodesHaveSubnets(t *testing.T) {
	cluster := ClusterCIDR{CIDR: netip.MustParsePrefix("10.244.0.0/22")}
	subnets, err := NewNodeSubnets(SubnetOptions{Clusters: []ClusterCIDR{cluster}, Excluded: []netip.Prefix{netip.MustParsePrefix("10.244.3.0/24")}})
	if err != nil {
		t.Fatal(err)
	}
	defer subnets.Close()
	findings, err := subnets.Occupy(map[string][]netip.Prefix{"node-1": {netip.MustParsePrefix("10.244.0.0/24"), wide}})
	if err != nil || len(findings) != 1 || !strings.Contains(findings[0], "node-1") {
		t.Fatal(findings, err)
	}
	given, err := subnets.Allocate("node-2", nil)
	if err != nil || len(given) != 1 || given[0].String() != "10.244.1.0/24" {
		t.Fatal(given, err)
	}
	if found, err := subnets.Find("node-2", nil); err != nil || found[0] != given[0] {
		t.Fatal(found, err)
	}
	if usage, err := subnets.Usage(0); err != nil || usage.Held != 3 || usage.Size != 4 {
		t.Fatal(usage, err)
	}
	for _, want := range []bool{true, false} {
		if had, err := subnets.Release("node-2"); err != nil || had != want {
			t.Fatal(had, err)
		}
	}
	if _, err := subnets.Allocate("", nil); !errors.Is(err, CodeMisuse) {
		t.Fatal(err)
	}
}

func TestEtcdIsNotBuiltOrNotThere(t *testing.T) {
	_, err := OpenEtcd("pods", Subnets(small), EtcdOptions{Endpoints: []string{"http://127.0.0.1:1"}})
	if err == nil {
		t.Fatal("opened nothing")
	}
}
