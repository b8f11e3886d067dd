package motionmill_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/motionmill/motionmill/cloudtest"
)

// nginxAt runs a real nginx with the configuration that the module api gives its
// one instance, before a server of the test's. Its times are shortened and its
// limits lowered. It returns nginx's address, which speaks TLS.
func nginxAt(t *testing.T, upstream string) string {
	t.Helper()
	dir, address := t.TempDir(), cloudtest.FreeAddress(t)
	certificate(t, dir)
	conf := strings.NewReplacer(
		"listen 443 ssl http2 default_server", "listen "+address+" ssl http2 default_server",
		"listen 80 default_server", "listen "+cloudtest.FreeAddress(t),
		"/etc/nginx/motionmill/", dir+"/", "http://127.0.0.1:8080", upstream, "limit_conn clients 100", "limit_conn clients 4", "_timeout 10s", "_timeout 1s",
	).Replace(rendered(t, `{mode="instance", password=false}`))
	whole := fmt.Sprintf("pid %[1]s/pid; error_log stderr; daemon off; events {} http { access_log off;\n"+
		"client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;\n%[2]s}\n", dir, conf)
	path := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(path, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd := exec.Command(cloudtest.Program(t, "nginx"), "-p", dir, "-c", path)
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // It ends by the signal.
		if t.Failed() {
			t.Logf("nginx: %s", said.String())
		}
	})
	awaitListener(t, address)
	return address
}

// rendered is nginx.conf.tftpl as terraform makes it.
func rendered(t *testing.T, values string) string {
	t.Helper()
	tf := newTerraform(t)
	empty := filepath.Join(tf.dir, "terraform", "rendered")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), tf.program, "console")
	cmd.Dir, cmd.Env = empty, append(os.Environ(), "CHECKPOINT_DISABLE=1")
	cmd.Stdin = strings.NewReader(fmt.Sprintf("base64encode(templatefile(%q, %s))\n", "../modules/api/nginx.conf.tftpl", values))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("render: %v: %s", err, out)
	}
	text, err := base64.StdEncoding.DecodeString(strings.Trim(strings.TrimSpace(string(out)), `"`))
	if err != nil {
		t.Fatalf("render: %v: %s", err, out)
	}
	return string(text)
}

// certificate writes certificate.pem and key.pem: those that httptest's servers have.
func certificate(t *testing.T, dir string) {
	t.Helper()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	server.Close()
	pair := server.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"certificate.pem": {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, "key.pem": {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func awaitListener(t *testing.T, address string) {
	t.Helper()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); <-poll.C {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			return
		}
	}
	t.Fatalf("nobody listens on %s", address)
}

// answered is what nginx says.
type answered struct {
	status int
	header http.Header
	packed bool
	body   io.Reader // open until the test ends
}

// TestNginxBeforeTheAPI has a real nginx pass on what is public, as it is
// meant to, and nothing else.
func TestNginxBeforeTheAPI(t *testing.T) {
	arrived := make(chan *http.Request, 100)
	goOn := make(chan struct{})
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived <- r.Clone(context.Background())
		if r.URL.Path == "/app.js" {
			w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
			fmt.Fprint(w, strings.Repeat("play();\n", 1000))
		}
		if r.URL.Path == "/v1/jobs/j/events" {
			fmt.Fprint(w, "data: first\n\n")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-goOn:
			case <-r.Context().Done():
			}
		}
	}))
	defer upstream.Close()
	address := nginxAt(t, upstream.URL)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, Timeout: time.Minute} // The test's own certificate.
	ask := func(t *testing.T, method, path string, body io.Reader) answered {
		t.Helper()
		request, err := http.NewRequest(method, "https://"+address+path, body)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Forwarded-For", "198.51.100.9")
		request.Header.Set("X-Forwarded-Proto", "http")
		answer, err := client.Do(request)
		if err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
		t.Cleanup(func() { _ = answer.Body.Close() }) // only read
		return answered{status: answer.StatusCode, header: answer.Header, packed: answer.Uncompressed, body: answer.Body}
	}

	t.Run("what a client says of itself is not believed", func(t *testing.T) {
		answer := ask(t, "GET", "/v1/jobs?limit=5", nil)
		got := <-arrived
		if answer.status != 200 || got.Header.Get("X-Forwarded-For") != "127.0.0.1" || got.Header.Get("X-Forwarded-Proto") != "https" || got.Host != "127.0.0.1:8080" {
			t.Errorf("status %d; the API sees host %s and %v", answer.status, got.Host, got.Header)
		}
		if said := answer.header.Get("Server"); said != "nginx" || answer.header.Get("Strict-Transport-Security") == "" {
			t.Errorf("Server: %q, %v", said, answer.header)
		}
	})
	t.Run("what is private is not there", func(t *testing.T) {
		for _, path := range []string{"/metrics", "/healthz", "/readyz", "/debug/pprof/heap", "/debug", "//metrics", "/v1/../metrics", "/%6detrics"} {
			if answer := ask(t, "GET", path, nil); answer.status != 404 {
				t.Errorf("%s: %d", path, answer.status)
			}
		}
		if len(arrived) > 0 {
			t.Errorf("the API was asked for %s", (<-arrived).URL)
		}
	})
	t.Run("scripts are sent packed", func(t *testing.T) {
		answer := ask(t, "GET", "/app.js", nil)
		<-arrived
		if text, err := io.ReadAll(answer.body); err != nil || !answer.packed || len(text) != 8000 {
			t.Errorf("packed: %v, %d bytes, %v", answer.packed, len(text), err)
		}
	})
	t.Run("a body that no call takes", func(t *testing.T) {
		if answer := ask(t, "POST", "/v1/uploads", bytes.NewReader(make([]byte, 3<<20))); answer.status != 413 || len(arrived) > 0 {
			t.Errorf("%d, and %d requests came through", answer.status, len(arrived))
		}
	})
	t.Run("a request that never ends", func(t *testing.T) {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true}) // As above.
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, "GET /v1/jobs HTTP/1.1\r\nHost: a\r\nX-Slow: ")
		if rest, err := io.ReadAll(conn); err != nil || len(arrived) > 0 {
			t.Errorf("it ended by %v after %q", err, rest)
		}
	})
	t.Run("events come as they are sent, to so many at once", func(t *testing.T) {
		for range 4 {
			answer := ask(t, "GET", "/v1/jobs/j/events", nil)
			if line, err := bufio.NewReader(answer.body).ReadString('\n'); err != nil || line != "data: first\n" {
				t.Fatalf("%q, %v", line, err)
			}
			<-arrived
		}
		if answer := ask(t, "GET", "/v1/jobs", nil); answer.status != 429 {
			t.Errorf("the fifth is answered %d", answer.status)
		}
		close(goOn)
	})
}
