// Package outward makes HTTP clients for addresses that strangers name: they
// reach public servers and nothing else.
//
// Names are no protection, since whoever owns one decides where it leads, and
// may decide otherwise a moment later. So the address itself is checked when
// the connection is made, after the name was resolved: for the first request,
// for every redirect, and for every address that a name has.
package outward

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/motionmill/motionmill/job"
)

// ErrRefused is in the chain of every error about an address that is not for
// us to call.
var ErrRefused = errors.New("it is not called")

const (
	// maxRedirects is how many times a server may send us on.
	maxRedirects = 8
	// maxHeader bounds the headers of an answer, in bytes.
	maxHeader = 64 << 10
	// maxURL bounds an address, in bytes.
	maxURL = 4096
)

// Config says what a client may reach. Its zero value is ready to use.
type Config struct {
	// Networks are let through though they are not public, for stages that
	// fetch from servers of their own. Default: none.
	Networks []netip.Prefix
	// Ports may be called. Default: 80, 443, 8080 and 8443. Empty of Networks
	// nothing else can be; in Networks every port can.
	Ports []uint16
	// Resolver resolves names. Default: the system's.
	Resolver *net.Resolver
	// Wait is how long a server may take to connect, and again to begin its
	// answer. Default: 15 seconds.
	Wait time.Duration
}

// Guard checks addresses and makes the clients that are held to them.
type Guard struct{ cfg Config }

// New returns a guard.
func New(cfg Config) *Guard {
	if len(cfg.Ports) == 0 {
		cfg.Ports = []uint16{80, 443, 8080, 8443}
	}
	if cfg.Wait == 0 {
		cfg.Wait = 15 * time.Second
	}
	return &Guard{cfg: cfg}
}

// Client returns a client of a transport of its own. It follows up to eight
// redirects, never from https to http and with an Authorization for the first
// server alone and the addresses before for none; it keeps no cookies, offers no
// compression, and uses no proxy, which would connect in its place.
func (g *Guard) Client() *http.Client {
	dialer := &net.Dialer{Timeout: g.cfg.Wait, Resolver: g.cfg.Resolver, ControlContext: g.control}
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    g.cfg.Wait,
			ResponseHeaderTimeout:  g.cfg.Wait,
			MaxResponseHeaderBytes: maxHeader,
			IdleConnTimeout:        time.Minute,
			DisableCompression:     true,
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: g.redirect,
	}
}

// redirect decides whether to go where a server sends us.
func (g *Guard) redirect(next *http.Request, before []*http.Request) error {
	if len(before) > maxRedirects {
		return refuse(next.URL.Hostname(), fmt.Sprintf("it redirects more than %d times", maxRedirects))
	}
	if next.URL.Scheme == "http" && before[len(before)-1].URL.Scheme == "https" {
		return refuse(next.URL.Hostname(), "a redirect leads from https to http")
	}
	if first := before[0].URL; next.URL.Scheme != first.Scheme || next.URL.Host != first.Host {
		next.Header.Del("Authorization") // The standard library keeps it for other ports and for names below.
	}
	next.Header.Del("Referer") // It would be the address before, with what is secret in it.
	return g.CheckURL(next.URL)
}

// control sees the address that is about to be connected to, name resolved.
func (g *Guard) control(_ context.Context, network, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil || !strings.HasPrefix(network, "tcp") {
		return refuse(address, "it is not the address of a web server")
	}
	return g.check(target)
}

// check decides about one address.
func (g *Guard) check(target netip.AddrPort) error {
	address := target.Addr().Unmap()
	for _, network := range g.cfg.Networks {
		if network.Contains(address) {
			return nil
		}
	}
	if !Public(target.Addr()) {
		return refuse(address.String(), "it is not a public address")
	}
	if !slices.Contains(g.cfg.Ports, target.Port()) {
		return refuse(target.String(), fmt.Sprintf("port %d is none of %v", target.Port(), g.cfg.Ports))
	}
	return nil
}

// CheckURL finds what is wrong with an address before anyone is asked about
// it. That it finds nothing does not mean that the address can be reached: the
// decision is taken anew when a connection is made.
func (g *Guard) CheckURL(u *url.URL) error {
	host := u.Hostname()
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path} // without what may be secret in it
		return job.Fail(job.Unsupported, "fetch", shown.String(), "only http and https addresses are fetched", "Give the whole link, from its https:// on.", ErrRefused)
	case u.User != nil:
		return refuse(host, "an address with a user name or a password in it is not fetched")
	case host == "" || u.Opaque != "":
		return refuse(u.Redacted(), "it names no server")
	case len(u.String()) > maxURL:
		return refuse(host, fmt.Sprintf("the address is longer than %d bytes", maxURL))
	case strings.ContainsAny(host, "%\\ \t\r\n"):
		return refuse(host, "the name of the server has characters in it that no name has")
	}
	port, err := portOf(u)
	if err != nil {
		return refuse(host, err.Error())
	}
	if address, err := netip.ParseAddr(host); err == nil {
		return g.check(netip.AddrPortFrom(address, port))
	}
	name := strings.TrimSuffix(strings.ToLower(host), ".")
	if endsInNumber(name) {
		return refuse(host, "it is an address in an unusual spelling; write it as four decimal numbers")
	}
	for _, inside := range []string{"localhost", "internal", "local", "home.arpa", "localdomain"} {
		if (name == inside || strings.HasSuffix(name, "."+inside)) && len(g.cfg.Networks) == 0 {
			return refuse(host, "it is a name of a private network")
		}
	}
	return nil
}

// portOf returns the port of an address, given or by its scheme.
func portOf(u *url.URL) (uint16, error) {
	text := u.Port()
	switch {
	case text == "" && u.Scheme == "https":
		return 443, nil
	case text == "":
		return 80, nil
	}
	port, err := netip.ParseAddrPort("127.0.0.1:" + text)
	if err != nil {
		return 0, fmt.Errorf("%q is no port", text)
	}
	return port.Port(), nil
}

// endsInNumber tells whether some resolvers take a name for an IPv4 address:
// 2130706433, 0x7f.1 and 0177.0.0.1 all mean 127.0.0.1 to them. No top-level
// domain begins with a digit.
func endsInNumber(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	return last != "" && last[0] >= '0' && last[0] <= '9'
}

func refuse(subject, finding string) error {
	return job.Fail(job.Unsupported, "fetch", subject, finding, "Give a link that anyone on the internet can open.", ErrRefused)
}
