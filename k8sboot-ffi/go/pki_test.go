package k8sboot

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"
)

func newCA(t *testing.T) *CA {
	t.Helper()
	ca, err := NewCA(CASpec{CommonName: "kubernetes", Algorithm: ECDSAP256, Validity: Lifetime(24 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ca.Close)
	return ca
}

func TestCertificatesAreWhatGoTakesThemFor(t *testing.T) {
	ca := newCA(t)
	authority, err := ca.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	spec := CertificateSpec{
		Names:     Names{CommonName: "api", DNSNames: []string{"api.example"}, IPAddresses: []string{"192.0.2.1"}},
		Usages:    []Usage{ServerAuth},
		Algorithm: ECDSAP384,
		Validity:  Lifetime(time.Hour),
	}
	certificate, key, err := ca.Issue(spec)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(authority)) {
		t.Fatal(authority)
	}
	if _, ok := pair.PrivateKey.(*ecdsa.PrivateKey); !ok {
		t.Fatalf("%T", pair.PrivateKey)
	}
	for _, name := range []string{"api.example", "192.0.2.1"} {
		options := x509.VerifyOptions{Roots: roots, DNSName: name, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
		if _, err := pair.Leaf.Verify(options); err != nil {
			t.Fatal(err)
		}
	}
	if left := time.Until(pair.Leaf.NotAfter); left > time.Hour || left < 59*time.Minute {
		t.Fatal(left)
	}
	list, err := Inspect(certificate)
	if err != nil || len(list) != 1 || !list[0].NotAfter.Equal(pair.Leaf.NotAfter) || list[0].Subject != "CN=api" || list[0].IsCA {
		t.Fatal(list, err)
	}
	for _, wrong := range []CertificateSpec{{}, {Usages: []Usage{"codeSigning"}}, {Usages: []Usage{ServerAuth}, Algorithm: "RSA"}} {
		if _, _, err := ca.Issue(wrong); !errors.Is(err, CodeJSON) {
			t.Fatal(err)
		}
	}
}

func TestAuthoritiesAreReadBack(t *testing.T) {
	ca := newCA(t)
	certificate, err := ca.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	key, err := ca.Key()
	if err != nil {
		t.Fatal(err)
	}
	read, err := ReadCA(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	pin, err := read.Pin()
	if err != nil || !strings.HasPrefix(pin, "sha256:") {
		t.Fatal(pin, err)
	}
	if pins, err := Pins(certificate); err != nil || pins[0] != pin {
		t.Fatal(pins, err)
	}
	read.Close()
	read.Close()
	if _, err := read.Pin(); !errors.Is(err, CodeNull) {
		t.Fatal(err)
	}
	if _, err := ReadCA(certificate, "x"); err == nil {
		t.Fatal("a key of nothing")
	}
	if _, err := NewCA(CASpec{CommonName: "a", Algorithm: Ed25519}); err == nil {
		t.Fatal("an authority that kubeadm cannot read")
	}
}

func TestRequestsAreSignedForTheNamesThatAreExpected(t *testing.T) {
	ca := newCA(t)
	key, err := GenerateKey(Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	names := Names{CommonName: "jane", Organizations: []string{"team"}}
	request, err := NewRequest(key, names)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := ca.Sign(request, CertificateSpec{Names: names, Usages: []Usage{ClientAuth}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.X509KeyPair([]byte(certificate), []byte(key)); err != nil {
		t.Fatal(err)
	}
	if _, err := ca.Sign(request, CertificateSpec{Names: Names{CommonName: "admin"}, Usages: []Usage{ClientAuth}}); err == nil {
		t.Fatal("signed for someone else")
	}
	if _, err := GenerateKey("DSA"); !errors.Is(err, CodeEnum) {
		t.Fatal(err)
	}
}

func TestKubeconfigsWorkWithTheirOwnCluster(t *testing.T) {
	ca, other := newCA(t), newCA(t)
	user := UserSpec{Name: "jane", Cluster: "kubernetes", Server: "https://192.0.2.1:6443", Validity: Lifetime(time.Hour)}
	kubeconfig, err := ca.UserKubeconfig(user)
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []struct {
		ca       *CA
		problems bool
	}{{ca, false}, {other, true}} {
		certificate, err := of.ca.Certificate()
		if err != nil {
			t.Fatal(err)
		}
		problems, err := CheckKubeconfig(kubeconfig, certificate)
		if err != nil || (len(problems) > 0) != of.problems {
			t.Fatal(problems, err)
		}
	}
	if _, err := CheckKubeconfig("clusters: 1", ""); err == nil {
		t.Fatal("no kubeconfig")
	}
	if _, err := ca.UserKubeconfig(UserSpec{}); err == nil {
		t.Fatal("nobody")
	}
}

func TestManifests(t *testing.T) {
	config := quickConfig(t)
	defer config.Close()
	pod, err := config.StaticPod("kube-apiserver")
	if err != nil || !strings.Contains(pod, "--advertise-address=192.0.2.10") {
		t.Fatal(pod, err)
	}
	if _, err := config.StaticPod("kubelet"); !errors.Is(err, CodeEnum) {
		t.Fatal(err)
	}
	if kubelet, err := config.KubeletConfig(); err != nil || !strings.Contains(kubelet, "kind: KubeletConfiguration") {
		t.Fatal(kubelet, err)
	}
	if images, err := config.Images(); err != nil || images[0] != "registry.k8s.io/kube-apiserver:v1.36.2" {
		t.Fatal(images, err)
	}
	certificate, err := newCA(t).Certificate()
	if err != nil {
		t.Fatal(err)
	}
	objects, err := config.Objects(certificate, time.Now())
	if err != nil || strings.Count(objects, "\n---\n") < 20 {
		t.Fatal(len(objects), err)
	}
}
