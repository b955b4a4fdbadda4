//go:build linux

package k8sboot

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// nodeAddress is what quickDocuments advertise.
const nodeAddress = "192.0.2.10"

// program finds one of Kubernetes' programs; the test is skipped, by its name, where it is missing.
func program(t *testing.T, name string) string {
	t.Helper()
	if assets := os.Getenv("KUBEBUILDER_ASSETS"); assets != "" {
		if path, err := exec.LookPath(filepath.Join(assets, name)); err == nil {
			return path
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("skipped: %s is not on PATH", name)
	}
	return path
}

// ownNetwork gives the goroutine's thread a network namespace with the node's address. The thread ends with the
// goroutine, so that nothing else ever runs there.
func ownNetwork(t *testing.T) {
	t.Helper()
	ip := program(t, "ip")
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		t.Skipf("skipped: no network namespace can be made: %v", err)
	}
	for _, arguments := range []string{"link set lo up", "address add " + nodeAddress + "/32 dev lo"} {
		if out, err := exec.Command(ip, strings.Fields(arguments)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", arguments, err, out)
		}
	}
}

// start runs a program until the test ends.
func start(t *testing.T, log string, command *exec.Cmd) {
	t.Helper()
	file, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	command.Stdout, command.Stderr = file, file
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		command.Process.Kill()
		command.Wait()
		file.Close()
		if t.Failed() {
			text, _ := os.ReadFile(log)
			t.Logf("%s: %s", log, text[max(0, len(text)-2000):])
		}
	})
}

// component starts a static pod's program with its own flags, the paths being those of the tree.
func component(t *testing.T, root, name string) {
	t.Helper()
	manifest := readFile(t, root+"/etc/kubernetes/manifests/"+name+".yaml")
	var flags []string
	for _, line := range strings.Split(manifest, "\n") {
		if flag, found := strings.CutPrefix(strings.TrimSpace(line), "- --"); found {
			flags = append(flags, "--"+strings.ReplaceAll(flag, "/etc/kubernetes", root+"/etc/kubernetes"))
		}
	}
	start(t, filepath.Join(root, name+".log"), exec.Command(program(t, name), flags...))
}

func etcd(t *testing.T, root string) {
	t.Helper()
	pki := root + "/etc/kubernetes/pki/etcd/"
	start(t, root+"/etcd.log", exec.Command(
		program(t, "etcd"), "--data-dir="+root+"/etcd",
		"--listen-client-urls=https://127.0.0.1:2379", "--advertise-client-urls=https://127.0.0.1:2379",
		"--listen-peer-urls=http://127.0.0.1:2380", "--cert-file="+pki+"server.crt", "--key-file="+pki+"server.key",
		"--trusted-ca-file="+pki+"ca.crt", "--client-cert-auth", "--unsafe-no-fsync",
	))
}

func TestAClusterFromInitToJoin(t *testing.T) {
	needsAPI(t)
	if instrumented {
		t.Skip("the control plane is tested without instruments")
	}
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"} {
		program(t, name)
	}
	ownNetwork(t)
	root, ctx := t.TempDir(), t.Context()
	if _, err := quickInit(t, root, InitOptions{}).Run(ctx, nil); err != nil {
		t.Fatal(err)
	}
	etcd(t, root)
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		component(t, root, name)
	}

	// Nobody registers the node here: no kubelet runs.
	no, waited := false, 0
	rest := InitOptions{
		From: "wait-control-plane", Until: "addons", Skip: []string{"mark-control-plane", "kubelet-finalize"},
		WaitForKubelet: &no, UploadCerts: true, CertificateKey: bundleKey,
	}
	report, err := quickInit(t, root, rest).Run(ctx, func(event Event) error {
		if event.Kind == Waiting {
			waited++
		}
		return nil
	})
	if err != nil || report.Changed == 0 || waited == 0 {
		t.Fatal(waited, err)
	}
	rest.UploadCerts = false
	if report, err = quickInit(t, root, rest).Run(ctx, nil); err != nil || report.Changed > 1 {
		t.Fatal(report, err)
	}

	kubeconfig := readFile(t, root+"/etc/kubernetes/admin.conf")
	cluster, err := NewCluster(kubeconfig, ClusterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	version, err := cluster.Version(ctx)
	if err != nil || !strings.HasPrefix(version.Version, "v1.") || version.Server != "https://"+nodeAddress+":6443" {
		t.Fatal(version, err)
	}
	tokensOf(t, cluster)
	discovered := discoveriesOf(t, cluster, kubeconfig)
	joins(t, cluster, discovered.CACertHashes[0])
	requests(t, cluster, root+"/etc/kubernetes/admin.conf")
}

func tokensOf(t *testing.T, cluster *Cluster) {
	t.Helper()
	ctx := t.Context()
	created, err := cluster.CreateToken(ctx, TokenSpec{TTL: "1h", Description: "from Go"})
	if err != nil || !strings.HasPrefix(created.Token, created.ID+".") || created.Expires == "" {
		t.Fatal(err)
	}
	if _, err := cluster.CreateToken(ctx, TokenSpec{Token: created.Token}); !errors.Is(err, CodeTokenExists) {
		t.Fatal(err)
	}
	for _, show := range []bool{false, true} {
		listed, err := cluster.Tokens(ctx, show)
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, one := range listed {
			if one.ID == created.ID {
				found = one.Useful && one.Description == "from Go" && (one.Token == created.Token) == show
			}
		}
		if !found {
			t.Fatal(show, len(listed))
		}
	}
	if err := cluster.DeleteToken(ctx, created.ID); err != nil {
		t.Fatal(err)
	}
	if err := cluster.DeleteToken(ctx, created.ID); !errors.Is(err, CodeTokenNotFound) {
		t.Fatal(err)
	}
}

func discoveriesOf(t *testing.T, cluster *Cluster, kubeconfig string) *Discovered {
	t.Helper()
	ctx := t.Context()
	inline, err := Discover(ctx, Discovery{Kubeconfig: kubeconfig}, nil)
	if err != nil {
		t.Fatal(err)
	}
	server, err := cluster.ServeDiscovery(ServeOptions{Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	address, err := server.Address()
	if err != nil {
		t.Fatal(err)
	}
	for _, endpoint := range []string{nodeAddress + ":6443", "http://" + address} {
		discovery := Discovery{Token: token, Endpoints: []string{endpoint}, CACertHashes: inline.CACertHashes, TimeoutMs: 30_000}
		found, err := Discover(ctx, discovery, nil)
		if err != nil || found.Server != inline.Server || !strings.Contains(found.BootstrapKubeconfig, token) {
			t.Fatal(endpoint, err)
		}
		discovery.CACertHashes = []string{pin}
		if _, err := Discover(ctx, discovery, nil); !errors.Is(err, CodeDiscoveryPin) {
			t.Fatal(endpoint, err)
		}
	}
	return inline
}

func joins(t *testing.T, cluster *Cluster, pin string) {
	t.Helper()
	ctx, root := t.Context(), t.TempDir()
	options := JoinOptions{TLSBootstrap: "library", RegisterNode: true, Skip: []string{"wait-kubelet"}}
	for _, changed := range []bool{true, false} {
		flow, err := NewJoin(joinDocuments(nodeAddress+":6443", pin), Facts{Hostname: "worker-1"}, root, options)
		if err != nil {
			t.Fatal(err)
		}
		report, err := flow.Run(ctx, nil)
		flow.Close()
		if err != nil || (report.Changed > 0) != changed {
			t.Fatal(changed, report, err)
		}
	}
	if _, err := os.Stat(root + "/etc/kubernetes/kubelet.conf"); err != nil {
		t.Fatal(err)
	}
	if reviewed, err := cluster.ReviewRequests(ctx, ReviewOptions{}); err != nil || len(reviewed) != 0 {
		t.Fatal(reviewed, err)
	}
}

// requests has certificate signing requests of the administrator judged and decided.
func requests(t *testing.T, cluster *Cluster, kubeconfig string) {
	t.Helper()
	ctx := t.Context()
	ask(t, kubeconfig, "serving", "kubernetes.io/kubelet-serving", "server auth")
	reviewed, err := cluster.ReviewRequests(ctx, ReviewOptions{})
	if err != nil || len(reviewed) != 1 || reviewed[0].Name != "serving" || reviewed[0].Verdict != "deny" {
		t.Fatal(reviewed, err)
	}
	for name, decide := range map[string]func() error{
		"Approved": func() error { return cluster.ApproveRequest(ctx, "approved", "fits") },
		"Denied":   func() error { return cluster.DenyRequest(ctx, "denied", "unfit") },
	} {
		ask(t, kubeconfig, strings.ToLower(name), "kubernetes.io/kube-apiserver-client", "client auth")
		if err := decide(); err != nil {
			t.Fatal(err)
		}
		path := "jsonpath={.status.conditions[*].type}"
		if found := kubectl(t, kubeconfig, "", "get", "csr", strings.ToLower(name), "-o", path); found != name {
			t.Fatal(name, found)
		}
	}
	if err := cluster.ApproveRequest(ctx, "nobody", "fits"); !errors.Is(err, CodeRequestGone) {
		t.Fatal(err)
	}
}

func ask(t *testing.T, kubeconfig, name, signer, usage string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	subject := pkix.Name{CommonName: "system:node:" + name, Organization: []string{"system:nodes"}}
	template := &x509.CertificateRequest{Subject: subject, DNSNames: []string{name}}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		t.Fatal(err)
	}
	encoded := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
	object, err := json.Marshal(map[string]any{
		"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
		"metadata": map[string]any{"name": name},
		"spec":     map[string]any{"request": encoded, "signerName": signer, "usages": []string{usage}},
	})
	if err != nil {
		t.Fatal(err)
	}
	kubectl(t, kubeconfig, string(object), "create", "-f", "-")
}

func kubectl(t *testing.T, kubeconfig, input string, arguments ...string) string {
	t.Helper()
	command := exec.Command(program(t, "kubectl"), append([]string{"--kubeconfig", kubeconfig}, arguments...)...)
	command.Stdin = strings.NewReader(input)
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl %s: %v: %s", arguments, err, out)
	}
	return string(out)
}
