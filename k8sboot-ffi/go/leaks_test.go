package k8sboot

import (
	"errors"
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
