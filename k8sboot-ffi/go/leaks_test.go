package k8sboot

import (
	"context"
	"encoding/base64"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestADirectoryKeepsWhatItGave(t *testing.T) {
	dir := t.TempDir()
	for _, durable := range []bool{false, true} {
		store, err := OpenDirectory(dir, "cbr0", Subnets(small), DirectoryOptions{Durable: durable, LockTimeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		given, err := store.Allocate(eth0, nil, nil)
		if err != nil || given[0].Address.String() != "10.244.1.2/29" {
			t.Fatal(given, err)
		}
		store.Close()
	}
	if record, err := os.ReadFile(filepath.Join(dir, "cbr0", "10.244.1.2")); err != nil || string(record) != "3f2a\r\neth0" {
		t.Fatal(string(record), err)
	}
	store, err := OpenDirectory(dir, "cbr0", nil, DirectoryOptions{MustExist: true, FollowLink: true, Resident: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if freed, err := store.Release(eth0, nil); err != nil || len(freed) != 1 {
		t.Fatal(freed, err)
	}
	if _, err := OpenDirectory(dir, "other", nil, DirectoryOptions{MustExist: true}); !errors.Is(err, CodeStoreMissing) {
		t.Fatal(err)
	}
}

func TestLeaksAreFoundAndCollected(t *testing.T) {
	store, err := OpenMemory(Subnets(small), PoolOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, container := range []string{"gone", "alive", "coming"} {
		if _, err := store.Allocate(Owner{container, "eth0"}, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	leaks, err := NewLeaks(store)
	store.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer leaks.Close()
	if _, err := leaks.Text(); !errors.Is(err, CodeMisuse) {
		t.Fatal(err)
	}
	if err := leaks.AddRunning(Owner{"coming", "eth0"}); err != nil {
		t.Fatal(err)
	}
	if err := leaks.AddContainers("my runtime", []string{"alive"}); err != nil {
		t.Fatal(err)
	}
	report, err := leaks.Judge(LeakOptions{GraceSeconds: new(uint64), AllRuntimes: true})
	if err != nil || report.Summary["leaked"] != 1 || len(report.ToFree) != 1 || report.ToFree[0] != "10.244.1.2" {
		t.Fatal(report, err)
	}
	if first := report.Addresses[0]; first.State != "leaked" || !first.Free || len(first.Reasons) == 0 {
		t.Fatal(first)
	}
	if text, err := leaks.Text(); err != nil || !strings.Contains(text, "my runtime") {
		t.Fatal(text, err)
	}
	done, err := leaks.Collect()
	if err != nil || len(done.Freed) != 1 || done.Freed[0].Container != "gone" || done.Before != 3 || done.After != 2 {
		t.Fatal(done, err)
	}
	leaks.Close()
	if _, err := leaks.Collect(); !errors.Is(err, CodeNull) {
		t.Fatal(err)
	}
}

func TestADirectoryIsRepaired(t *testing.T) {
	dir := t.TempDir()
	store, err := OpenDirectory(dir, "cbr0", Subnets(small), DirectoryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := os.WriteFile(filepath.Join(dir, "cbr0", "10.244.1.3"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	found, err := store.Repair(RepairOptions{})
	if err != nil || len(found) != 1 || found[0].Defect != "empty" || found[0].Outcome != "" {
		t.Fatal(found, err)
	}
	live := []netip.Addr{netip.MustParseAddr("10.244.1.3")}
	if found, err := store.Repair(RepairOptions{Apply: true, Live: live}); err != nil || len(found) != 1 || found[0].Outcome == "repaired" {
		t.Fatal(found, err)
	}
	if found, err := store.Repair(RepairOptions{Apply: true}); err != nil || len(found) != 1 || found[0].Outcome != "repaired" {
		t.Fatal(found, err)
	}
	if found, err := store.Repair(RepairOptions{}); err != nil || len(found) != 0 {
		t.Fatal(found, err)
	}
	memory, err := OpenMemory(Subnets(small), PoolOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	if _, err := memory.Repair(RepairOptions{}); !errors.Is(err, CodeMisuse) {
		t.Fatal(err)
	}
}

func TestALeakIsUndoneByItsChain(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\nread -r stdin\necho \"$CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME\" >>" + filepath.Join(dir, "calls") + "\n"
	if err := os.WriteFile(filepath.Join(dir, "undo"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	config := base64.StdEncoding.EncodeToString([]byte(`{"cniVersion":"1.0.0","name":"cbr0","plugins":[{"type":"undo"}]}`))
	stored := `{"kind": "cniCacheV1", "containerId": "gone", "ifName": "eth0", "networkName": "cbr0",
		"config": "` + config + `",
		"result": {"cniVersion": "1.0.0", "interfaces": [{"name": "eth0", "sandbox": "/proc/0/ns/net"}],
			"ips": [{"interface": 0, "address": "10.244.1.2/29"}]}}`
	results := filepath.Join(dir, "results")
	if err := os.MkdirAll(results, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(results, "cbr0-gone-eth0"), []byte(stored), 0o600); err != nil {
		t.Fatal(err)
	}
	store, err := OpenMemory(Subnets(small), PoolOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Allocate(Owner{"gone", "eth0"}, nil, nil); err != nil {
		t.Fatal(err)
	}
	leaks, err := NewLeaks(store)
	store.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer leaks.Close()
	if err := leaks.AddRunning(); err != nil {
		t.Fatal(err)
	}
	if err := leaks.AddContainers("my runtime", []string{"other"}); err != nil {
		t.Fatal(err)
	}
	options := LeakOptions{GraceSeconds: new(uint64), AllRuntimes: true, CNICache: []string{dir}}
	if report, err := leaks.Judge(options); err != nil || len(report.ToFree) != 1 {
		t.Fatal(report, err)
	}
	request := ChainDelete{PluginPath: []string{dir}, CacheDir: dir}
	deleted, err := leaks.Delete(context.Background(), request, nil)
	if err != nil || len(deleted) != 1 || deleted[0].Container != "gone" || deleted[0].Error != nil {
		t.Fatal(deleted, err)
	}
	if calls, err := os.ReadFile(filepath.Join(dir, "calls")); err != nil || string(calls) != "DEL gone eth0\n" {
		t.Fatal(string(calls), err)
	}
}
