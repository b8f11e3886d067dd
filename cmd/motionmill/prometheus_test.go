package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/motionmill/motionmill/cloudtest"
	"github.com/motionmill/motionmill/job"
)

// prometheus is the real one, with the alerts of packaging/observe, which it
// fires within seconds here.
type prometheus struct {
	*running
	url string
}

// startPrometheus has it scrape addresses five times a second.
func startPrometheus(t *testing.T, addresses ...string) *prometheus {
	t.Helper()
	path := cloudtest.Program(t, "prometheus")
	dir := t.TempDir()
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join("../../packaging/observe", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Nothing but times and addresses is changed.
	write("alerts.yml", regexp.MustCompile(`(?m)^( +for:) .*$`).ReplaceAllString(read("alerts.yml"), "$1 1s"))
	config := regexp.MustCompile(`(scrape|evaluation)_interval: \S+`).ReplaceAllString(read("prometheus.yml"), "${1}_interval: 200ms")
	config = strings.Replace(config, `["127.0.0.1:9090", "127.0.0.1:9091"]`, `["`+strings.Join(addresses, `", "`)+`"]`, 1)
	if !strings.Contains(config, addresses[0]) {
		t.Fatalf("prometheus.yml is not as this test expects it:\n%s", config)
	}
	write("prometheus.yml", config)
	listen := cloudtest.FreeAddress(t)
	p := &prometheus{url: "http://" + listen}
	p.running = startProcess(t, exec.CommandContext(t.Context(), path, "--config.file", filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path", filepath.Join(dir, "data"), "--web.listen-address", listen, "--log.level", "warn"))
	p.until("prometheus is ready", func() bool { status, _ := get(t, p.url+"/-/ready"); return status == http.StatusOK })
	return p
}

// alerts returns the state of every alert that is not quiet, by its name.
func (p *prometheus) alerts() map[string]string {
	_, body := get(p.t, p.url+"/api/v1/alerts")
	var answer struct {
		Data struct {
			Alerts []struct {
				State  string
				Labels map[string]string
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		p.t.Fatalf("alerts: %v: %s", err, body)
	}
	states := map[string]string{}
	for _, a := range answer.Data.Alerts {
		states[a.Labels["alertname"]] = a.State
	}
	return states
}

// fires waits until an alert fires, or does not any more.
func (p *prometheus) fires(alert string, want bool) {
	p.t.Helper()
	p.until(fmt.Sprintf("%s fires: %t", alert, want), func() bool { return (p.alerts()[alert] == "firing") == want })
}

// TestPrometheusFiresAlerts has the real Prometheus watch a real API: nobody
// takes a job, and an alert fires; a worker comes, and it is quiet again; a
// message that nobody can read comes, and another fires.
func TestPrometheusFiresAlerts(t *testing.T) {
	s := newSite(t)
	_, _, api := s.serve()
	listen := cloudtest.FreeAddress(t)
	p := startPrometheus(t, strings.TrimPrefix(api, "http://"), listen)
	p.fires("MotionmillDown", true) // The worker's port.
	if state := p.alerts()["MotionmillNoWorker"]; state != "" {
		t.Errorf("with nothing to do MotionmillNoWorker is %s", state)
	}
	if err := s.work.Send(t.Context(), job.Outgoing{Body: []byte("{")}); err != nil {
		t.Fatal(err)
	}
	p.fires("MotionmillNoWorker", true)

	began := time.Now()
	s.worker("--listen-private", listen)
	p.fires("MotionmillNoWorker", false)
	p.fires("MotionmillDown", false)
	p.fires("MotionmillDeadLetters", true)
	t.Logf("with a worker it took %s", time.Since(began).Round(time.Millisecond))
	for alert, state := range p.alerts() {
		// The disk of the machine that runs the tests may really be full.
		if alert != "MotionmillDeadLetters" && alert != "MotionmillDiskFull" {
			t.Errorf("%s is %s", alert, state)
		}
	}
}
