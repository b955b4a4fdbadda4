package k8sboot

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

const quickDocuments = `apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint:
  advertiseAddress: 192.0.2.10
nodeRegistration:
  criSocket: unix:///run/containerd/containerd.sock
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
encryptionAlgorithm: ECDSA-P256
`

func quickConfig(t *testing.T) *Config {
	t.Helper()
	config, err := NewConfig(quickDocuments, Facts{Hostname: "node-1"}, token)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func quickInit(t *testing.T, root string, options InitOptions) *Flow {
	t.Helper()
	flow, err := NewInit(quickConfig(t), root, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(flow.Close)
	return flow
}

func TestGatheredFactsMakeAConfiguration(t *testing.T) {
	facts, err := GatherFacts("")
	if err != nil || facts.Hostname == "" {
		t.Fatal(facts, err)
	}
	if _, err := GatherFacts("a\x00b"); !errors.Is(err, CodeMisuse) {
		t.Fatal(err)
	}
}

func TestAConfigurationIsUsedUpOnlyByAFlowThatWasMade(t *testing.T) {
	config := quickConfig(t)
	if _, err := NewInit(config, t.TempDir(), InitOptions{Until: "certs"}); !errors.Is(err, CodeUnknownStage) {
		t.Fatal(err)
	}
	flow, err := NewInit(config, t.TempDir(), InitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer flow.Close()
	if _, err := config.Describe(); !errors.Is(err, CodeNull) {
		t.Fatal(err)
	}
	config.Close()
	if _, err := NewInit(config, t.TempDir(), InitOptions{}); !errors.Is(err, CodeNull) {
		t.Fatal(err)
	}
}

func TestADryRunPlansEveryStageAndChangesNothing(t *testing.T) {
	root := filepath.Join(t.TempDir(), "node")
	flow := quickInit(t, root, InitOptions{Until: "addons"})
	stages := 0
	for {
		plan, err := flow.NextPlan()
		if err != nil {
			t.Fatal(err)
		}
		if plan == nil {
			break
		}
		stages++
		text, err := plan.Text()
		if err != nil || text[0] != '[' {
			t.Fatal(text, err)
		}
		encoded, err := plan.JSON()
		if err != nil || !json.Valid(encoded) {
			t.Fatal(err)
		}
		diff, err := plan.Diff()
		if err != nil || (len(diff) > 0 && diff[0].Change != "create") {
			t.Fatal(diff, err)
		}
		runtime.GC()
	}
	if _, err := os.Stat(root); stages != 13 || !errors.Is(err, os.ErrNotExist) {
		t.Fatal(stages, err)
	}
	if _, err := flow.JoinCommands(); !errors.Is(err, CodeMisuse) {
		t.Fatal(err)
	}
}

func TestACancelledInitIsResumed(t *testing.T) {
	root := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	steps := 0
	_, err := quickInit(t, root, InitOptions{}).Run(ctx, func(event Event) error {
		if event.Kind == StepDone {
			if steps++; steps == 4 {
				cancel()
				time.Sleep(20 * time.Millisecond)
			}
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || !errors.Is(err, CodeCancelled) {
		t.Fatal(err)
	}
	done := DoneBefore(err)
	if done == nil || done.Changed < 4 || done.Changed > 6 || done.Stages[len(done.Stages)-1].Stage != "pki" {
		t.Fatalf("%+v", done)
	}

	flow := quickInit(t, root, InitOptions{})
	report, err := flow.Run(t.Context(), nil)
	if err != nil || report.Changed == 0 || len(report.Stages) != 6 {
		t.Fatal(report, err)
	}
	joins, err := flow.JoinCommands()
	if err != nil || len(joins) != 1 || !strings.HasPrefix(joins[0], "kubeadm join 192.0.2.10:6443 --token "+token) {
		t.Fatal(len(joins), err)
	}
	if report, err = quickInit(t, root, InitOptions{}).Run(t.Context(), nil); err != nil || report.Changed != 0 {
		t.Fatal(report, err)
	}
}

func TestTheErrorOfACallbackEndsTheFlow(t *testing.T) {
	mine := errors.New("mine")
	flow := quickInit(t, t.TempDir(), InitOptions{Until: "pki"})
	if _, err := flow.Run(t.Context(), func(Event) error { return mine }); !errors.Is(err, mine) || !errors.Is(err, CodeCancelled) {
		t.Fatal(err)
	}
	if _, err := flow.Run(t.Context(), nil); !errors.Is(err, CodeMisuse) {
		t.Fatal(err)
	}
	// At the very end there is nothing left to stop, and the error is not lost.
	flow = quickInit(t, t.TempDir(), InitOptions{Until: "pki"})
	report, err := flow.Run(t.Context(), func(event Event) error {
		if event.Kind == StageDone && event.Stage == "pki" {
			return mine
		}
		return nil
	})
	if !errors.Is(err, mine) || errors.Is(err, CodeCancelled) || report == nil || report.Changed == 0 {
		t.Fatal(report, err)
	}
}

func TestPlansAreCarriedOutOnceByTheirOwnFlow(t *testing.T) {
	root := t.TempDir()
	flow := quickInit(t, root, InitOptions{Until: "pki"})
	other := quickInit(t, root, InitOptions{Until: "pki"})
	for {
		plan, err := flow.NextPlan()
		if err != nil {
			t.Fatal(err)
		}
		if plan == nil {
			break
		}
		if _, err := other.Apply(t.Context(), plan, nil); !errors.Is(err, CodeMisuse) {
			t.Fatal(err)
		}
		if _, err := plan.Apply(t.Context(), nil); !errors.Is(err, CodeMisuse) {
			t.Fatal(err)
		}
		if _, err := flow.Apply(t.Context(), plan, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := flow.Apply(t.Context(), plan, nil); !errors.Is(err, CodeNull) {
			t.Fatal(err)
		}
		plan.Close()
	}

	ends, err := CheckExpiration(root, nil)
	if err != nil || len(ends.Authorities) != 3 || ends.Authorities[0].Missing {
		t.Fatal(ends, err)
	}
	renewal, err := PlanRenewal(root, nil, "apiserver", "etcd-server")
	if err != nil {
		t.Fatal(err)
	}
	if diff, err := renewal.Diff(); err != nil || len(diff) == 0 || diff[0].Change != "replace" {
		t.Fatal(diff, err)
	}
	if report, err := renewal.Apply(t.Context(), nil); err != nil || report.Changed != 2 {
		t.Fatal(report, err)
	}
	if _, err := PlanRenewal(root, nil, "kubelet.conf"); err == nil {
		t.Fatal("kubelet.conf")
	}
	if _, err := PlanRenewal(root, nil); !errors.Is(err, CodeMisuse) {
		t.Fatal(err)
	}
	closed := quickConfig(t)
	closed.Close()
	if _, err := CheckExpiration(root, closed); !errors.Is(err, CodeNull) {
		t.Fatal(err)
	}
}
