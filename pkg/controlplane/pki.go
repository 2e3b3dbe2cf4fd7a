package controlplane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// PKI is one cluster's certificate authority and what it signed. Keys stay in
// memory but for the files that the components read, which only the owner may.
type PKI struct {
	ca     *x509.Certificate
	caKey  *ecdsa.PrivateKey
	CA     []byte // the certificate of the authority, PEM-encoded
	serial int64
	dir    string
}

// Pair is a certificate with its key, PEM-encoded.
type Pair struct{ Certificate, Key []byte }

// NewPKI makes an authority that keeps its files in dir, which is made.
func NewPKI(cluster, dir string) (*PKI, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("controlplane: cannot keep certificates: %w", err)
	}
	p := &PKI{dir: dir}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: cluster + "-ca"},
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	signed, key, err := p.sign(template)
	if err != nil {
		return nil, err
	}
	p.CA, p.caKey = signed.Certificate, key
	block, _ := pem.Decode(signed.Certificate)
	if p.ca, err = x509.ParseCertificate(block.Bytes); err != nil {
		return nil, fmt.Errorf("controlplane: %w", err)
	}
	return p, p.Write("ca.crt", signed.Certificate)
}

// Server signs a serving certificate for loopback and the in-cluster names.
func (p *PKI) Server() (Pair, error) {
	signed, _, err := p.sign(&x509.Certificate{
		Subject:     pkix.Name{CommonName: "kube-apiserver"},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 100, 0, 1)},
	})
	return signed, err
}

// Client signs a client certificate: user is its name, groups what it is in.
func (p *PKI) Client(user string, groups ...string) (Pair, error) {
	signed, _, err := p.sign(&x509.Certificate{
		Subject:     pkix.Name{CommonName: user, Organization: groups},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return signed, err
}

// sign completes template and signs it by the authority, or by itself when there
// is none yet.
func (p *PKI) sign(template *x509.Certificate) (Pair, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, nil, fmt.Errorf("controlplane: cannot make a key: %w", err)
	}
	p.serial++
	template.SerialNumber = big.NewInt(p.serial)
	// Real time: the components check certificates against the machine's clock.
	template.NotBefore = time.Now().Add(-time.Hour)
	template.NotAfter = time.Now().Add(30 * 24 * time.Hour)
	parent, signer := p.ca, p.caKey
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return Pair{}, nil, fmt.Errorf("controlplane: cannot sign a certificate for %s: %w", template.Subject.CommonName, err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Pair{}, nil, fmt.Errorf("controlplane: %w", err)
	}
	return Pair{
		Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	}, key, nil
}

// Path is where a file of the authority is kept.
func (p *PKI) Path(name string) string { return filepath.Join(p.dir, name) }

// Write keeps a file that only the owner may read.
func (p *PKI) Write(name string, text []byte) error {
	if err := os.WriteFile(p.Path(name), text, 0o600); err != nil {
		return fmt.Errorf("controlplane: cannot keep certificates: %w", err)
	}
	return nil
}
