package api_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
)

const manifestText = `{"schema":"motionmill.manifest/1","outputs":[
	{"path":"video.mp4","bytes":5,"sha256":"ab","type":"video/mp4","width":640,"height":360,"frames":50,"duration_s":2},
	{"path":"hls/360p/init file.mp4","bytes":3}],
	"models":[{"name":"starter-pose","family":"heatmap","provider":"cpu"},{"name":"rtmpose","family":"simcc"}]}`

func (s *stage) succeed(id string) {
	rec := record(id, job.Succeeded)
	rec.Manifest = "outputs/" + id + "/3/manifest.json"
	s.ledger.Set(rec)
	s.store.Put("out", rec.Manifest, "application/json", []byte(manifestText))
	s.store.Put("out", "outputs/"+id+"/3/video.mp4", "video/mp4", []byte("video"))
	s.store.Put("out", "outputs/"+id+"/2/video.mp4", "video/mp4", []byte("zombi"))
}

func TestJobInFull(t *testing.T) {
	s := newStage(t)
	rec := record("j1", job.Failed)
	rec.DueAt = created.Add(time.Minute)
	rec.Progress = job.Progress{Step: "pose", Done: 10, Total: 50, FPS: 12.5, ETASeconds: 3.2}
	rec.Error = &job.Failure{Kind: job.OutOfDisk, Message: "write video.mp4: full", Stderr: []string{"No space left"}, Stack: "secret stack"}
	rec.History = []job.Attempt{{Fence: 3, Worker: "w1", StartedAt: created, EndedAt: created.Add(time.Second), Outcome: "failed", Error: rec.Error}}
	s.ledger.Set(rec)
	a := s.call(t, "GET", "/v1/jobs/j1", nil)
	wantStatus(t, a, 200)
	if strings.Contains(a.raw, "secret") {
		t.Errorf("the stack is shown: %s", a.raw)
	}
	for field, want := range map[string]any{
		"id": "j1", "state": "failed", "profile": "trainer", "name": "Kniebeuge seitlich.mp4", "attempt": 2.0, "fence": 3.0,
		"created_at": "2026-03-01T12:00:00Z", "due_at": "2026-03-01T12:01:00Z",
	} {
		if a.body[field] != want {
			t.Errorf("%s is %v, want %v", field, a.body[field], want)
		}
	}
	progress := a.body["progress"].(map[string]any)
	for field, want := range map[string]any{"step": "pose", "done": 10.0, "total": 50.0, "fps": 12.5, "eta_s": 3.2} {
		if progress[field] != want {
			t.Errorf("progress.%s is %v, want %v", field, progress[field], want)
		}
	}
	failure := a.body["error"].(map[string]any)
	if failure["kind"] != "out_of_disk" || failure["permanent"] != false || failure["remedy"] == "" || failure["message"] != "write video.mp4: full" {
		t.Errorf("error is %v", failure)
	}
	if h := a.body["history"].([]any)[0].(map[string]any); h["outcome"] != "failed" || h["worker"] != "w1" {
		t.Errorf("history is %v", h)
	}
}

func TestJobThatHasSucceeded(t *testing.T) {
	s := newStage(t)
	s.succeed("j1")
	a := s.call(t, "GET", "/v1/jobs/j1", nil)
	wantStatus(t, a, 200)
	outputs := a.body["outputs"].([]any)
	video, init := outputs[0].(map[string]any), outputs[1].(map[string]any)
	if video["href"] != "/v1/jobs/j1/files/video.mp4" || video["frames"] != 50.0 || init["href"] != "/v1/jobs/j1/files/hls/360p/init%20file.mp4" {
		t.Errorf("outputs are %v", outputs)
	}
	models := a.body["models"].([]any)
	if models[0].(map[string]any)["starter"] != true || models[1].(map[string]any)["starter"] != false {
		t.Errorf("models are %v", models)
	}
}

func TestJobThatIsNotThere(t *testing.T) {
	s := newStage(t)
	for _, path := range []string{"/v1/jobs/x", "/v1/jobs/x/events", "/v1/jobs/x/files/video.mp4"} {
		wantProblem(t, s.call(t, "GET", path, nil), 404, "not-found")
	}
	for _, path := range []string{"/v1/jobs/x/cancel", "/v1/jobs/x/retry"} {
		wantProblem(t, s.call(t, "POST", path, nil), 404, "not-found")
	}
}

func TestJobWhenPartsAreDown(t *testing.T) {
	s := newStage(t)
	s.succeed("j1")
	s.store.Fail(errors.New("secret"))
	wantProblem(t, s.call(t, "GET", "/v1/jobs/j1", nil), 503, "storage")
	s.store.Fail(nil)
	s.ledger.Fail(errors.New("secret"))
	for _, path := range []string{"/v1/jobs", "/v1/jobs/j1", "/v1/jobs/j1/events", "/v1/jobs/j1/files/video.mp4"} {
		wantProblem(t, s.call(t, "GET", path, nil), 503, "storage")
	}
	wantProblem(t, s.call(t, "POST", "/v1/redrive", map[string]any{"all": true}), 503, "storage")
}

func TestListsOfJobs(t *testing.T) {
	s := newStage(t)
	for i := range 5 {
		rec := record(fmt.Sprintf("j%d", i), job.Succeeded)
		rec.CreatedAt = created.Add(time.Duration(i) * time.Minute)
		switch i {
		case 1:
			rec.State = job.Dead
		case 2:
			rec.Profile = "pose"
		case 3:
			rec.State = job.Running
		}
		s.ledger.Set(rec)
	}
	for query, want := range map[string]string{
		"":                         "j4 j3 j2 j1 j0",
		"?limit=2":                 "j4 j3 | j2 j1 | j0",
		"?state=dead,running":      "j3 j1",
		"?profile=pose":            "j2",
		"?profile=pose&state=dead": "",
		"?state=succeeded&limit=1": "j4 | j2 | j0",
	} {
		var got []string
		cursor := ""
		for {
			path := "/v1/jobs" + query
			if cursor != "" {
				path += "&cursor=" + url.QueryEscape(cursor)
			}
			a := s.call(t, "GET", path, nil)
			wantStatus(t, a, 200)
			var ids []string
			for _, j := range a.body["jobs"].([]any) {
				ids = append(ids, j.(map[string]any)["id"].(string))
			}
			got = append(got, strings.Join(ids, " "))
			if cursor, _ = a.body["cursor"].(string); cursor == "" {
				break
			}
		}
		if text := strings.Join(got, " | "); text != want {
			t.Errorf("GET /v1/jobs%s gave %q, want %q", query, text, want)
		}
	}
	for _, query := range []string{"?limit=0", "?limit=1000", "?limit=x", "?state=broken", "?cursor=nonsense"} {
		wantProblem(t, s.call(t, "GET", "/v1/jobs"+query, nil), 422, "invalid")
	}
}

func TestFilesOfTheCommittedAttemptOnly(t *testing.T) {
	s := newStage(t)
	s.succeed("j1")
	s.ledger.Set(record("j2", job.Running))
	for path, want := range map[string]string{
		"video.mp4":                "/out/outputs/j1/3/video.mp4",
		"manifest.json":            "/out/outputs/j1/3/manifest.json",
		"hls/360p/init%20file.mp4": "/out/outputs/j1/3/hls/360p/init%20file.mp4",
	} {
		a := s.call(t, "GET", "/v1/jobs/j1/files/"+path, nil)
		wantStatus(t, a, 302)
		u, err := url.Parse(a.header.Get("Location"))
		if err != nil || u.EscapedPath() != want || u.Host != "store.test" {
			t.Errorf("%s leads to %s, want %s", path, a.header.Get("Location"), want)
		}
		if a.header.Get("Cache-Control") != "private, no-store" {
			t.Errorf("Cache-Control is %q", a.header.Get("Cache-Control"))
		}
	}
	for _, path := range []string{"overlay.mp4", "../2/video.mp4", "%2e%2e/2/video.mp4", "..%2f2%2fvideo.mp4", "", "video.mp4/"} {
		if a := s.call(t, "GET", "/v1/jobs/j1/files/"+path, nil); a.status == 302 || a.status == 200 {
			t.Errorf("%q was answered %d to %s", path, a.status, a.header.Get("Location"))
		}
	}
	wantProblem(t, s.call(t, "GET", "/v1/jobs/j1/files/overlay.mp4", nil), 404, "no-such-file")
	wantProblem(t, s.call(t, "GET", "/v1/jobs/j2/files/video.mp4", nil), 404, "no-such-file")
}

// What only asks for the size of a file must be led to an address that is
// signed for that.
func TestHeadOfAFile(t *testing.T) {
	s := newStage(t)
	s.succeed("j1")
	a := s.call(t, "HEAD", "/v1/jobs/j1/files/video.mp4", nil)
	wantStatus(t, a, 302)
	w := httptest.NewRecorder()
	s.store.ServeHTTP(w, httptest.NewRequest(http.MethodHead, a.header.Get("Location"), nil))
	if w.Code != 200 {
		t.Errorf("the store answered %d", w.Code)
	}
}

func TestFileThatIsToBeSaved(t *testing.T) {
	s := newStage(t)
	s.succeed("j1")
	a := s.call(t, "GET", "/v1/jobs/j1/files/video.mp4?download=1", nil)
	wantStatus(t, a, 302)
	w := httptest.NewRecorder()
	s.store.ServeHTTP(w, httptest.NewRequest(http.MethodGet, a.header.Get("Location"), nil))
	if got, want := w.Header().Get("Content-Disposition"), "attachment; filename*=UTF-8''Kniebeuge%20seitlich-video.mp4"; got != want || w.Body.String() != "video" {
		t.Errorf("it is saved as %q with %q, want %q", got, w.Body, want)
	}
}

// A job that is over is not said to be tried again, nor to be at its beginning.
func TestJobThatIsOver(t *testing.T) {
	s := newStage(t)
	for state, again := range map[job.State]bool{job.Failed: true, job.Dead: false, job.Cancelled: false} {
		rec := record("j1", state)
		rec.Error = &job.Failure{Kind: job.OutOfDisk, Message: "full"}
		rec.History = []job.Attempt{{Fence: 1, Error: rec.Error}}
		s.ledger.Set(rec)
		a := s.call(t, "GET", "/v1/jobs/j1", nil)
		if says := strings.Contains(a.raw, "tried again"); says != again {
			t.Errorf("of a job that is %s it is said: %s", state, a.raw)
		}
	}
	s.succeed("j2") // Its last note of progress came early: it was a short one.
	progress := s.call(t, "GET", "/v1/jobs/j2", nil).body["progress"].(map[string]any)
	if progress["fraction"] != 1.0 || progress["eta_s"] != 0.0 {
		t.Errorf("a job that has succeeded is at %v", progress)
	}
}

// Buckets throw results away after some time; the job is told of all the same.
func TestResultThatWasThrownAway(t *testing.T) {
	s := newStage(t)
	rec := record("j1", job.Succeeded)
	rec.Manifest = "outputs/j1/3/manifest.json"
	s.ledger.Set(rec)
	a := s.call(t, "GET", "/v1/jobs/j1", nil)
	wantStatus(t, a, 200)
	if a.body["state"] != "succeeded" || a.body["outputs"] != nil {
		t.Errorf("the job is %s", a.raw)
	}
	for _, path := range []string{"video.mp4", "manifest.json"} {
		a := s.call(t, "GET", "/v1/jobs/j1/files/"+path, nil)
		wantProblem(t, a, 404, "no-such-file")
		if !strings.Contains(a.raw, "any more") {
			t.Errorf("%s does not say why", a.raw)
		}
	}
}

func TestManifestThatLeadsElsewhere(t *testing.T) {
	s := newStage(t)
	s.succeed("j1")
	s.store.Put("out", "outputs/j1/3/manifest.json", "", []byte(`{"outputs":[{"path":"../2/video.mp4"}]}`))
	wantProblem(t, s.call(t, "GET", "/v1/jobs/j1/files/..%2f2%2fvideo.mp4", nil), 503, "storage")
}
