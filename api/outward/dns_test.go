package outward_test

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// names is a DNS server of a test's own: each name has answers, of which every
// question for an address takes the next, and the last for good.
type names struct {
	mu      sync.Mutex
	answers map[string][]string
	asked   map[string]int
}

// resolver returns a resolver that asks the server and nobody else.
func (n *names) resolver(t *testing.T) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0") //nolint:noctx // closed with the test
	if err != nil {
		t.Fatal(err)
	}
	n.asked = map[string]int{}
	var group sync.WaitGroup
	group.Go(func() {
		buf := make([]byte, 1500)
		for {
			size, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if answer := n.answer(buf[:size]); answer != nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	})
	t.Cleanup(func() {
		_ = conn.Close()
		group.Wait()
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// answer makes the answer to one question.
func (n *names) answer(question []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(question) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	m.Response, m.Additionals = true, nil
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.answers[q.Name.String()]
	if len(list) == 0 {
		m.RCode = dnsmessage.RCodeNameError
	} else {
		turn := min(n.asked[q.Name.String()+q.Type.String()], len(list)-1)
		n.asked[q.Name.String()+q.Type.String()]++
		address := netip.MustParseAddr(list[turn])
		head := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
		switch {
		case q.Type == dnsmessage.TypeA && address.Is4():
			m.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AResource{A: address.As4()}}}
		case q.Type == dnsmessage.TypeAAAA && address.Is6():
			m.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AAAAResource{AAAA: address.As16()}}}
		}
	}
	packed, err := m.Pack()
	if err != nil {
		return nil
	}
	return packed
}
