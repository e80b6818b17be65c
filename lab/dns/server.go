package dns

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// Server is a name server.
type Server struct {
	// Dir holds the cloud's objects.
	Dir string
	// Services is the address of this server and of the registry.
	Services netip.Addr
	// Upstream are the resolvers (host:port) for all other names.
	Upstream []string

	turn atomic.Uint32
}

var _ dns.Handler = (*Server)(nil)

// Serve answers on addr, over UDP and TCP, until the context ends.
func (s *Server) Serve(ctx context.Context, addr string) error {
	servers := []*dns.Server{
		{Addr: addr, Net: "udp", Handler: s},
		{Addr: addr, Net: "tcp", Handler: s},
	}
	faults := make(chan error, len(servers))
	for _, server := range servers {
		go func() { faults <- server.ListenAndServe() }()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-faults:
		err = fmt.Errorf("serve DNS on %q: %w", addr, err)
	}
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	for _, server := range servers {
		_ = server.ShutdownContext(clean)
	}
	return err
}

// ServeDNS answers one question.
func (s *Server) ServeDNS(w dns.ResponseWriter, query *dns.Msg) {
	response := s.answer(query)
	if w.RemoteAddr().Network() == "udp" {
		size := dns.MinMsgSize
		if opt := query.IsEdns0(); opt != nil {
			size = max(size, int(opt.UDPSize()))
		}
		response.Truncate(size)
	}
	_ = w.WriteMsg(response)
}

func (s *Server) answer(query *dns.Msg) *dns.Msg {
	if len(query.Question) != 1 {
		return new(dns.Msg).SetRcode(query, dns.RcodeFormatError)
	}
	question := query.Question[0]
	name := dns.CanonicalName(question.Name)
	z, err := readZones(s.Dir, s.Services)
	if err != nil {
		log.Printf("read zones: %v", err)
	}
	if z.origin(name) == "" {
		return s.forward(query)
	}
	r := z.lookup(name, question.Qtype, s.turn.Add(1))
	response := new(dns.Msg).SetRcode(query, r.code)
	response.Authoritative, response.RecursionAvailable = true, true
	response.Answer = r.answers
	if r.soa != nil {
		response.Ns = []dns.RR{r.soa}
	}
	if r.onward != "" && query.RecursionDesired {
		rest := s.forward(new(dns.Msg).SetQuestion(r.onward, question.Qtype))
		response.Rcode = rest.Rcode
		response.Answer = append(response.Answer, rest.Answer...)
	}
	if opt := query.IsEdns0(); opt != nil {
		response.SetEdns0(opt.UDPSize(), opt.Do())
	}
	return response
}

// forward asks the machine's resolvers, one after the other.
func (s *Server) forward(query *dns.Msg) *dns.Msg {
	for _, upstream := range s.Upstream {
		response, err := exchange(query, upstream)
		if err == nil {
			return response
		}
		log.Printf("ask %q for %q: %v", upstream, query.Question[0].Name, err)
	}
	return new(dns.Msg).SetRcode(query, dns.RcodeServerFailure)
}

func exchange(query *dns.Msg, upstream string) (*dns.Msg, error) {
	client := &dns.Client{Timeout: 3 * time.Second}
	response, _, err := client.Exchange(query, upstream)
	if err != nil && !errors.Is(err, dns.ErrBuf) || err == nil && !response.Truncated {
		return response, err
	}
	client.Net = "tcp"
	response, _, err = client.Exchange(query, upstream)
	return response, err
}
