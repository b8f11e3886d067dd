package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// registry serves files over TLS, with ranges and validators, as package
// registries do, under any host's name: a proxy leads everybody to it. The first
// transfer of some files stops in the middle and stays open.
type registry struct {
	*httptest.Server
	proxy       *httptest.Server
	certificate string            // a file
	files       map[string][]byte // by path
	halts       []string          // the paths whose first transfers stand still
	halted      chan string       // told when one does

	mu     sync.Mutex
	ranges map[string][]string // what each path was asked for
}

func newRegistry(t *testing.T, files map[string][]byte, halts ...string) *registry {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the program takes the test's certificate by SSL_CERT_FILE, which only Linux heeds")
	}
	r := &registry{files: files, halts: halts, halted: make(chan string, len(files)), ranges: map[string][]string{}}
	r.Server = httptest.NewUnstartedServer(r)
	r.TLS = &tls.Config{Certificates: []tls.Certificate{r.certify(t, "127.0.0.1", "raw.githubusercontent.com")}}
	r.StartTLS()
	t.Cleanup(r.Close)
	r.proxy = httptest.NewServer(http.HandlerFunc(r.tunnel))
	t.Cleanup(r.proxy.Close)
	return r
}

// certify makes the registry's certificate, and the file by which it is trusted.
func (r *registry) certify(t *testing.T, hosts ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	for _, host := range hosts {
		if address := net.ParseIP(host); address != nil {
			template.IPAddresses = append(template.IPAddresses, address)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	made, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	r.certificate = filepath.Join(t.TempDir(), "registry.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made})
	if err := os.WriteFile(r.certificate, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{made}, PrivateKey: key}
}

// tunnel is a proxy's CONNECT, which leads to the registry whatever it is asked for.
func (r *registry) tunnel(w http.ResponseWriter, request *http.Request) {
	if request.Method != http.MethodConnect {
		http.Error(w, "only CONNECT", http.StatusMethodNotAllowed)
		return
	}
	there, err := (&net.Dialer{}).DialContext(request.Context(), "tcp", r.Listener.Addr().String())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer there.Close()
	here, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer here.Close()
	_, _ = io.WriteString(here, "HTTP/1.1 200 Connected\r\n\r\n")
	both := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{here, there}, {there, here}} {
		go func() {
			_, _ = io.Copy(way[0], way[1])
			both <- struct{}{}
		}()
	}
	<-both // One end has gone: so may the other.
}

func (r *registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	path := request.URL.Path
	r.mu.Lock()
	first := len(r.ranges[path]) == 0
	r.ranges[path] = append(r.ranges[path], request.Header.Get("Range"))
	r.mu.Unlock()
	content, ok := r.files[path]
	if !ok {
		http.NotFound(w, request)
		return
	}
	w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(content)))
	w.Header().Set("Content-Type", "application/octet-stream")
	if !first || !slices.Contains(r.halts, path) {
		http.ServeContent(w, request, path, time.Time{}, bytes.NewReader(content))
		return
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(content)))
	_, _ = w.Write(content[:len(content)/2])
	_ = http.NewResponseController(w).Flush()
	r.halted <- path
	<-request.Context().Done() // until the program is killed
}

// program returns a command that trusts the registry, and knows no other way out.
func (r *registry) program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := program(t.Context(), args...)
	cmd.Env = append(cmd.Env, "SSL_CERT_FILE="+r.certificate, "SSL_CERT_DIR="+t.TempDir(), "HTTPS_PROXY="+r.proxy.URL, "NO_PROXY=", "no_proxy=")
	return cmd
}

// killedHalfway runs the program until its transfer stands still with half of the
// file written, and kills it.
func (r *registry) killedHalfway(t *testing.T, cmd *exec.Cmd, part string) {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var path string
	select {
	case path = <-r.halted:
	case err := <-ended:
		t.Fatalf("the program ended: %v\n%s", err, out.String())
	}
	ticks := time.NewTicker(5 * time.Millisecond)
	defer ticks.Stop()
	for range ticks.C {
		if info, err := os.Stat(part); err == nil && info.Size() == int64(len(r.files[path])/2) {
			break
		}
		if t.Context().Err() != nil || len(ended) > 0 {
			t.Fatalf("half of %s never came", path)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Errorf("the killed program ended well: %s", out.String())
	}
}

// wantResumed fails unless a path was asked for whole, and then for its second half.
func (r *registry) wantResumed(t *testing.T, path string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if want := fmt.Sprintf("bytes=%d-", len(r.files[path])/2); fmt.Sprint(r.ranges[path]) != fmt.Sprint([]string{"", want}) {
		t.Errorf("%s was asked for %q, want all and then %q", path, r.ranges[path], want)
	}
}
