package ledgertest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
)

func highWater(t *testing.T, l Ledger) {
	source := func(key, sequencer string) job.Source {
		return job.Source{Bucket: "uploads", Key: key, Sequencer: sequencer}
	}
	want := func(h job.HighWater, err error, sequencer, id string) {
		t.Helper()
		if err != nil || h != (job.HighWater{Sequencer: sequencer, Job: id}) {
			t.Errorf("got %+v and error %v, want sequencer %q of job %q", h, err, sequencer, id)
		}
	}
	h, err := l.HighWater(t.Context(), "uploads", "k")
	want(h, err, "", "")
	for _, step := range []struct{ sequencer, job, inForce, by string }{
		{"", "first", "", "first"},
		{"", "second", "", "first"}, // None is newer than none.
		{"0055AED6DCD90281E5", "b", "0055AED6DCD90281E5", "b"},
		{"0055AED6DCD90281E4", "a", "0055AED6DCD90281E5", "b"}, // older, and later
		{"", "none", "0055AED6DCD90281E5", "b"},
		{"0055aed6dcd90281e5", "same", "0055AED6DCD90281E5", "b"},
		{"0055AED6DCD90281E50000", "padded", "0055AED6DCD90281E5", "b"}, // padded with zeros it is the same
		{"0055AED6DCD90281E501", "longer", "0055AED6DCD90281E501", "longer"},
		{"0056", "c", "0056", "c"}, // shorter, and newer
		{"00559", "older", "0056", "c"},
	} {
		h, err := l.RaiseHighWater(t.Context(), source("k", step.sequencer), step.job)
		want(h, err, step.inForce, step.by)
		h, err = l.HighWater(t.Context(), "uploads", "k")
		want(h, err, step.inForce, step.by)
	}
	h, err = l.HighWater(t.Context(), "uploads", "other")
	want(h, err, "", "")
	h, err = l.HighWater(t.Context(), "elsewhere", "k")
	want(h, err, "", "")
}

func highWaterAtOnce(t *testing.T, l Ledger) {
	const n = 12
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			s := job.Source{Bucket: "uploads", Key: "raced", Sequencer: fmt.Sprintf("%04X", (i*7)%n)}
			got, err := l.RaiseHighWater(t.Context(), s, "job "+s.Sequencer)
			if err != nil {
				t.Errorf("raise: %v", err)
			} else if job.CompareSequencers(got.Sequencer, s.Sequencer) < 0 {
				t.Errorf("after raising to %s, %s is in force", s.Sequencer, got.Sequencer)
			}
		})
	}
	wait.Wait()
	newest := fmt.Sprintf("%04X", n-1)
	if got, err := l.HighWater(t.Context(), "uploads", "raced"); err != nil || got != (job.HighWater{Sequencer: newest, Job: "job " + newest}) {
		t.Errorf("in force is %+v, error %v; want %s", got, err, newest)
	}
}

// manyRecords is more than any case of the suite makes.
const manyRecords = 200

// list gives the ids of all pages, limit records each.
func list(t *testing.T, l Ledger, f job.Filter, limit int) []string {
	t.Helper()
	var ids []string
	cursor := ""
	for {
		records, next, err := l.List(t.Context(), f, limit, cursor)
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		if len(records) > limit {
			t.Fatalf("a page of %d holds %d records", limit, len(records))
		}
		for _, r := range records {
			if r.ReadAt.IsZero() {
				t.Fatalf("record %s of a list was not stamped", r.ID)
			}
			ids = append(ids, r.ID)
		}
		if next == "" {
			return ids
		}
		if len(ids) > manyRecords {
			t.Fatalf("the pages do not end: %q", ids[:20])
		}
		cursor = next
	}
}

func listSelects(t *testing.T, l Ledger) {
	if got := list(t, l, job.Filter{}, 10); len(got) != 0 {
		t.Errorf("an empty ledger lists %q", got)
	}
	ids := map[string]string{}
	for _, each := range []struct {
		name, profile, bucket, key string
		state                      job.State
	}{
		{"a", "trainer", "uploads", "1", job.Queued},
		{"b", "pose", "uploads", "1", job.Running},
		{"c", "trainer", "uploads", "2", job.Dead},
		{"d", "trainer", "other", "1", job.Succeeded},
		{"e", "matte", "third", "owner=ü%_/3", job.Running},
	} {
		r := record()
		r.Profile, r.Source.Bucket, r.Source.Key = each.profile, each.bucket, each.key
		r.ID = job.ID(r.Source, r.Profile)
		ids[each.name] = r.ID
		if each.state == job.Queued {
			put(t, l, r, fresh())
		} else {
			reach(t, l, r, each.state, 1)
		}
	}
	for _, c := range []struct {
		filter job.Filter
		want   string
	}{
		{job.Filter{}, "abcde"},
		{job.Filter{States: []job.State{job.Queued}}, "a"},
		{job.Filter{States: []job.State{job.Dead, job.Running}}, "bce"},
		{job.Filter{States: []job.State{job.Cancelled}}, ""},
		{job.Filter{Profile: "trainer"}, "acd"},
		{job.Filter{Bucket: "uploads"}, "abc"},
		{job.Filter{Key: "1"}, "abd"},
		{job.Filter{KeyPrefix: "owner=ü%_/"}, "e"},
		{job.Filter{KeyPrefix: "owner=ü%_/", States: []job.State{job.Running}}, "e"},
		{job.Filter{KeyPrefix: "owner=ü__/"}, ""},
		{job.Filter{KeyPrefix: "OWNER"}, ""},
		{job.Filter{KeyPrefix: "1", Bucket: "other"}, "d"},
		{job.Filter{Bucket: "uploads", Key: "1", Profile: "trainer"}, "a"},
		{job.Filter{Bucket: "uploads", Key: "1", States: []job.State{job.Running}}, "b"},
	} {
		var want []string
		for _, name := range c.want {
			want = append(want, ids[string(name)])
		}
		for _, limit := range []int{1, 100} {
			got := list(t, l, c.filter, limit)
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("filter %+v by pages of %d gives %d records %q, want %d: %s", c.filter, limit, len(got), got, len(want), c.want)
			}
		}
	}
}

func pages(t *testing.T, l Ledger) {
	var created []string
	add := func() {
		r := record()
		put(t, l, r, fresh())
		created = append(created, r.ID)
	}
	for range 9 {
		add()
	}
	want := slices.Clone(created)
	var got []string
	var last job.Record
	cursor := ""
	for {
		records, next, err := l.List(t.Context(), job.Filter{}, 4, cursor)
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		for _, r := range records {
			if last.ID != "" && r.CreatedAt.After(last.CreatedAt) {
				t.Errorf("%s, created at %s, is listed after %s, created at %s", r.ID, r.CreatedAt, last.ID, last.CreatedAt)
			}
			last = r
			got = append(got, r.ID)
		}
		if next == "" {
			break
		}
		if len(got) > manyRecords {
			t.Fatalf("the pages do not end: %q", got[:20])
		}
		cursor = next
		add() // Jobs come in, and others change, between the pages.
		changed := get(t, l, want[0])
		changed.Weight++
		put(t, l, changed, in(0, job.Queued))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the pages hold %d records, want exactly the %d that were there at first", len(got), len(want))
	}
	if all := list(t, l, job.Filter{}, 3); len(all) != len(created) {
		t.Errorf("a new list holds %d records, want %d", len(all), len(created))
	}
}

func badPages(t *testing.T, l Ledger) {
	put(t, l, record(), fresh())
	for _, cursor := range []string{"nonsense", "bm9uc2Vuc2U", "?", "MTIz"} {
		if _, _, err := l.List(t.Context(), job.Filter{}, 10, cursor); job.KindOf(err) != job.Unsupported {
			t.Errorf("cursor %q gave %v, want an error of kind %s", cursor, err, job.Unsupported)
		}
	}
	for _, limit := range []int{0, -1, 100_000} {
		if _, _, err := l.List(t.Context(), job.Filter{}, limit, ""); job.KindOf(err) != job.Unsupported {
			t.Errorf("limit %d gave %v, want an error of kind %s", limit, err, job.Unsupported)
		}
		if _, err := l.Stale(t.Context(), time.Now(), limit); job.KindOf(err) != job.Unsupported {
			t.Errorf("limit %d of stale records gave %v, want an error of kind %s", limit, err, job.Unsupported)
		}
	}
}

func stale(t *testing.T, l Ledger) {
	want := map[string]bool{}
	for _, state := range job.States() {
		r := record()
		reach(t, l, r, state, 1)
		if !state.Final() {
			want[r.ID] = true
		}
	}
	now := get(t, l, "clock").ReadAt
	none, err := l.Stale(t.Context(), now.Add(-time.Hour), 100)
	if err != nil || len(none) != 0 {
		t.Errorf("an hour ago there were %d stale records, error %v; want none", len(none), err)
	}
	all, err := l.Stale(t.Context(), now.Add(time.Hour), 100)
	if err != nil {
		t.Fatalf("stale: %v", err)
	}
	for _, r := range all {
		if !want[r.ID] {
			t.Errorf("a %s record counts as stale", r.State)
		}
		delete(want, r.ID)
	}
	if len(want) != 0 {
		t.Errorf("%d stale records were not found", len(want))
	}
	if few, err := l.Stale(t.Context(), now.Add(time.Hour), 2); err != nil || len(few) != 2 {
		t.Errorf("a limit of 2 gave %d records and error %v", len(few), err)
	}
}
