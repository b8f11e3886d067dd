package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/motionmill/motionmill/job"
)

// metadataServer is an instance metadata service as EC2's with IMDSv2 only.
type metadataServer struct {
	mu     sync.Mutex
	texts  map[string]string
	tokens int
}

func (s *metadataServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.URL.Path == "/latest/api/token" {
		if r.Method != http.MethodPut || r.Header.Get("X-aws-ec2-metadata-token-ttl-seconds") == "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		s.tokens++
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", r.Header.Get("X-aws-ec2-metadata-token-ttl-seconds"))
		fmt.Fprintf(w, "token-%d", s.tokens)
		return
	}
	if r.Header.Get("X-aws-ec2-metadata-token") != fmt.Sprintf("token-%d", s.tokens) || s.tokens == 0 {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	text, found := s.texts[strings.TrimPrefix(r.URL.Path, "/latest/meta-data/")]
	if !found {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	fmt.Fprintln(w, text)
}

func (s *metadataServer) say(path, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts[path] = text
}

// atEndpoint has the SDK ask a server of the test.
func atEndpoint(t *testing.T, handler http.Handler) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.URL)
}

func settings(endpoint string) *aws.Config {
	return &aws.Config{BaseEndpoint: aws.String(endpoint), Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), RetryMaxAttempts: 1}
}

// TestOnEC2 runs a worker against servers on loopback: metadata with tokens,
// and Auto Scaling, whose requests it looks at.
func TestOnEC2(t *testing.T) {
	meta := &metadataServer{texts: map[string]string{
		pathInstance: "i-0abc", pathRegion: "eu-central-1", pathGroup: "stage-workers", pathLifecycle: "InService",
	}}
	atEndpoint(t, meta)
	calls := make(chan string, 10)
	autoScaling := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || !strings.Contains(r.Header.Get("Authorization"), "/eu-central-1/autoscaling/") {
			t.Errorf("%v, signed as %s", err, r.Header.Get("Authorization"))
		}
		form, err := url.ParseQuery(string(body))
		if err != nil {
			t.Error(err)
		}
		calls <- string(body)
		fmt.Fprintf(w, "<%[1]sResponse><%[1]sResult/></%[1]sResponse>", form.Get("Action"))
	}))
	defer autoScaling.Close()
	log := &logText{written: make(chan struct{}, 1)}
	g, err := Arrive(t.Context(), Config{
		Hook: "drain", Grace: time.Hour, Every: 10 * time.Millisecond, AWS: settings(autoScaling.URL),
		Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil || g.Instance() != "i-0abc" || g.WorkerGrace() < time.Hour {
		t.Fatalf("arrived on %q with grace %s (%v)", g.Instance(), g.WorkerGrace(), err)
	}
	w := &fakeWorker{began: time.Now(), done: make(chan struct{})}
	w.busy.Store(true)
	ended := make(chan error, 1)
	go func() { ended <- g.Run(t.Context(), w.work()) }()
	wantCall(t, <-calls, "Action=SetInstanceProtection", "AutoScalingGroupName=stage-workers", "InstanceIds.member.1=i-0abc", "ProtectedFromScaleIn=true")
	soon, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := log.await(soon, "protected=true"); err != nil { // a notice in the middle of the call cuts it short
		t.Fatal(err)
	}
	meta.say(pathSpot, fmt.Sprintf(`{"action":"terminate","time":%q}`, time.Now().Add(14*time.Second).UTC().Format(time.RFC3339)))
	if err := <-ended; err != nil || w.hurried.Load() == 0 {
		t.Errorf("hurried %t, ended with %v", w.hurried.Load() != 0, err)
	}
	wantCall(t, <-calls, "Action=CompleteLifecycleAction", "AutoScalingGroupName=stage-workers", "LifecycleHookName=drain", "InstanceId=i-0abc", "LifecycleActionResult=CONTINUE")
	if text := log.String(); strings.Contains(text, keyError) || !strings.Contains(text, "hook completed") {
		t.Errorf("it says:\n%s", text)
	}
	if meta.tokens != 1 {
		t.Errorf("%d tokens were taken", meta.tokens)
	}
}

func wantCall(t *testing.T, body string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains("&"+body+"&", "&"+part+"&") {
			t.Errorf("the call %s says not %s", body, part)
		}
	}
}

// TestOutsideEC2 costs a second at most, and changes nothing.
func TestOutsideEC2(t *testing.T) {
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	for name, prepare := range map[string]func(t *testing.T){
		"nobody listens": func(t *testing.T) {
			server := httptest.NewServer(nil)
			server.Close()
			t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
			t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.URL)
		},
		"nobody answers": func(t *testing.T) {
			atEndpoint(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				select {
				case <-hang:
				case <-r.Context().Done():
				}
			}))
		},
		"another server": func(t *testing.T) { atEndpoint(t, http.NotFoundHandler()) },
		"version 1 only": func(t *testing.T) { atEndpoint(t, http.HandlerFunc(version1)) },
		"switched off": func(t *testing.T) {
			atEndpoint(t, &metadataServer{texts: map[string]string{pathInstance: "i-0abc"}})
			t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
		},
	} {
		t.Run(name, func(t *testing.T) {
			prepare(t)
			var log strings.Builder
			began := time.Now()
			g, err := Arrive(t.Context(), Config{Grace: time.Minute, AWS: settings("http://127.0.0.1:1"), Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil || g.Instance() != "" || g.WorkerGrace() != time.Minute {
				t.Fatalf("arrived on %q with grace %s (%v)", g.Instance(), g.WorkerGrace(), err)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
			if strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), "level=INFO") {
				t.Errorf("it says %s", log.String())
			}
			runsAsIfAlone(t, g)
		})
	}
}

// version1 answers everyone, and knows no tokens.
func version1(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	fmt.Fprint(w, "i-0abc")
}

// runsAsIfAlone has the worker get the very context, and its error returned.
func runsAsIfAlone(t *testing.T, g *Guest) {
	t.Helper()
	broken := errors.New("broken")
	err := g.Run(t.Context(), Work{
		Run: func(ctx context.Context) error {
			if ctx != t.Context() {
				t.Error("the worker runs in another context")
			}
			return broken
		},
		Hurry: func() { t.Error("hurried") },
		Busy:  func() bool { t.Error("asked"); return false },
	})
	if !errors.Is(err, broken) {
		t.Errorf("it ended with %v", err)
	}
}

func TestOutsideByChoice(t *testing.T) {
	g := Outside(Config{Grace: time.Minute})
	if g.Instance() != "" || g.WorkerGrace() != time.Minute {
		t.Errorf("on %q with grace %s", g.Instance(), g.WorkerGrace())
	}
	runsAsIfAlone(t, g)
}

// TestWhereNoGroupIsKnown still heeds a spot notice.
func TestWhereNoGroupIsKnown(t *testing.T) {
	inBubble(t, Config{Grace: 10 * time.Second}, func(v *visit) { delete(v.meta.texts, pathGroup) }, func(v *visit) {
		v.worker.busy.Store(true)
		v.wait(2 * time.Second)
		v.meta.interrupt(2 * time.Minute)
		<-v.ended
		v.want("released after", seconds(&v.worker.hurried), 15)
		v.want("calls", v.scaling.did(), "")
	})
}

// TestTheWorkersErrorIsReturned whatever the guest does besides.
func TestTheWorkersErrorIsReturned(t *testing.T) {
	g := arrive(t.Context(), Config{}.withDefaults(), onInstance(), func(string) scaling { return &fakeScaling{began: time.Now()} })
	broken := errors.New("broken")
	err := g.Run(t.Context(), Work{Run: func(context.Context) error { return broken }, Hurry: func() {}, Busy: func() bool { return false }})
	if !errors.Is(err, broken) {
		t.Errorf("it ended with %v", err)
	}
}

// TestADeniedActionIsNamed so that a reader can allow it.
func TestADeniedActionIsNamed(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User x is not authorized</Message></Error></ErrorResponse>`)
	}))
	defer server.Close()
	cfg := Config{Hook: "drain", AWS: settings(server.URL)}
	atEndpoint(t, &metadataServer{texts: map[string]string{pathInstance: "i-0abc", pathGroup: "workers", pathRegion: "eu-central-1"}})
	g, err := Arrive(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for action, call := range map[string]func(context.Context) error{
		"autoscaling:SetInstanceProtection":          func(ctx context.Context) error { return g.group.protect(ctx, true) },
		"autoscaling:RecordLifecycleActionHeartbeat": g.group.heartbeat,
		"autoscaling:CompleteLifecycleAction":        g.group.complete,
	} {
		var typed *job.Error
		err := call(t.Context())
		if !errors.As(err, &typed) || !strings.Contains(typed.Remedy, action) || !strings.Contains(typed.Subject, "workers") {
			t.Errorf("%s: %v", action, err)
		}
	}
}
