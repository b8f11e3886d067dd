package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/local/gateway"
	"github.com/motionmill/motionmill/store"
)

const (
	uploads, outputs = "test-uploads", "test-outputs"
	access, secret   = "test-access", "test-secret-key"
	region           = "eu-central-1"
	// long is how long a test waits for what has to come.
	long = 60 * time.Second
)

// TestMain is, with the variable set, the gateway's own process: the tests
// start their binary again.
func TestMain(m *testing.M) {
	if text := os.Getenv("MOTIONMILL_TEST_GATEWAY"); text != "" {
		os.Exit(child(text))
	}
	os.Exit(m.Run())
}

// setup is what the child is told.
type setup struct{ Dir, Listen, Parent string }

// child runs the gateway, which asks the test's process for what Notify and
// Known are to answer.
func child(text string) int {
	var in setup
	if err := json.Unmarshal([]byte(text), &in); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() { // The test's process ended, however it did.
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	ask := func(path string, body []byte, src job.Source) (int, error) {
		envelope, err := json.Marshal(told{Body: string(body), Source: src})
		if err != nil {
			return 0, err
		}
		answer, err := http.Post(in.Parent+path, "application/json", bytes.NewReader(envelope))
		if err != nil {
			return 0, err
		}
		return answer.StatusCode, answer.Body.Close()
	}
	err := gateway.Run(ctx, gateway.Config{
		Dir: in.Dir, Listen: in.Listen, AccessKey: access, SecretKey: secret, Region: region,
		Buckets: []string{uploads, outputs}, UploadsBucket: uploads, RescanAfter: 500 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Notify: func(_ context.Context, body []byte, src job.Source) error {
			code, err := ask("/notify", body, src)
			if err == nil && code != http.StatusOK {
				err = errors.New("the queue is locked")
			}
			return err
		},
		Known: func(_ context.Context, src job.Source) (bool, error) {
			code, err := ask("/known", nil, src)
			return code == http.StatusOK, err
		},
		Ready: func(addr string) { fmt.Println("ready " + addr) },
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// told is one call of Notify.
type told struct {
	Body   string
	Source job.Source
}

// stage is a gateway in a child process, and the queue that it tells.
type stage struct {
	t      *testing.T
	dir    string
	parent *httptest.Server

	mu sync.Mutex
	// events holds what the queue took; known the jobs that the ledger has.
	events  []told
	arrived chan told
	known   map[string]bool
	// on, when set, decides how Notify is answered; 200 is yes.
	on func(told) int

	process *exec.Cmd
	exited  chan struct{}
	log     *lockedBuffer
	addr    string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	return newStageIn(t, t.TempDir())
}

func newStageIn(t *testing.T, dir string) *stage {
	t.Helper()
	s := &stage{t: t, dir: dir, arrived: make(chan told, 1000), known: map[string]bool{}}
	s.parent = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.parent.Close)
	t.Cleanup(func() { s.kill() })
	s.start("127.0.0.1:0")
	return s
}

func (s *stage) serve(w http.ResponseWriter, r *http.Request) {
	var event told
	if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	on := s.on
	known := s.known[job.ID(event.Source, "p")]
	s.mu.Unlock()
	if r.URL.Path == "/known" {
		if !known {
			w.WriteHeader(http.StatusNotFound)
		}
		return
	}
	if on != nil {
		if code := on(event); code != http.StatusOK {
			w.WriteHeader(code)
			return
		}
	}
	s.mu.Lock()
	s.events = append(s.events, event)
	s.mu.Unlock()
	s.arrived <- event
}

// start runs the gateway on the same folder and waits until it is ready.
func (s *stage) start(listen string) {
	s.t.Helper()
	text, err := json.Marshal(setup{Dir: s.dir, Listen: listen, Parent: s.parent.URL})
	if err != nil {
		s.t.Fatal(err)
	}
	s.log = &lockedBuffer{}
	s.process = exec.Command(os.Args[0])
	s.process.Env = append(os.Environ(), "MOTIONMILL_TEST_GATEWAY="+string(text))
	s.process.Stderr = s.log
	if _, err := s.process.StdinPipe(); err != nil { // Open for as long as this process lives.
		s.t.Fatal(err)
	}
	out, err := s.process.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.exited = make(chan struct{})
	line := make([]byte, 128)
	n, err := out.Read(line)
	process, exited := s.process, s.exited
	go func() { _ = process.Wait(); close(exited) }()
	addr, ok := strings.CutPrefix(strings.TrimSpace(string(line[:n])), "ready ")
	if err != nil || !ok {
		<-s.exited
		s.t.Fatalf("gateway did not start: %q %v\n%s", line[:n], err, s.log)
	}
	s.addr = addr
}

// kill ends the gateway as a power cut would.
func (s *stage) kill() {
	_ = s.process.Process.Kill() // It may have ended.
	<-s.exited
}

// answer sets how Notify is answered from now on; nil is always yes.
func (s *stage) answer(on func(told) int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.on = on
}

// next waits for one more event and returns it.
func (s *stage) next() told {
	s.t.Helper()
	select {
	case event := <-s.arrived:
		return event
	case <-time.After(long):
		s.t.Fatalf("no event came\n%s", s.log)
		return told{}
	}
}

// count returns the events so far for a key.
func (s *stage) count(key string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, event := range s.events {
		if event.Source.Key == key {
			n++
		}
	}
	return n
}

func (s *stage) settings() aws.Config {
	return aws.Config{Region: region, BaseEndpoint: aws.String("http://" + s.addr),
		Credentials: credentials.NewStaticCredentialsProvider(access, secret, "")}
}

func (s *stage) store(public string) *store.Store {
	s.t.Helper()
	settings := s.settings()
	opened, err := store.New(s.t.Context(), store.Config{PublicEndpoint: public, AWS: &settings})
	if err != nil {
		s.t.Fatal(err)
	}
	return opened
}

// client is the bare SDK, without retries, for what the store does not do.
func (s *stage) client() *s3.Client {
	return s3.NewFromConfig(s.settings(), func(o *s3.Options) { o.UsePathStyle, o.RetryMaxAttempts = true, 1 })
}

// keys lists the bucket.
func (s *stage) keys(bucket string) (keys []string) {
	s.t.Helper()
	err := s.store("").List(s.t.Context(), bucket, "", func(src job.Source) error { keys = append(keys, src.Key); return nil })
	if err != nil {
		s.t.Fatal(err)
	}
	return keys
}

// send carries out a presigned request with headers changed by the caller.
func send(t *testing.T, p store.Presigned, body []byte, change func(*http.Request)) (int, string, http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), p.Method, p.URL, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range p.Headers {
		request.Header.Set(name, value)
	}
	if change != nil {
		change(request)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("send: %v", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text), answer.Header
}

type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
