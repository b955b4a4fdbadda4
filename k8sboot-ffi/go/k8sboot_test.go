package k8sboot

import (
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	token     = "abcdef.0123456789abcdef"
	signature = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImFiY2RlZiJ9..0TaMGHmkUmrmJzX2IZH40z8KPjHdxhjPikTkoySmxlA"
	pin       = "sha256:abababababababababababababababababababababababababababababababab"
	documents = `apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint:
  advertiseAddress: 10.0.0.1
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.2
`
)

func TestTokens(t *testing.T) {
	fresh, err := GenerateToken()
	if err != nil || len(fresh) != 23 {
		t.Fatal(len(fresh), err)
	}
	if err := CheckToken(fresh); err != nil {
		t.Fatal(err)
	}
	if id, err := TokenID(token); err != nil || id != "abcdef" {
		t.Fatal(id, err)
	}
	for text, want := range map[string]Code{"": CodeTokenShape, "abcdef.0": CodeTokenPart, "a\x00b": CodeMisuse, "\xff": CodeUTF8} {
		if err := CheckToken(text); !errors.Is(err, want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestSignatures(t *testing.T) {
	if made, err := Sign(token, []byte("x")); err != nil || made != signature {
		t.Fatal(made, err)
	}
	if err := Verify(token, []byte("x"), signature); err != nil {
		t.Fatal(err)
	}
	if err := Verify(token, nil, signature); !errors.Is(err, CodeSignature) {
		t.Fatal(err)
	}
}

func TestJoinCommand(t *testing.T) {
	join := Join{Endpoint: "192.0.2.10:6443", Token: token, Pins: []string{pin, pin}}
	if command, err := join.Command(); err != nil || strings.Count(command, pin) != 2 {
		t.Fatal(err)
	}
	join.Role, join.CertificateKey = ControlPlane, strings.Repeat("c0", 32)
	if command, err := join.Command(); err != nil || !strings.Contains(command, "--control-plane") {
		t.Fatal(err)
	}
	join.Role = 7
	if _, err := join.Command(); !errors.Is(err, CodeEnum) {
		t.Fatal(err)
	}
	join.Pins = []string{pin, "a\x00"}
	if _, err := join.Command(); !errors.Is(err, CodeMisuse) {
		t.Fatal(err)
	}
	if _, err := Pins("no certificate"); err == nil {
		t.Fatal("pins of nothing")
	}
}

func TestSecretsOfTokens(t *testing.T) {
	now := time.Date(2026, 11, 23, 3, 2, 2, 0, time.UTC)
	secret, err := (&TokenSpec{Token: token, TTL: "1h", Usages: []string{"signing"}}).Secret(now)
	if err != nil || !strings.Contains(secret, "bootstrap-token-abcdef") {
		t.Fatal(err)
	}
	back, err := TokenFromSecret(secret)
	if err != nil || back.Token != token || back.Expires != "2026-11-23T04:02:02Z" || len(back.Usages) != 1 {
		t.Fatal(err)
	}
	if _, err := TokenFromSecret("a: 1\n---\nb: 2\n"); !errors.Is(err, CodeJSON) {
		t.Fatal(err)
	}
}

func TestClusterInfoIsTrustedForAReason(t *testing.T) {
	vectors, err := os.ReadFile("../../k8sboot-core/tests/fixtures/kubeadm-1.36/vectors/ca-pin.json")
	if err != nil {
		t.Fatal(err)
	}
	var ca struct{ PEM, Pin string }
	if err := json.Unmarshal(vectors, &ca); err != nil {
		t.Fatal(err)
	}
	if pins, err := Pins(ca.PEM); err != nil || len(pins) != 1 || pins[0] != ca.Pin {
		t.Fatal(pins, err)
	}
	info, err := ClusterInfo("https://192.0.2.10:6443", ca.PEM, []string{token})
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := TrustedClusterInfo(info, token, []string{pin, ca.Pin})
	if err != nil || !strings.Contains(kubeconfig, "https://192.0.2.10:6443") {
		t.Fatal(kubeconfig, err)
	}
	if _, err := TrustedClusterInfo(info, token, []string{pin}); !errors.Is(err, CodePin) {
		t.Fatal(err)
	}
	if _, err := TrustedClusterInfo(info, "ghijkl.0123456789abcdef", []string{ca.Pin}); !errors.Is(err, CodeNotSigned) {
		t.Fatal(err)
	}
}

func TestErrorsSayWhatIsWrong(t *testing.T) {
	var failure *Error
	if err := CheckToken("x"); !errors.As(err, &failure) {
		t.Fatal(err)
	}
	if failure.Kind() != "TOKEN_SHAPE" || !strings.HasPrefix(failure.Message, "token") || errors.Is(failure, CodePanic) {
		t.Fatalf("%+v", failure)
	}
}

func TestConfig(t *testing.T) {
	config, err := NewConfig(documents, Facts{Hostname: "Node-1"}, token)
	if err != nil {
		t.Fatal(err)
	}
	summary, err := config.Describe()
	if err != nil || summary.NodeName != "node-1" || summary.APIServer != "https://10.0.0.1:6443" || summary.BindPort != 6443 {
		t.Fatal(summary, err)
	}
	config.Close()
	config.Close()
	if _, err := config.Describe(); !errors.Is(err, CodeNull) {
		t.Fatal(err)
	}
	var failure *Error
	if _, err := NewConfig("kind: Nonsense", Facts{}, ""); !errors.As(err, &failure) || !strings.Contains(string(failure.Details), `"errors":[{`) {
		t.Fatal(err)
	}
}

func TestValidate(t *testing.T) {
	report, err := Validate(documents, Facts{Hostname: "node-1"})
	if err != nil || !report.Valid || len(report.Errors) != 0 {
		t.Fatal(report, err)
	}
	report, err = Validate("kind: Nonsense", Facts{})
	if err != nil || report.Valid || len(report.Errors) == 0 || report.Errors[0].Code == 0 {
		t.Fatal(report, err)
	}
}

func TestMigrateAndDefaults(t *testing.T) {
	for _, kind := range []ConfigKind{InitKind, JoinKind, ResetKind} {
		example, err := Defaults(kind)
		if err != nil {
			t.Fatal(err)
		}
		if migrated, err := Migrate(example, Facts{}, ""); err != nil || !strings.HasPrefix(migrated, "apiVersion: kubeadm.k8s.io/v1beta4") {
			t.Fatal(err)
		}
	}
	if _, err := Defaults(9); !errors.Is(err, CodeEnum) {
		t.Fatal(err)
	}
}

func TestErrorsOfManyGoroutinesAreTheirOwn(t *testing.T) {
	var group sync.WaitGroup
	for n := range 32 {
		group.Add(1)
		go func() {
			defer group.Done()
			for range 50 {
				text, want := "x", CodeTokenShape
				if n%2 == 0 {
					text, want = "abcdef.0", CodeTokenPart
				}
				if err := CheckToken(text); !errors.Is(err, want) {
					t.Error(err)
				}
			}
		}()
	}
	group.Wait()
}

func TestWhatIsNotClosedIsFreedAndWhatIsUsedIsNot(t *testing.T) {
	for range 20 {
		config, err := NewConfig(documents, Facts{Hostname: "node-1"}, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := config.Describe(); err != nil {
			t.Fatal(err)
		}
		runtime.GC()
	}
}
