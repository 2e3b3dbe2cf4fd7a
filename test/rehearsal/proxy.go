package rehearsal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// proxy is the way from the process of a function to the simulated load
// balancers: their names are in no DNS that it can ask, but it follows
// HTTP_PROXY. It speaks SOCKS 5 (RFC 1928), which names the host to connect to;
// an HTTP proxy is told only the Host header, which of a probe is the record's.
// Addresses of this machine, the simulated AWS and the API servers, never go
// through a proxy (net/http.ProxyFromEnvironment).
type proxy struct {
	listener net.Listener
	lookup   func(host string) (address string, err error)
	work     sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool // nil once it is closed
}

// newProxy starts it.
func newProxy(lookup func(host string) (string, error)) (*proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: listener, lookup: lookup, conns: map[net.Conn]bool{}}
	p.work.Go(p.serve)
	return p, nil
}

func (p *proxy) url() string { return "socks5://" + p.listener.Addr().String() }

func (p *proxy) serve() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return // it was closed
		}
		p.work.Go(func() {
			if p.keep(conn) {
				_ = p.connect(conn) // a connection that fails is the client's to notice
			}
			p.drop(conn)
		})
	}
}

// close cuts every connection.
func (p *proxy) close() error {
	err := p.listener.Close()
	p.mu.Lock()
	conns := p.conns
	p.conns = nil
	p.mu.Unlock()
	for c := range conns {
		_ = c.Close()
	}
	p.work.Wait()
	return err
}

func (p *proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns == nil {
		return false
	}
	p.conns[c] = true
	return true
}

func (p *proxy) drop(c net.Conn) {
	_ = c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// Of RFC 1928.
const (
	socksVersion = 5
	noPassword   = 0
	connect      = 1
	domainName   = 3

	granted         = 0
	hostUnreachable = 4
	refused         = 5
	unknownCommand  = 7
	unknownAddress  = 8
)

// socksPatience is how long a client may take to say what it wants.
const socksPatience = 10 * time.Second

// connect serves one connection.
func (p *proxy) connect(client net.Conn) error {
	if err := client.SetDeadline(time.Now().Add(socksPatience)); err != nil {
		return err
	}
	host, code, err := greet(client)
	if err != nil {
		return err
	}
	reply := func(code byte) error {
		_, err := client.Write([]byte{socksVersion, code, 0, 1, 0, 0, 0, 0, 0, 0})
		return err
	}
	if code != granted {
		return reply(code)
	}
	address, err := p.lookup(host)
	if err != nil {
		return errors.Join(err, reply(hostUnreachable))
	}
	server, err := net.Dial("tcp", address)
	if err != nil {
		return errors.Join(err, reply(refused))
	}
	if !p.keep(server) {
		return server.Close()
	}
	defer p.drop(server)
	if err := errors.Join(reply(granted), client.SetDeadline(time.Time{})); err != nil {
		return err
	}
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	})
	_, err = io.Copy(server, client)
	_ = server.Close()
	back.Wait()
	return err
}

// greet reads the greeting and the request, and returns the host that is asked
// for, or with which code to refuse.
func greet(client net.Conn) (host string, code byte, err error) {
	var head [4]byte
	if _, err := io.ReadFull(client, head[:2]); err != nil {
		return "", 0, err
	}
	if head[0] != socksVersion {
		return "", 0, fmt.Errorf("version %d of SOCKS", head[0])
	}
	if _, err := io.CopyN(io.Discard, client, int64(head[1])); err != nil { // ways to give a password
		return "", 0, err
	}
	if _, err := client.Write([]byte{socksVersion, noPassword}); err != nil {
		return "", 0, err
	}
	if _, err := io.ReadFull(client, head[:]); err != nil {
		return "", 0, err
	}
	switch {
	case head[1] != connect:
		return "", unknownCommand, nil
	case head[3] != domainName: // nothing but load balancers is behind this proxy
		return "", unknownAddress, nil
	}
	var length [1]byte
	if _, err := io.ReadFull(client, length[:]); err != nil {
		return "", 0, err
	}
	name := make([]byte, int(length[0])+binary.Size(uint16(0))) // and the port, which the load balancer's listener has
	if _, err := io.ReadFull(client, name); err != nil {
		return "", 0, err
	}
	return string(name[:length[0]]), granted, nil
}
