// What an address given and released costs a Go program.
//
//	calls SUBNET HELD TURNS    prints wall-clock nanoseconds of all turns and the heap allocations
package main

import (
	"fmt"
	"log"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"time"

	k8sboot "github.com/k8sboot/k8sboot/k8sboot-ffi/go"
)

func main() {
	held, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	turns, err := strconv.Atoi(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	ranges := k8sboot.Subnets(netip.MustParsePrefix(os.Args[1]))
	pool, err := k8sboot.NewPool(ranges, k8sboot.PoolOptions{Reserve: 2 * uint64(held+1)})
	if err != nil {
		log.Fatal(err)
	}
	given, freed := make([]k8sboot.Assigned, 0, 1), make([]netip.Addr, 0, 1)
	owner := func(n int) k8sboot.Owner {
		return k8sboot.Owner{Container: fmt.Sprintf("%064x", n), Interface: "eth0"}
	}
	for n := range held {
		if given, err = pool.Allocate(owner(n), nil, given[:0]); err != nil {
			log.Fatal(err)
		}
	}
	mine := owner(held)
	for warm := range 2 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		for range turns {
			if given, err = pool.Allocate(mine, nil, given[:0]); err != nil {
				log.Fatal(err)
			}
			if freed, err = pool.Release(mine, freed[:0]); err != nil {
				log.Fatal(err)
			}
		}
		spent := time.Since(start)
		runtime.ReadMemStats(&after)
		if warm == 1 {
			fmt.Println(spent.Nanoseconds(), after.Mallocs-before.Mallocs)
		}
	}
}
