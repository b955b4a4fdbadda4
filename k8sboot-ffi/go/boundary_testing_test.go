//go:build k8sboottesting

package k8sboot

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestEventsArriveInOrder(t *testing.T) {
	var seen []uint32
	err := count(t.Context(), 3, 0, func(event Event) error {
		if event.Kind != StepDone || event.Stage != "testing" || event.Steps != 3 {
			t.Errorf("%+v", event)
		}
		seen = append(seen, event.Step)
		return nil
	})
	if err != nil || len(seen) != 3 || seen[2] != 3 {
		t.Fatal(err, seen)
	}
}

func TestAnErrorOfTheCallbackStopsTheCall(t *testing.T) {
	mine := errors.New("mine")
	err := count(t.Context(), 3, 0, func(Event) error { return mine })
	if !errors.Is(err, mine) || !errors.Is(err, CodeCancelled) {
		t.Fatal(err)
	}
}

func TestAPanicOfTheCallbackReachesTheCaller(t *testing.T) {
	defer func() {
		if found := recover(); found != "mine" {
			t.Fatal(found)
		}
	}()
	_ = count(t.Context(), 3, 0, func(Event) error { panic("mine") })
	t.Fatal("did not panic")
}

func TestTheContextStopsTheCall(t *testing.T) {
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if err := count(done, 1, 0, nil); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	soon, cancel := context.WithCancel(t.Context())
	err := count(soon, 1_000_000, 0, func(event Event) error {
		if event.Step == 2 {
			cancel()
			time.Sleep(10 * time.Millisecond)
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || !errors.Is(err, CodeCancelled) {
		t.Fatal(err)
	}
}

func TestABugOfTheLibraryIsAnError(t *testing.T) {
	err := count(t.Context(), 3, 2, nil)
	if !errors.Is(err, CodePanic) || !strings.Contains(err.Error(), "bug in k8sboot") {
		t.Fatal(err)
	}
}

func TestManyCallsAtOnceKeepTheirEventsApart(t *testing.T) {
	var group sync.WaitGroup
	for n := range uint32(32) {
		group.Add(1)
		go func() {
			defer group.Done()
			events := uint32(0)
			if err := count(t.Context(), n, 0, func(Event) error { events++; return nil }); err != nil || events != n {
				t.Error(n, events, err)
			}
		}()
	}
	group.Wait()
}
