package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/job"
)

// Every call that takes a job's id, from the API's own description: one that is
// added is tried as well.
func TestEveryCallOfAJobAsksWhoseItIs(t *testing.T) {
	s := guarded(t)
	fill := strings.NewReplacer("{id}", "theirs", "{path}", "video.mp4", "{link}", strings.Repeat("A", 26))
	tried := 0
	for _, call := range everyCall(t, s) {
		method, path, _ := strings.Cut(call, " ")
		if !strings.HasPrefix(path, "/v1/jobs/{id}") {
			continue
		}
		tried++
		for _, state := range []job.State{job.Running, job.Succeeded, job.Dead} {
			s.owned("theirs", "ben", state)
			a := s.call(t, method, fill.Replace(path), nil, as(t, "anna", "uploader")...)
			wantProblem(t, a, 404, "not-found")
			if !strings.Contains(a.raw, "There is no job") {
				t.Errorf("%s of a job that is %s was answered %s", call, state, a.raw)
			}
		}
	}
	if tried < 9 {
		t.Errorf("only %d calls take a job", tried)
	}
}

// An upload's id and the store's id of it, in the hands of somebody else.
func TestAnotherOwnersUploadIsNotThere(t *testing.T) {
	s := guarded(t, func(c *api.Config) { c.MultipartAbove, c.PartBytes = 10, 5<<20 })
	anna, ben := as(t, "anna", "uploader"), as(t, "ben", "uploader")
	up := s.call(t, "POST", "/v1/uploads", map[string]any{"name": "a.mp4", "bytes": 11, "type": "video/mp4"}, anna...)
	wantStatus(t, up, 201)
	key := up.body["key"].(string)
	part := up.body["parts"].([]any)[0].(map[string]any)
	if code := s.send(t, part["url"].(string), "eleven byte", nil); code != 200 {
		t.Fatalf("the part was answered %d", code)
	}
	ids := "/v1/uploads/" + up.body["id"].(string)
	complete, parts, abort := up.body["complete_url"].(string), up.body["parts_url"].(string), up.body["abort_url"].(string)
	done := s.call(t, "GET", parts, nil, anna...).body["parts"].([]any)
	all := map[string]any{"parts": []any{map[string]any{"number": 1, "etag": done[0].(map[string]any)["etag"]}}}

	wantProblem(t, s.call(t, "GET", parts, nil, ben...), 410, "upload-gone")
	wantProblem(t, s.call(t, "POST", complete, all, ben...), 410, "upload-gone")
	wantStatus(t, s.call(t, "POST", abort, nil, ben...), 204) // As for one that is gone.
	for _, signed := range s.call(t, "POST", parts, map[string]any{"parts": []any{map[string]any{"number": 1, "bytes": 11}}}, ben...).body["parts"].([]any) {
		if u := fmt.Sprint(signed); strings.Contains(u, key) {
			t.Errorf("ben may write to %s", u)
		}
	}
	if a := s.call(t, "GET", ids, nil, ben...); a.body["state"] != "waiting" {
		t.Errorf("ben sees %s", a.raw)
	}
	if n := s.store.Uploads(); n != 1 {
		t.Errorf("%d uploads are left", n)
	}
	wantStatus(t, s.call(t, "POST", complete, all, anna...), 200)
	if got, _ := s.store.Body("up", key); string(got) != "eleven byte" {
		t.Errorf("the object is %q", got)
	}
	if a := s.call(t, "GET", ids, nil, ben...); a.body["state"] != "waiting" {
		t.Errorf("once it has arrived, ben sees %s", a.raw)
	}
}
