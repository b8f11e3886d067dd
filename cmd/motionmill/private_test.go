package main

import (
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// get asks once; a port that nobody listens on gives the status 0.
func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Timeout: 10 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

var privateOpened = regexp.MustCompile(`msg="private port is open" address=(\S+)`)

// private waits until a process has opened its private port, and returns its URL.
func (r *running) private() string {
	r.t.Helper()
	url := ""
	r.until("its private port is open", func() bool {
		if found := privateOpened.FindStringSubmatch(r.log.String()); found != nil {
			url = "http://" + found[1]
		}
		return url != ""
	})
	return url
}

// serve starts an API with a private port and returns its public URL as well.
func (s *site) serve(args ...string) (api *running, public, private string) {
	s.t.Helper()
	api = s.start(append([]string{"serve", "--listen-private", "127.0.0.1:0"}, args...)...)
	private = api.private()
	api.until("it is ready", func() bool { status, _ := get(s.t, private+"/readyz"); return status == http.StatusOK })
	return api, s.stage.URL(), private
}

// TestProcessesShowThemselves looks at the private ports of an API and a worker
// with real parts, which then lose one.
func TestProcessesShowThemselves(t *testing.T) {
	s := newSite(t)
	_, public, private := s.serve()
	w := s.worker("--listen-private", "127.0.0.1:0", "--capacity-file", capacityFile(t, measured(3)))
	worker := w.private()
	w.until("the worker is ready", func() bool { status, _ := get(t, worker+"/readyz"); return status == http.StatusOK })

	get(t, public+"/v1/jobs/nothing")
	for url, lines := range map[string][]string{
		private + "/metrics": {
			`motionmill_queue_messages{queue="work",state="visible"} 0`, `motionmill_queue_oldest_seconds{queue="dead_letter"} 0`,
			`motionmill_http_requests_total{method="GET",route="/v1/jobs/{id}",status="404"} 1`, "motionmill_panics_total 0",
		},
		worker + "/metrics": {
			"motionmill_units_capacity 3", "motionmill_units_used 0", `motionmill_lease_renewals_total{outcome="late"} 0`,
			`motionmill_model_info{model="`, // The models of the default profile are open.
		},
	} {
		_, page := get(t, url)
		for _, line := range lines {
			if !strings.Contains(page, "\n"+line) {
				t.Errorf("%s does not hold %q:\n%s", url, line, page)
			}
		}
	}
	for _, path := range []string{"/metrics", "/readyz", "/debug/pprof/"} {
		if status, body := get(t, public+path); status != http.StatusNotFound {
			t.Errorf("the public port has %s: %d %.100s", path, status, body)
		}
	}
	if status, _ := get(t, worker+"/debug/pprof/goroutine"); status != http.StatusOK {
		t.Errorf("no profile of the worker: %d", status)
	}
	s.objects.signal(syscall.SIGKILL)
	w.until("the store is missed", func() bool {
		status, body := get(t, worker+"/readyz")
		return status == http.StatusServiceUnavailable && strings.HasPrefix(body, "store: ")
	})
	if status, _ := get(t, worker+"/healthz"); status != http.StatusOK {
		t.Errorf("a worker without a store is not alive: %d", status)
	}
}

// TestAWorkerThatStopsIsNotReady signals one that has a job in hand.
func TestAWorkerThatStopsIsNotReady(t *testing.T) {
	s := newSite(t)
	w, _ := s.busy("--listen-private", "127.0.0.1:0", "--grace", "1m")
	url := w.private()
	w.signal(syscall.SIGTERM)
	w.until("it is not ready", func() bool {
		status, body := get(t, url+"/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "stopping")
	})
	if status, page := get(t, url+"/metrics"); status != http.StatusOK || !strings.Contains(page, "\nmotionmill_units_used 1\n") {
		t.Errorf("a worker that stops shows nothing: %d", status)
	}
}

// TestPrivatePorts tries what may be asked for, with a port that is taken.
func TestPrivatePorts(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	stage := func(args ...string) []string {
		return append(append([]string{"serve", "--listen", "127.0.0.1:0"}, args...), "--uploads-bucket", "u", "--outputs-bucket", "o",
			"--work-queue-url", "sqlite://"+dir+"/s.db?queue=work", "--in-progress-queue-url", "sqlite://"+dir+"/s.db?queue=timers",
			"--dead-letter-queue-url", "sqlite://"+dir+"/s.db?queue=dead", "--ledger-table", "sqlite://"+dir+"/s.db")
	}
	for address, want := range map[string]int{taken.Addr().String(): statusMissing, "9090": statusUsage, "nowhere.invalid:1": statusMissing} {
		t.Setenv("AWS_REGION", "us-east-1")
		_, errs, status := motionmill(t, stage("--listen-private", address)...)
		if status != want || !strings.Contains(errs, address) || !strings.Contains(errs, "listen-private") {
			t.Errorf("--listen-private %s: status %d, want %d: %s", address, status, want, errs)
		}
	}
	if _, errs, status := motionmill(t, "serve", "--log-format", "yaml"); status != statusUsage || !strings.Contains(errs, "text or json") {
		t.Errorf("--log-format yaml: status %d: %s", status, errs)
	}
}

// TestTheDefaultPortIsAWish has two processes of one stage on one machine.
func TestTheDefaultPortIsAWish(t *testing.T) {
	wish, err := net.Listen("tcp", privateListen) // Or something else has it: it is taken in any case.
	if err == nil {
		defer wish.Close()
	}
	s := newSite(t)
	api := s.start("serve", "--listen-private", "off", "--log-format", "json")
	api.until("it serves", func() bool { status, _ := get(t, s.stage.URL()+"/healthz"); return status == http.StatusOK })
	if log := api.log.String(); strings.Contains(log, "private port") {
		t.Errorf("a port that is off is opened:\n%s", log)
	}
	w := s.worker()
	url := w.private()
	port, err := strconv.Atoi(url[strings.LastIndex(url, ":")+1:])
	if err != nil || port == 9090 || !strings.Contains(w.log.String(), "the default private port is taken") {
		t.Errorf("the second process is at %s:\n%s", url, w.log.String())
	}
	if status, _ := get(t, url+"/metrics"); status != http.StatusOK {
		t.Errorf("%s/metrics: %d", url, status)
	}
}
