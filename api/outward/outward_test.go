package outward_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/motionmill/motionmill/api/outward"
	"github.com/motionmill/motionmill/job"
)

// forbidden are the ways to name an address that is none of a stranger's
// business. PORT stands for the port of a server on this machine.
func forbidden() map[string]string {
	return map[string]string{
		"loopback":                              "http://127.0.0.1:PORT/",
		"loopback on port 80":                   "http://127.0.0.1/",
		"any loopback":                          "http://127.99.3.7:PORT/",
		"loopback by name":                      "http://localhost:PORT/",
		"loopback by name with a dot":           "http://LocalHost.:PORT/",
		"loopback with a dot":                   "http://127.0.0.1.:PORT/",
		"a number with a dot":                   "http://2130706433.:PORT/",
		"metadata by name with a dot":           "http://metadata.google.internal./computeMetadata/v1/",
		"a name with a dot to the metadata":     "http://meta.example./latest/meta-data/",
		"soft hyphen in a name":                 "http://local\u00adhost:PORT/",
		"letters in circles":                    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:PORT/",
		"IPv4 mapped, zeros in full":            "http://[0000:0000:0000:0000:0000:ffff:7f00:0001]:PORT/",
		"loopback by a name below":              "http://x.localhost:PORT/",
		"a number":                              "http://2130706433:PORT/",
		"a number in hex":                       "http://0x7f000001:PORT/",
		"a number in octal":                     "http://017700000001:PORT/",
		"parts in hex":                          "http://0x7f.0x0.0x0.0x1:PORT/",
		"parts in octal":                        "http://0177.0.0.01:PORT/",
		"two parts":                             "http://127.1:PORT/",
		"three parts":                           "http://127.0.1:PORT/",
		"parts too large":                       "http://127.0.0.257:PORT/",
		"full-width digits":                     "http://１２７.０.０.１:PORT/",
		"circled digits":                        "http://①②⑦.⓪.⓪.①:PORT/",
		"ideographic stops":                     "http://127。0。0。1:PORT/",
		"percent in the host":                   "http://127.0.0.%31:PORT/",
		"this network":                          "http://0.0.0.0:PORT/",
		"this network in short":                 "http://0:PORT/",
		"IPv6 loopback":                         "http://[::1]:PORT/",
		"IPv6 loopback in full":                 "http://[0:0:0:0:0:0:0:1]:PORT/",
		"IPv6 unspecified":                      "http://[::]:PORT/",
		"IPv4 mapped into IPv6":                 "http://[::ffff:127.0.0.1]:PORT/",
		"IPv4 mapped in hex":                    "http://[::ffff:7f00:1]:PORT/",
		"IPv4 compatible":                       "http://[::127.0.0.1]:PORT/",
		"IPv4 translated":                       "http://[::ffff:0:127.0.0.1]:PORT/",
		"NAT64":                                 "http://[64:ff9b::7f00:1]:PORT/",
		"local NAT64":                           "http://[64:ff9b:1::a9fe:a9fe]/",
		"6to4":                                  "http://[2002:7f00:1::]:PORT/",
		"Teredo":                                "http://[2001:0:7f00:1::1]/",
		"IPv6 with a zone":                      "http://[fe80::1%25lo]:PORT/",
		"IPv6 link-local":                       "http://[fe80::1]/",
		"IPv6 unique local":                     "http://[fd12:3456:789a::1]/",
		"IPv6 site-local":                       "http://[fec0::1]/",
		"IPv6 multicast":                        "http://[ff02::1]/",
		"IPv6 documentation":                    "http://[2001:db8::1]/",
		"private 10":                            "http://10.0.0.5/",
		"private 172.16":                        "http://172.31.255.254/",
		"private 192.168":                       "http://192.168.1.1/",
		"carrier's NAT":                         "http://100.100.100.200/latest/meta-data/",
		"metadata of EC2":                       "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
		"metadata of EC2 as a number":           "http://2852039166/latest/meta-data/",
		"metadata of EC2 mapped":                "http://[::ffff:a9fe:a9fe]/latest/meta-data/",
		"metadata of EC2 by IPv6":               "http://[fd00:ec2::254]/latest/meta-data/",
		"credentials of ECS":                    "http://169.254.170.2/v2/credentials/",
		"metadata of Google by name":            "http://metadata.google.internal/computeMetadata/v1/",
		"metadata of Oracle":                    "http://192.0.0.192/opc/v1/",
		"platform of Azure":                     "http://168.63.129.16/machine?comp=goalstate",
		"multicast":                             "http://224.0.0.1/",
		"broadcast":                             "http://255.255.255.255/",
		"reserved":                              "http://240.0.0.1/",
		"benchmarks":                            "http://198.18.0.1/",
		"another service's port":                "http://93.184.215.14:22/",
		"port 0":                                "http://93.184.215.14:0/",
		"user as a host":                        "http://93.184.215.14@127.0.0.1:PORT/",
		"password":                              "http://user:secret@93.184.215.14/",
		"backslash before the host":             `http://93.184.215.14\@127.0.0.1:PORT/`,
		"hash before the host":                  "http://127.0.0.1:PORT#@93.184.215.14/",
		"file":                                  "file:///etc/passwd",
		"gopher":                                "gopher://127.0.0.1:PORT/_GET",
		"ftp":                                   "ftp://93.184.215.14/a.mp4",
		"data":                                  "data:video/mp4;base64,AAAA",
		"javascript":                            "javascript:alert(1)",
		"no scheme":                             "//127.0.0.1:PORT/",
		"no host":                               "http:///etc/passwd",
		"opaque":                                "http:127.0.0.1:PORT",
		"a name that leads to loopback":         "http://rebound.example:PORT/",
		"a name that leads to IPv6 loopback":    "http://six.example:PORT/",
		"a name that leads to the metadata":     "http://meta.example/latest/meta-data/",
		"a name that leads to a mapped address": "http://mapped.example:PORT/",
		"a name that leads to a private host":   "http://inside.example/",
		"a name of a private network":           "http://printer.local/",
	}
}

func zone() *names {
	return &names{answers: map[string][]string{
		"rebound.example.": {"127.0.0.1"}, "six.example.": {"::1"}, "meta.example.": {"169.254.169.254"}, "mapped.example.": {"::ffff:127.0.0.1"},
		"inside.example.": {"10.1.2.3"},
	}}
}

// server counts who came to it on this machine.
func server(t *testing.T, handler http.HandlerFunc) (port string, visits *atomic.Int32) {
	t.Helper()
	visits = new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		visits.Add(1)
		handler(w, r)
	}))
	t.Cleanup(s.Close)
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port, visits
}

// get asks for an address as an import does: the address first, then the fetch.
func get(t *testing.T, g *outward.Guard, address string) (string, error) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("%w: %w", outward.ErrRefused, err)
	}
	if err := g.CheckURL(u); err != nil {
		return "", err
	}
	return fetch(t, g, address)
}

// fetch makes the request without a look at the address before.
func fetch(t *testing.T, g *outward.Guard, address string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		return "", fmt.Errorf("%w: %w", outward.ErrRefused, err)
	}
	client := g.Client()
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func TestAddressesThatAreNotPublicAreRefused(t *testing.T) {
	port, visits := server(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "secret") })
	guard := outward.New(outward.Config{Resolver: zone().resolver(t)})
	for name, address := range forbidden() {
		t.Run(name, func(t *testing.T) {
			address := strings.ReplaceAll(address, "PORT", port)
			body, err := get(t, guard, address)
			if !errors.Is(err, outward.ErrRefused) {
				t.Errorf("%s was answered %q, %v", address, body, err)
			}
			if err != nil && strings.Contains(err.Error(), "user:secret") {
				t.Errorf("the error has the password: %v", err)
			}
		})
	}
	if n := visits.Load(); n != 0 {
		t.Errorf("the server on this machine was called %d times", n)
	}
}

// The connection is the last word: what a check before would overlook is
// refused there. Names that no resolver knows come nowhere either.
func TestConnectionsAreRefusedWithoutALookAtTheURL(t *testing.T) {
	port, visits := server(t, func(http.ResponseWriter, *http.Request) {})
	guard := outward.New(outward.Config{Resolver: zone().resolver(t)})
	for name, address := range forbidden() {
		if name == "password" {
			continue // The server is a public one: only the URL is at fault.
		}
		t.Run(name, func(t *testing.T) {
			if body, err := fetch(t, guard, strings.ReplaceAll(address, "PORT", port)); err == nil {
				t.Errorf("%s was answered %q", address, body)
			}
		})
	}
	if n := visits.Load(); n != 0 {
		t.Errorf("the server on this machine was called %d times", n)
	}
}

// here lets 127.0.0.1 through, which stands for a public server, and nothing
// else of this machine.
func here() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} }

func TestRedirectsAreCheckedLikeTheFirstAddress(t *testing.T) {
	inside, visits := server(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "secret") })
	var target atomic.Value
	port, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", target.Load().(string))
		w.WriteHeader(http.StatusFound)
	})
	guard := outward.New(outward.Config{Networks: here(), Resolver: zone().resolver(t)})
	for name, to := range map[string]string{
		"another loopback":   "http://127.0.0.2:" + inside + "/",
		"mapped":             "http://[::ffff:127.0.0.2]:" + inside + "/",
		"a number":           "http://2130706434:" + inside + "/",
		"the metadata":       "http://169.254.169.254/latest/meta-data/",
		"a name of theirs":   "http://meta.example/",
		"file":               "file:///etc/passwd",
		"with a password":    "http://u:p@127.0.0.2:" + inside + "/",
		"round and round":    "/again",
		"another scheme":     "//[::1]:" + inside + "/",
		"a private network":  "http://10.0.0.1/",
		"a name that is not": "http://169.254.169.254.nip.example./",
	} {
		t.Run(name, func(t *testing.T) {
			target.Store(to)
			if body, err := fetch(t, guard, "http://127.0.0.1:"+port+"/"); err == nil {
				t.Errorf("a redirect to %s was answered %q", to, body)
			}
		})
	}
	if n := visits.Load(); n != 0 {
		t.Errorf("the server behind was called %d times", n)
	}
	target.Store("http://127.0.0.1:" + inside + "/")
	if body, err := fetch(t, guard, "http://127.0.0.1:"+port+"/"); err != nil || body != "secret" {
		t.Errorf("a redirect that is allowed was answered %q, %v", body, err)
	}
}

// A name that has changed its mind since it was looked at is refused by where
// it leads now (DNS rebinding).
func TestNamesThatChange(t *testing.T) {
	var visits atomic.Int32
	var listen net.ListenConfig
	first, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(first.Addr().String())
	second, err := listen.Listen(t.Context(), "tcp", "127.0.0.2:"+port)
	if err != nil {
		t.Skip("this machine has no second loopback address: ", err)
	}
	public := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		w.Header().Set("Location", "http://turncoat.example:"+port+"/")
		w.WriteHeader(http.StatusFound)
	}))
	hidden := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	_, _ = public.Listener.Close(), hidden.Listener.Close()
	public.Listener, hidden.Listener = first, second
	public.Start()
	hidden.Start()
	t.Cleanup(func() {
		public.Close()
		hidden.Close()
	})
	dns := &names{answers: map[string][]string{"turncoat.example.": {"127.0.0.1", "127.0.0.2"}}}
	guard := outward.New(outward.Config{Networks: here(), Resolver: dns.resolver(t)})
	if _, err := get(t, guard, "http://turncoat.example:"+port+"/"); !errors.Is(err, outward.ErrRefused) {
		t.Errorf("the second look-up was not refused: %v", err)
	}
	if visits.Load() != 0 {
		t.Error("the hidden server was called")
	}
}

// A link and its authorization are secrets of the server that they are for: no
// other one learns of them by a redirect, be it a port beside or a name below.
func TestSecretsAreNotTakenAlongByRedirects(t *testing.T) {
	var seen atomic.Value
	other, _ := server(t, func(_ http.ResponseWriter, r *http.Request) { seen.Store(r.Header) })
	var to atomic.Value
	port, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/here" {
			seen.Store(r.Header)
			return
		}
		w.Header().Set("Location", to.Load().(string))
		w.WriteHeader(http.StatusFound)
	})
	dns := &names{answers: map[string][]string{"tool.example.": {"127.0.0.1"}, "below.tool.example.": {"127.0.0.1"}}}
	client := outward.New(outward.Config{Networks: here(), Resolver: dns.resolver(t)}).Client()
	defer client.CloseIdleConnections()
	for where, want := range map[string]string{
		"http://tool.example:" + other + "/": "", "http://below.tool.example:" + other + "/": "", "http://127.0.0.1:" + other + "/": "", "/here": "Bearer secret",
	} {
		to.Store(where)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://tool.example:"+port+"/rec?token=secret", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer secret")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got := seen.Load().(http.Header); got.Get("Authorization") != want || got.Get("Referer") != "" {
			t.Errorf("redirected to %s, it was sent %v", where, got)
		}
	}
}

func TestPublicAddressesAreLetThrough(t *testing.T) {
	for _, address := range []string{"93.184.215.14", "8.8.8.8", "::ffff:8.8.8.8", "2606:4700::1111", "2a00:1450:4001::200e", "100.63.255.255", "172.32.0.1"} {
		if !outward.Public(netip.MustParseAddr(address)) {
			t.Errorf("%s is taken for no public address", address)
		}
	}
	guard := outward.New(outward.Config{})
	for _, address := range []string{
		"https://media.example.com/a.mp4?token=x", "http://93.184.215.14:8080/", "https://[2606:4700::1111]/", "https://1.example.com/", "https://例え.example/",
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if err := guard.CheckURL(u); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestRefusalsSayWhatToDo(t *testing.T) {
	u := &url.URL{Scheme: "http", Host: "10.0.0.1", Path: "/a"}
	err := outward.New(outward.Config{}).CheckURL(u)
	var typed *job.Error
	if !errors.As(err, &typed) || typed.Kind != job.Unsupported || typed.Subject != "10.0.0.1" || typed.Remedy == "" {
		t.Errorf("the error is %#v", err)
	}
}

func TestNoProxyComesBetween(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	port, _ := server(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") })
	guard := outward.New(outward.Config{Networks: here()})
	if body, err := get(t, guard, "http://127.0.0.1:"+port+"/"); err != nil || body != "here" {
		t.Errorf("answered %q, %v", body, err)
	}
}
