// The keys and certificates of a control plane by Go's standard library, in the order of kubeadm and one after the other:
// ten certificates, five clients of kubeconfigs and the service-account key, as PEM.
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log"
	"math"
	"math/big"
	"os"
	"time"
)

type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

func main() {
	authorities := map[string]authority{}
	for _, row := range [][2]string{
		{"ca", ""}, {"apiserver", "ca"}, {"apiserver-kubelet-client", "ca"},
		{"front-proxy-ca", ""}, {"front-proxy-client", "front-proxy-ca"},
		{"etcd-ca", ""}, {"etcd-server", "etcd-ca"}, {"etcd-peer", "etcd-ca"},
		{"etcd-healthcheck-client", "etcd-ca"}, {"apiserver-etcd-client", "etcd-ca"},
		{"admin", "ca"}, {"super-admin", "ca"}, {"kubelet", "ca"}, {"controller-manager", "ca"}, {"scheduler", "ca"},
	} {
		name, issuer := row[0], row[1]
		key := newKey()
		certificate := issue(name, key, authorities[issuer])
		if issuer == "" {
			authorities[name] = authority{certificate, key}
		}
		write("CERTIFICATE", certificate.Raw)
	}
	newKey()
}

func newKey() crypto.Signer {
	if len(os.Args) > 1 && os.Args[1] == "ECDSA-P256" {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(err)
		der, err := x509.MarshalECPrivateKey(key)
		must(err)
		write("EC PRIVATE KEY", der)
		return key
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	write("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
	return key
}

func issue(name string, key crypto.Signer, issuer authority) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, big.NewInt(math.MaxInt64-1))
	must(err)
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		DNSNames:              []string{name},
		SerialNumber:          serial,
		NotBefore:             time.Now(),
		NotAfter:              time.Now().Add(365 * 24 * time.Hour),
		KeyUsage:              x509.KeyUsageKeyEncipherment | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
	}
	if issuer.key == nil {
		template.IsCA = true
		template.KeyUsage |= x509.KeyUsageCertSign
		issuer = authority{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.certificate, key.Public(), issuer.key)
	must(err)
	certificate, err := x509.ParseCertificate(der)
	must(err)
	return certificate
}

func write(label string, der []byte) {
	must(pem.Encode(os.Stdout, &pem.Block{Type: label, Bytes: der}))
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
