package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/api/client"
	"github.com/motionmill/motionmill/notice"
)

// told is one request to a server of a test.
type told struct {
	path   string
	header http.Header
	body   []byte
}

// listener is a server that answers by path and hands on what it was told.
func listener(t *testing.T, answer func(path string, nth int) int) (url string, requests <-chan told) {
	t.Helper()
	all := make(chan told, 100)
	asked := make(chan map[string]int, 1)
	asked <- map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		counts := <-asked
		counts[r.URL.Path]++
		nth := counts[r.URL.Path]
		asked <- counts
		all <- told{r.URL.Path, r.Header, body}
		w.WriteHeader(answer(r.URL.Path, nth))
	}))
	t.Cleanup(server.Close)
	return server.URL, all
}

// TestAStageTellsOfAJob lets a stage of real processes tell of a job that is
// dead: two endpoints, one of which is gone at first, and Slack.
func TestAStageTellsOfAJob(t *testing.T) {
	needParts(t)
	url, requests := listener(t, func(path string, nth int) int {
		if path == "/gone" && nth == 1 {
			return http.StatusGone
		}
		return http.StatusOK
	})
	const secret, planted = "whsec-0123456789abcdef", "PLANTED-in-slack-url"
	s := startLocalWith(t, []string{
		"MOTIONMILL_WEBHOOK_URL=" + url + "/hook," + url + "/gone", "MOTIONMILL_WEBHOOK_SECRET=" + secret + ",another-secret-of-16",
		"MOTIONMILL_WEBHOOK_NETWORK=127.0.0.0/8", "MOTIONMILL_SLACK_WEBHOOK=" + url + "/slack/" + planted,
	}, t.TempDir())
	text := filepath.Join(t.TempDir(), "notes.mp4")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is not a video\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	id := s.upload(text)
	dead := s.await(id, func(j client.Job) bool { return j.State == "dead" })
	if dead.Request == "" {
		t.Errorf("the job does not know the request that brought it: %+v", dead)
	}
	got := map[string]told{}
	for len(got) < 3 {
		select {
		case r := <-requests:
			got[r.path] = r
		case <-time.After(time.Minute):
			t.Fatalf("only %v came\n%s", got, s.log)
		}
	}
	hook := got["/hook"]
	var sent api.Job
	if err := json.Unmarshal(hook.body, &sent); err != nil || sent.ID != id || sent.State != "dead" || sent.Error.Kind != "not_a_video" {
		t.Errorf("the webhook says %s (%v)", hook.body, err)
	}
	seconds, err := strconv.ParseInt(hook.header.Get(notice.SignatureHeader)[2:12], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	want := notice.Sign([][]byte{[]byte(secret), []byte("another-secret-of-16")}, time.Unix(seconds, 0), hook.body)
	if signed := hook.header.Get(notice.SignatureHeader); signed != want {
		t.Errorf("it is signed %s, want %s", signed, want)
	}
	if slack := string(got["/slack/"+planted].body); !strings.Contains(slack, "not_a_video") || !strings.Contains(slack, id) || strings.Contains(slack, planted) {
		t.Errorf("Slack is told %s", slack)
	}

	show := mustRun(t, "jobs", "show", id, "--server", s.page)
	list := mustRun(t, "jobs", "deliveries", "--server", s.page)
	if !strings.Contains(show, "answered 410") || !strings.Contains(list, "dead") || !strings.Contains(list, url+"/gone") {
		t.Errorf("show prints\n%s\ndeliveries prints\n%s", show, list)
	}
	if out := mustRun(t, "jobs", "redeliver", "--all", "--server", s.page); !strings.Contains(out, "1 webhook") {
		t.Errorf("redeliver prints %s", out)
	}
	select {
	case again := <-requests:
		if id := again.header.Get(notice.DeliveryHeader); again.path != "/gone" || id == "" || id != got["/gone"].header.Get(notice.DeliveryHeader) {
			t.Errorf("redelivered is %s under %q", again.path, id)
		}
	case <-time.After(time.Minute):
		t.Errorf("nothing was redelivered\n%s", s.log)
	}
	if !poll(10*time.Second, func() bool { return !strings.Contains(mustRun(t, "jobs", "deliveries", "--server", s.page), "/gone") }) {
		t.Error("it is still listed")
	}
	if strings.Contains(s.log.String(), planted) || strings.Contains(s.log.String(), secret) {
		t.Error("the log has a secret")
	}
}

func TestWebhooksThatCannotBeAreRefused(t *testing.T) {
	for name, settings := range map[string]webhookFlags{
		"http":           {urls: []string{"http://example.com/hook"}},
		"private":        {urls: []string{"https://127.0.0.1/hook"}},
		"metadata":       {urls: []string{"https://169.254.169.254/hook"}},
		"unusual number": {urls: []string{"https://2130706433/hook"}},
		"localhost":      {urls: []string{"https://localhost/hook"}},
		"user":           {urls: []string{"https://user:PLANTED@example.com/hook"}},
		"no address":     {urls: []string{"example.com/PLANTED"}},
		"network":        {urls: []string{"https://example.com/"}, networks: []string{"here"}},
		"outside":        {urls: []string{"http://192.168.0.1/hook"}, networks: []string{"10.0.0.0/8"}},
	} {
		if _, _, err := settings.endpoints(); err == nil || strings.Contains(err.Error(), "PLANTED") {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
	for name, settings := range map[string]webhookFlags{
		"public":  {urls: []string{"https://hooks.example.com:8444/in?token=t"}},
		"private": {urls: []string{"http://10.1.2.3:9000/hook", "http://receiver.internal/hook"}, networks: []string{"10.0.0.0/8"}},
	} {
		if _, _, err := settings.endpoints(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAVariableThatIsSetToNothingIsNoWebhook(t *testing.T) {
	f := webhookFlags{urls: []string{""}, secrets: []string{""}}
	if f.wanted() || len(f.secrets) != 0 {
		t.Errorf("wanted are %q, signed by %q", f.urls, f.secrets)
	}
}
