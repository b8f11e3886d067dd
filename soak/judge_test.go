package soak_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/soak"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

const sum = "5ca1ab1e"

// scene is a soak of three jobs that went well: the first was lost by a killed
// worker once and given back once, the second is replaced by the third.
type scene struct {
	soak.Evidence
	ids [3]string
}

func newScene() *scene {
	s := &scene{Evidence: soak.Evidence{
		Records: map[string]job.Record{}, Files: map[string]string{}, Manifests: map[string][]byte{}, Left: map[string]int{"work": 0},
		Ends: []soak.End{
			{Worker: "w1.1", Signal: syscall.SIGKILL, At: at(10), Gone: at(10), Err: errors.New("signal: killed")},
			{Worker: "w2.1", Signal: syscall.SIGTERM, At: at(30), Gone: at(31)},
			{Worker: "w3.1", Signal: syscall.SIGKILL, At: at(63), Gone: at(63), Err: errors.New("signal: killed")},
		},
	}}
	for n, source := range []job.Source{
		{Bucket: "u", Key: "a.mp4", ETag: "1", Sequencer: "01"}, {Bucket: "u", Key: "b.mp4", ETag: "2", Sequencer: "02"},
		{Bucket: "u", Key: "b.mp4", ETag: "3", Sequencer: "03"},
	} {
		order := job.Order{Source: source, Profile: "transcode"}
		s.Orders = append(s.Orders, order)
		s.ids[n] = order.ID()
		rec := job.Record{
			ID: s.ids[n], Source: source, State: job.Succeeded, Announced: true, Fence: 1, Attempt: 1, UpdatedAt: at(60),
			History: []job.Attempt{{Fence: 1, Worker: "w2.1", StartedAt: at(5), EndedAt: at(6), Outcome: "succeeded"}},
		}
		s.Records[rec.ID] = rec
	}
	s.change(0, func(rec *job.Record) {
		rec.Fence, rec.Attempt = 3, 2
		rec.History = []job.Attempt{
			{Fence: 1, Worker: "w1.1", StartedAt: at(9), EndedAt: at(17), Outcome: "lost", Error: &job.Failure{Kind: job.Crashed}},
			{Fence: 2, Worker: "w2.1", StartedAt: at(18), EndedAt: at(31), Outcome: "released"},
			{Fence: 3, Worker: "w1.2", StartedAt: at(32), EndedAt: at(33), Outcome: "succeeded"},
		}
	})
	s.change(1, func(rec *job.Record) { rec.State, rec.History[0].Outcome = job.Superseded, "superseded" })
	s.change(2, func(rec *job.Record) { // Killed between the commit and the announcement.
		rec.History[0] = job.Attempt{Fence: 1, Worker: "w3.1", StartedAt: at(61), EndedAt: at(62), Outcome: "succeeded"}
		rec.UpdatedAt = at(70)
	})
	s.publish(0, 3)
	s.publish(2, 1)
	return s
}

func (s *scene) change(n int, how func(*job.Record)) {
	rec := s.Records[s.ids[n]]
	rec.History = slices.Clone(rec.History)
	how(&rec)
	s.Records[rec.ID] = rec
}

// publish makes the outputs of an attempt the result of a job.
func (s *scene) publish(n int, fence int64) {
	root := "outputs/" + s.ids[n] + "/"
	folder := fmt.Sprintf("%s%d/", root, fence)
	text := fmt.Appendf(nil, `{"job":%q,"fence":%d,"outputs":[{"path":"video.mp4","sha256":%q}]}`, s.ids[n], fence, sum)
	s.Files[folder+"video.mp4"] = sum
	for _, key := range []string{root + "manifest.json", folder + "manifest.json"} {
		s.Files[key], s.Manifests[key] = "whatever", text
	}
	s.change(n, func(rec *job.Record) { rec.Manifest = folder + "manifest.json" })
}

func (s *scene) drop(key string) { delete(s.Files, key); delete(s.Manifests, key) }

var limits = soak.Limits{Recovery: 10 * time.Second}

func TestASoakThatWentWell(t *testing.T) {
	v := soak.Judge(newScene().Evidence)
	if wrong := v.Wrong(limits); len(wrong) > 0 {
		t.Errorf("it is taken for wrong: %q", wrong)
	}
	if v.Jobs != 3 || v.Wasted.Kills != 1 || v.Released != 1 || v.Superseded != 1 {
		t.Errorf("the verdict is %+v", v)
	}
	if want := []time.Duration{7 * time.Second, 8 * time.Second}; !slices.Equal(v.Recoveries, want) {
		t.Errorf("the recoveries are %v, want %v", v.Recoveries, want)
	}
}

// TestWhatIsPlantedIsFound plants one fault at a time.
func TestWhatIsPlantedIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		plant func(*scene)
		want  string
	}{
		"no record":     {func(s *scene) { delete(s.Records, s.ids[0]) }, "lost: "},
		"not final":     {func(s *scene) { s.change(0, func(r *job.Record) { r.State = job.Failed }) }, "lost: "},
		"not announced": {func(s *scene) { s.change(0, func(r *job.Record) { r.Announced = false }) }, "never announced"},
		"dead":          {func(s *scene) { s.change(0, func(r *job.Record) { r.State = job.Dead }) }, "lost: "},
		"superseded by none": {func(s *scene) {
			s.change(2, func(r *job.Record) { r.State = job.Superseded })
		}, "lost: "},
		"no manifest":   {func(s *scene) { s.drop("outputs/" + s.ids[0] + "/manifest.json") }, "lost: "},
		"two commits":   {func(s *scene) { s.change(0, func(r *job.Record) { r.History[0].Outcome = "succeeded" }) }, "committed 2 times"},
		"other fence":   {func(s *scene) { s.publish(0, 2); s.change(0, func(r *job.Record) { r.Fence = 3 }) }, "doubled: "},
		"output gone":   {func(s *scene) { s.drop("outputs/" + s.ids[0] + "/3/video.mp4") }, "doubled: "},
		"output other":  {func(s *scene) { s.Files["outputs/"+s.ids[0]+"/3/video.mp4"] = "0" }, "doubled: "},
		"manifests two": {func(s *scene) { s.Manifests["outputs/"+s.ids[0]+"/3/manifest.json"] = []byte("{}") }, "doubled: "},
		"manifest of a superseded one": {func(s *scene) {
			s.Manifests["outputs/"+s.ids[1]+"/manifest.json"] = []byte("{}")
		}, "doubled: "},
		"stray file": {func(s *scene) { s.Files["outputs/"+s.ids[0]+"/1/video.mp4"] = sum }, "stray: "},
		"storage failed": {func(s *scene) {
			s.change(0, func(r *job.Record) {
				r.History[0].Outcome, r.History[0].Error = "failed", &job.Failure{Kind: job.Storage}
			})
		}, "wasted by faults: "},
		"something failed": {func(s *scene) {
			s.change(0, func(r *job.Record) {
				r.History[0].Outcome, r.History[0].Error = "failed", &job.Failure{Kind: job.Internal}
			})
		}, "wasted by nothing known: "},
		"lost by a worker that lived":  {func(s *scene) { s.Ends = s.Ends[1:] }, "wasted by nothing known: "},
		"lost by one that was stopped": {func(s *scene) { s.Ends[0].Signal = syscall.SIGTERM }, "wasted by nothing known: "},
		"lost before the kill":         {func(s *scene) { s.Ends[0].At = at(20) }, "wasted by nothing known: "},
		"charged too much":             {func(s *scene) { s.change(0, func(r *job.Record) { r.Attempt = 3 }) }, "charged 3 attempts"},
		"slow": {func(s *scene) {
			s.change(0, func(r *job.Record) { r.History[1].StartedAt = at(25) })
			s.change(2, func(r *job.Record) { r.UpdatedAt = at(80) })
		}, "2 of 2 recoveries took more than 10s; the slowest is job " + newScene().ids[2]},
		"messages left": {func(s *scene) { s.Left["in-progress"] = 2 }, "left: 2 messages in the in-progress queue"},
	} {
		s := newScene()
		c.plant(s)
		wrong := soak.Judge(s.Evidence).Wrong(limits)
		if !slices.ContainsFunc(wrong, func(text string) bool { return strings.Contains(text, c.want) }) {
			t.Errorf("%s: %q, want %q", name, wrong, c.want)
		}
	}
}

func TestOneOfFewMayBeSlow(t *testing.T) {
	s := newScene()
	s.change(0, func(r *job.Record) { r.History[1].StartedAt = at(25) })
	if wrong := soak.Judge(s.Evidence).Wrong(limits); len(wrong) > 0 {
		t.Errorf("it is taken for wrong: %q", wrong)
	}
}

func TestASourceThatWasReplacedMayBeDead(t *testing.T) {
	s := newScene()
	s.change(1, func(r *job.Record) { r.State, r.Error = job.Dead, &job.Failure{Kind: job.SourceReplaced} })
	if wrong := soak.Judge(s.Evidence).Wrong(limits); len(wrong) > 0 {
		t.Errorf("it is taken for wrong: %q", wrong)
	}
}

func TestPercentiles(t *testing.T) {
	var hundred []time.Duration
	for n := range 100 {
		hundred = append(hundred, time.Duration(n+1))
	}
	for share, want := range map[float64]time.Duration{0: 1, 0.5: 50, 0.99: 99, 1: 100} {
		if got := soak.Percentile(hundred, share); got != want {
			t.Errorf("of 1 to 100 the share %v gives %d, want %d", share, got, want)
		}
	}
	if soak.Percentile(nil, 0.99) != 0 || soak.Percentile(hundred[:1], 0.5) != 1 {
		t.Error("few times give something else")
	}
}
