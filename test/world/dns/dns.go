// Package dns serves the zones of the simulated Route 53 over real DNS, UDP and
// TCP, as Route 53's name servers do: by weights and health, with the records'
// TTL. It is authoritative and does not recurse.
package dns

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/miekg/dns"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/route53"
)

// Authority answers questions: *route53.Service.
type Authority interface {
	Lookup(name string, typ types.RRType, at float64) route53.Reply
}

// Server is a running name server.
type Server struct {
	zones    Authority
	addr     string
	udp, tcp *dns.Server
	served   chan error

	mu     sync.Mutex
	random *rand.Rand
}

// Serve starts a name server on addr, for example 127.0.0.1:0, for UDP and TCP
// on one port. seed makes the choices among weighted records repeat.
func Serve(addr string, zones Authority, seed int64) (*Server, error) {
	packets, stream, err := listen(addr)
	if err != nil {
		return nil, err
	}
	s := &Server{
		zones: zones, addr: packets.LocalAddr().String(), served: make(chan error, 2),
		random: rand.New(rand.NewPCG(uint64(seed), 53)), //nolint:gosec // repeatable on purpose
	}
	ready := make(chan struct{}, 2)
	started := func() { ready <- struct{}{} }
	s.udp = &dns.Server{PacketConn: packets, Handler: s, NotifyStartedFunc: started}
	s.tcp = &dns.Server{Listener: stream, Handler: s, NotifyStartedFunc: started}
	for _, server := range []*dns.Server{s.udp, s.tcp} {
		go func() { s.served <- server.ActivateAndServe() }()
	}
	for range 2 {
		select {
		case <-ready:
		case err := <-s.served:
			return nil, errors.Join(fmt.Errorf("dns: %w", err), packets.Close(), stream.Close())
		}
	}
	return s, nil
}

// freePorts is how many ports that are free for UDP are tried for TCP, too.
const freePorts = 20

// listen opens one port for UDP and TCP; port 0 takes one that both have free.
func listen(addr string) (net.PacketConn, net.Listener, error) {
	_, port, err := net.SplitHostPort(addr)
	for attempt := 1; ; attempt++ {
		var packets net.PacketConn
		if err == nil {
			packets, err = net.ListenPacket("udp", addr)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("dns: listen on %s: %w", addr, err)
		}
		stream, err := net.Listen("tcp", packets.LocalAddr().String())
		if err == nil {
			return packets, stream, nil
		}
		err = errors.Join(fmt.Errorf("dns: listen on %s: %w", packets.LocalAddr(), err), packets.Close())
		if port != "0" || attempt == freePorts {
			return nil, nil, err
		}
	}
}

// Addr is the address of the server, host and port, for UDP and TCP.
func (s *Server) Addr() string { return s.addr }

// Close stops the server and waits for questions in flight until ctx ends.
func (s *Server) Close(ctx context.Context) error {
	err := errors.Join(s.udp.ShutdownContext(ctx), s.tcp.ShutdownContext(ctx))
	return errors.Join(err, <-s.served, <-s.served)
}

// ServeDNS implements dns.Handler.
func (s *Server) ServeDNS(w dns.ResponseWriter, query *dns.Msg) {
	answer := s.answer(query)
	if opt := query.IsEdns0(); opt != nil {
		answer.SetEdns0(dns.DefaultMsgSize, false)
	}
	if w.LocalAddr().Network() == "udp" {
		size := dns.MinMsgSize
		if opt := query.IsEdns0(); opt != nil {
			size = int(max(opt.UDPSize(), dns.MinMsgSize))
		}
		answer.Truncate(size)
	}
	// A client that went away is not the server's error.
	_ = w.WriteMsg(answer)
}

func (s *Server) answer(query *dns.Msg) *dns.Msg {
	m := new(dns.Msg)
	if len(query.Question) != 1 || query.Opcode != dns.OpcodeQuery {
		return m.SetRcode(query, dns.RcodeNotImplemented)
	}
	m.SetReply(query)
	q := query.Question[0]
	if q.Qclass != dns.ClassINET || q.Qtype == dns.TypeANY || q.Qtype == dns.TypeAXFR {
		return m.SetRcode(query, dns.RcodeNotImplemented)
	}
	reply := s.zones.Lookup(q.Name, types.RRType(dns.TypeToString[q.Qtype]), s.next())
	switch {
	case !reply.Authority:
		return m.SetRcode(query, dns.RcodeRefused)
	case reply.Unknown != "": // the addresses of a load balancer that is not there
		return m.SetRcode(query, dns.RcodeServerFailure)
	}
	m.Authoritative = true
	for _, r := range reply.Records {
		rr, err := resource(r)
		if err != nil {
			return m.SetRcode(query, dns.RcodeServerFailure)
		}
		m.Answer = append(m.Answer, rr)
	}
	if len(m.Answer) == 0 {
		if !reply.Exists {
			m.Rcode = dns.RcodeNameError
		}
		if reply.SOA != nil {
			if rr, err := resource(*reply.SOA); err == nil {
				m.Ns = append(m.Ns, rr)
			}
		}
	}
	return m
}

func (s *Server) next() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.Float64()
}

func resource(r route53.Record) (dns.RR, error) {
	return dns.NewRR(fmt.Sprintf("%s %d IN %s %s", r.Name, int(r.TTL.Seconds()), r.Type, r.Value))
}
