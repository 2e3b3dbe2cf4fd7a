package world

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// Programs find the APIs of API Gateway by AWS's host names, and these by https:
// that is how templates and the SDK write them. So the world is a proxy too, for
// HTTPS_PROXY: it answers for these names itself, with a certificate that
// AWS_CA_BUNDLE makes trusted, and connects to any other host as it is told.
// Processes of Lambda functions have both variables.

// authority is the certificate of the host names that the world answers for.
type authority struct {
	once sync.Once
	tls  tls.Certificate
	file string // in PEM
	err  error
}

// certificateLife is of real time: TLS knows no other.
const certificateLife = 30 * 24 * time.Hour

func (w *World) apiSuffix() string { return ".execute-api." + w.opts.Region + ".amazonaws.com" }

// make makes the certificate, its own authority, and writes it to a file.
func (a *authority) make(name string) error {
	a.once.Do(func() { a.err = a.generate(name) })
	return a.err
}

func (a *authority) generate(name string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "the simulated AWS"}, DNSNames: []string{name}, NotBefore: now.Add(-time.Hour),
		NotAfter: now.Add(certificateLife), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	a.tls = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	f, err := os.CreateTemp("", "eks-upgrade-world-*.pem")
	if err != nil {
		return err
	}
	a.file = f.Name()
	return errors.Join(pem.Encode(f, &pem.Block{Type: "CERTIFICATE", Bytes: der}), f.Close())
}

// CABundle is the file with the certificate of the APIs' host names, for
// AWS_CA_BUNDLE. Close removes it.
func (w *World) CABundle() (string, error) {
	if err := w.authority.make("*" + w.apiSuffix()); err != nil {
		return "", fmt.Errorf("world: the certificate of APIs: %w", err)
	}
	return w.authority.file, nil
}

// connect serves the method CONNECT.
func (w *World) connect(rw http.ResponseWriter, r *http.Request) {
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		http.Error(rw, "CONNECT needs a host and a port", http.StatusBadRequest)
		return
	}
	ours := strings.HasSuffix(host, w.apiSuffix())
	var there net.Conn
	if ours {
		_, err = w.CABundle()
	} else {
		there, err = (&net.Dialer{Timeout: 10 * time.Second}).DialContext(r.Context(), "tcp", net.JoinHostPort(host, port))
	}
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadGateway)
		return
	}
	here, _, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		http.Error(rw, err.Error(), http.StatusInternalServerError)
		return
	}
	ended := make(chan struct{})
	go func() { // the world may end first
		select {
		case <-w.closing:
			_ = here.Close()
		case <-ended:
		}
	}()
	go func() {
		defer close(ended)
		if _, err := io.WriteString(here, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
			_ = here.Close()
			return
		}
		if ours {
			w.answer(tls.Server(here, &tls.Config{Certificates: []tls.Certificate{w.authority.tls}, MinVersion: tls.VersionTLS12}))
			return
		}
		bridge(here, there)
	}()
}

// answer serves one connection as the world's port does.
func (w *World) answer(c net.Conn) {
	l := &single{conn: c, done: make(chan struct{})}
	server := &http.Server{Handler: w, ReadHeaderTimeout: 30 * time.Second, ConnState: func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			_ = l.Close()
		}
	}}
	_ = server.Serve(l) // it ends with the connection
}

// bridge copies both ways until one side ends.
func bridge(a, b net.Conn) {
	var both sync.WaitGroup
	one := func(to, from net.Conn) {
		_, _ = io.Copy(to, from) // an end is an end
		_, _ = to.Close(), from.Close()
	}
	both.Go(func() { one(a, b) })
	both.Go(func() { one(b, a) })
	both.Wait()
}

// single is a listener with one connection.
type single struct {
	mu   sync.Mutex
	conn net.Conn
	done chan struct{}
	over bool
}

// Accept implements net.Listener.
func (s *single) Accept() (net.Conn, error) {
	s.mu.Lock()
	c := s.conn
	s.conn = nil
	s.mu.Unlock()
	if c != nil {
		return c, nil
	}
	<-s.done
	return nil, net.ErrClosed
}

// Close implements net.Listener.
func (s *single) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.over = true
		close(s.done)
	}
	return nil
}

// Addr implements net.Listener.
func (s *single) Addr() net.Addr { return &net.TCPAddr{} }
