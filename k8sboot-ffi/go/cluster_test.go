package k8sboot

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

const bundleKey = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

// needsAPI skips a test of a library without the cluster, after seeing that it says so.
func needsAPI(t *testing.T) {
	t.Helper()
	_, err := NewCluster("", ClusterOptions{})
	if !errors.Is(err, CodeNotBuilt) {
		return
	}
	if _, err := Discover(t.Context(), Discovery{}, nil); !errors.Is(err, CodeNotBuilt) {
		t.Fatal(err)
	}
	if _, err := NewJoin("", Facts{}, "/", JoinOptions{}); !errors.Is(err, CodeNotBuilt) {
		t.Fatal(err)
	}
	t.Skip("the library was built without the feature api")
}

// adminKubeconfig is admin.conf of a tree of its own, at an endpoint where nobody listens.
func adminKubeconfig(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if _, err := quickInit(t, root, InitOptions{Until: "kubeconfig"}).Run(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return readFile(t, root+"/etc/kubernetes/admin.conf")
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// silence is an address that accepts connections and never answers.
func silence(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String()
}

func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func TestAnUnreachableClusterIsAnErrorOfEveryCall(t *testing.T) {
	needsAPI(t)
	kubeconfig := adminKubeconfig(t)
	cluster, err := NewCluster(kubeconfig, ClusterOptions{Server: "https://" + closedPort(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	ctx := t.Context()
	_, version := cluster.Version(ctx)
	_, created := cluster.CreateToken(ctx, TokenSpec{Token: token})
	_, listed := cluster.Tokens(ctx, true)
	_, reviewed := cluster.ReviewRequests(ctx, ReviewOptions{})
	for _, err := range []error{
		version, created, listed, reviewed, cluster.DeleteToken(ctx, token),
		cluster.ApproveRequest(ctx, "csr-1", "fits"), cluster.DenyRequest(ctx, "csr-1", "unfit"),
	} {
		if !errors.Is(err, CodeUnreachable) || strings.Contains(err.Error(), "0123456789abcdef") {
			t.Fatal(err)
		}
	}
	if _, err := cluster.CreateToken(ctx, TokenSpec{Token: "abcdef"}); !errors.Is(err, CodeTokenShape) {
		t.Fatal(err)
	}
	if err := cluster.DeleteToken(ctx, "ABC"); err == nil || errors.Is(err, CodeUnreachable) {
		t.Fatal(err)
	}
	cluster.Close()
	if _, err := cluster.Version(ctx); !errors.Is(err, CodeNull) {
		t.Fatal(err)
	}
	if _, err := NewCluster(kubeconfig, ClusterOptions{Server: "192.0.2.1"}); err == nil {
		t.Fatal("no URL")
	}
	if _, err := NewCluster("clusters: []", ClusterOptions{}); err == nil {
		t.Fatal("no kubeconfig")
	}
}

func TestACallToASilentServerIsCancelled(t *testing.T) {
	needsAPI(t)
	server := silence(t)
	cluster, err := NewCluster(adminKubeconfig(t), ClusterOptions{Server: "https://" + server})
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := cluster.Tokens(ctx, false); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, CodeCancelled) {
		t.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	discovery := Discovery{Token: token, Endpoints: []string{server}, CACertHashes: []string{pin}}
	if _, err := Discover(ctx, discovery, nil); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, CodeCancelled) {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Fatal(took)
	}
}

func TestDiscoveryTellsWhyItCannotBegin(t *testing.T) {
	needsAPI(t)
	ctx := t.Context()
	cases := []struct {
		discovery Discovery
		want      Code
	}{
		{Discovery{}, CodeJSON},
		{Discovery{Token: token, File: "/x"}, CodeJSON},
		{Discovery{Endpoints: []string{"192.0.2.1:6443"}}, CodeJSON},
		{Discovery{Token: "abcdef", Endpoints: []string{"192.0.2.1:6443"}, CACertHashes: []string{pin}}, CodeTokenShape},
		{Discovery{Token: token, Endpoints: []string{"192.0.2.1:6443"}}, CodeDiscoveryOptions},
		{Discovery{Token: token, CACertHashes: []string{pin}}, CodeDiscoveryOptions},
		{Discovery{Bundle: "x"}, CodeJSON},
		{Discovery{Kubeconfig: "x", Passphrase: "long enough"}, CodeJSON},
	}
	for _, c := range cases {
		found, err := Discover(ctx, c.discovery, nil)
		if !errors.Is(err, c.want) || found != nil || strings.Contains(err.Error(), "0123456789abcdef") {
			t.Fatalf("%+v: %v", c.discovery, err)
		}
	}
	notes := 0
	discovery := Discovery{
		Token: token, Endpoints: []string{closedPort(t), closedPort(t)}, CACertHashes: []string{pin}, PatienceMs: 50,
	}
	_, err := Discover(ctx, discovery, func(event Event) error {
		if event.Kind == Note {
			notes++
		}
		return nil
	})
	if !errors.Is(err, CodeDiscoveryUnreachable) || notes == 0 {
		t.Fatal(notes, err)
	}
}

func TestABundleIsOpenedByWhatItWasSealedTo(t *testing.T) {
	needsAPI(t)
	end := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	content := BundleContent{Kubeconfig: adminKubeconfig(t), Token: token, Expires: end, CertificateKey: bundleKey}
	sealed, err := SealBundle(content, BundleSecret{Key: bundleKey})
	if err != nil || strings.Contains(sealed, "abcdef.") {
		t.Fatal(err)
	}
	opened, err := OpenBundle(sealed, BundleSecret{Key: bundleKey})
	if err != nil {
		t.Fatal(err)
	}
	if opened.Server != "https://192.0.2.10:6443" || opened.Token != token || opened.Expires != end ||
		opened.CertificateKey != bundleKey || len(opened.CACertHashes) != 1 {
		t.Fatal(opened.Server, opened.Expires)
	}
	if _, err := OpenBundle(sealed, BundleSecret{Key: strings.Repeat("0", 64)}); !errors.Is(err, CodeBundleKey) {
		t.Fatal(err)
	}
	no := false
	found, err := Discover(t.Context(), Discovery{Bundle: sealed, Key: bundleKey, CheckCredentials: &no}, nil)
	if err != nil || found.Server != opened.Server || found.CACertHashes[0] != opened.CACertHashes[0] {
		t.Fatal(err)
	}
	if !strings.Contains(found.BootstrapKubeconfig, token) {
		t.Fatal("no token in the bootstrap kubeconfig")
	}
	content.Expires = "2026-01-01T00:00:00Z"
	if sealed, err = SealBundle(content, BundleSecret{Passphrase: "correct horse"}); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenBundle(sealed, BundleSecret{Passphrase: "correct horse"}); !errors.Is(err, CodeBundleExpired) {
		t.Fatal(err)
	}
	for _, secret := range []BundleSecret{{}, {Key: "00"}, {Passphrase: "correct horse", Key: bundleKey}} {
		if _, err := SealBundle(content, secret); !errors.Is(err, CodeJSON) {
			t.Fatal(err)
		}
	}
}

func TestAServerThatCannotListenIsAnError(t *testing.T) {
	needsAPI(t)
	cluster, err := NewCluster(adminKubeconfig(t), ClusterOptions{Server: "https://" + closedPort(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	if _, err := cluster.ServeDiscovery(ServeOptions{Address: "nowhere"}); err == nil {
		t.Fatal("nowhere")
	}
	server, err := cluster.ServeDiscovery(ServeOptions{Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	address, err := server.Address()
	if err != nil || !strings.HasPrefix(address, "127.0.0.1:") {
		t.Fatal(address, err)
	}
	server.Close()
	server.Close()
	if _, err := server.Address(); !errors.Is(err, CodeNull) {
		t.Fatal(err)
	}
	if connection, err := net.Dial("tcp", address); err == nil {
		connection.Close()
		t.Fatal("it still listens")
	}
}

func TestAJoinIsRefusedBeforeItBegins(t *testing.T) {
	needsAPI(t)
	documents, facts := joinDocuments(closedPort(t), pin), Facts{Hostname: "worker-1"}
	cases := []struct {
		root    string
		options JoinOptions
		want    Code
	}{
		{t.TempDir() + "/missing", JoinOptions{}, CodeMisuse},
		{t.TempDir(), JoinOptions{Until: "addons"}, CodeUnknownStage},
		{t.TempDir(), JoinOptions{TLSBootstrap: "nobody"}, CodeJSON},
		{t.TempDir(), JoinOptions{Algorithm: "ECDSA-P384"}, CodeJSON},
		{t.TempDir(), JoinOptions{KubeletVersion: "new"}, CodeJSON},
		{t.TempDir(), JoinOptions{Discovery: &Discovery{}}, CodeJSON},
	}
	for _, c := range cases {
		if _, err := NewJoin(documents, facts, c.root, c.options); !errors.Is(err, c.want) {
			t.Fatalf("%+v: %v", c.options, err)
		}
	}
	if _, err := NewJoin(quickDocuments, facts, t.TempDir(), JoinOptions{}); err == nil {
		t.Fatal("a configuration of init")
	}
	discovery := &Discovery{Token: token, Endpoints: []string{closedPort(t)}, CACertHashes: []string{pin}, PatienceMs: 50}
	flow, err := NewJoin(documents, facts, t.TempDir(), JoinOptions{Discovery: discovery})
	if err != nil {
		t.Fatal(err)
	}
	defer flow.Close()
	if _, err := flow.JoinCommands(); !errors.Is(err, CodeMisuse) {
		t.Fatal(err)
	}
	if _, err := flow.Run(t.Context(), nil); !errors.Is(err, CodeDiscoveryUnreachable) {
		t.Fatal(err)
	}
}

func joinDocuments(endpoint, pin string) string {
	return `apiVersion: kubeadm.k8s.io/v1beta4
kind: JoinConfiguration
nodeRegistration:
  criSocket: unix:///run/containerd/containerd.sock
discovery:
  bootstrapToken:
    token: ` + token + `
    apiServerEndpoint: ` + endpoint + `
    caCertHashes: ["` + pin + `"]
`
}
