// Gives an interface of a container one address of each range set, prints them, and frees them again. The directory is
// host-local's, which may use it at the same time.
//
//	go run ./ipam networks cbr0 3f2a eth0
package main

import (
	"fmt"
	"log"
	"net/netip"
	"os"
	"time"

	k8sboot "github.com/k8sboot/k8sboot/k8sboot-ffi/go"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 5 {
		log.Fatal("usage: ipam DIRECTORY NETWORK CONTAINER INTERFACE")
	}
	if err := run(os.Args[1], os.Args[2], k8sboot.Owner{Container: os.Args[3], Interface: os.Args[4]}); err != nil {
		log.Fatal(err)
	}
}

func run(dataDir, network string, owner k8sboot.Owner) error {
	ranges := k8sboot.Subnets(netip.MustParsePrefix("10.244.1.0/24"), netip.MustParsePrefix("fd00:10:244:1::/64"))
	store, err := k8sboot.OpenDirectory(dataDir, network, ranges, k8sboot.DirectoryOptions{LockTimeout: 5 * time.Second})
	if err != nil {
		return err
	}
	defer store.Close()
	given, err := store.Allocate(owner, nil, nil)
	if err != nil {
		return err
	}
	for _, one := range given {
		fmt.Println(one.Address, "gateway", one.Gateway)
	}
	freed, err := store.Release(owner, nil)
	if err != nil {
		return err
	}
	fmt.Println("released", freed)
	return nil
}
