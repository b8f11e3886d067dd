package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/inference/onnx"
)

// TestClimb measures machines that are known: how fast they are with so many
// jobs at once.
func TestClimb(t *testing.T) {
	for name, c := range map[string]struct {
		processors int
		speed      func(jobs int) float64
		tried      []int
		best       int
	}{
		"one job fills it":        {2, func(int) float64 { return 1 }, []int{1, 2, 3}, 1},
		"two jobs fill it":        {2, func(n int) float64 { return min(float64(n), 1.9) }, []int{1, 2, 3, 4}, 2},
		"a tenth more by a third": {2, func(n int) float64 { return []float64{0, 1, 1.5, 1.65, 1.65, 1.65, 1.65}[n] }, []int{1, 2, 3, 4, 5}, 3},
		"too many slow it down":   {4, func(n int) float64 { return float64(n) / (1 + float64(n*n)/20) }, []int{1, 2, 3, 4, 5, 7}, 4},
		"it has no end":           {2, func(n int) float64 { return float64(n) }, []int{1, 2, 3, 4, 5, 7}, 7},
		"more on a plateau":       {8, func(n int) float64 { return float64(max(n/4, 1)) }, []int{1, 2, 3}, 1},
	} {
		var tried []int
		levels, err := climb(c.processors, func(jobs int) (level, error) {
			tried = append(tried, jobs)
			return level{Jobs: jobs, Speed: c.speed(jobs)}, nil
		})
		if err != nil || !reflect.DeepEqual(tried, c.tried) || best(levels).Jobs != c.best {
			t.Errorf("%s: tried %v, best %+v, %v", name, tried, best(levels), err)
		}
	}
	failed := errors.New("no ffmpeg")
	if _, err := climb(2, func(jobs int) (level, error) { return level{}, failed }); !errors.Is(err, failed) {
		t.Errorf("%v", err)
	}
}

// measured is what bench would have found on this machine.
func measured(capacity int) measuredCapacity {
	return measuredCapacity{Schema: capacitySchema, Capacity: capacity, Processors: onnx.CPUs()}
}

func capacityFile(t *testing.T, m measuredCapacity) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "settings", "capacity.json")
	if err := m.write(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestBenchWritesTheCapacity measures this machine with the smallest profile and
// looks at what it says and keeps.
func TestBenchWritesTheCapacity(t *testing.T) {
	needParts(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "new", "capacity.json")
	clip, err := cutDemo(t.Context(), dir, 2)
	if err != nil {
		t.Fatal(err)
	}
	out, stderr, status := motionmill(t, "bench", "--json", "--video", clip, "--profile", "transcode", "--price", "0.36", "--write", "--capacity-file", path)
	if status != statusDone {
		t.Fatalf("status %d: %s", status, stderr)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var levels []level
	for _, line := range lines[:len(lines)-1] {
		var l level
		if err := json.Unmarshal([]byte(line), &l); err != nil || l.Speed <= 0 {
			t.Fatalf("%s: %v", line, err)
		}
		levels = append(levels, l)
	}
	var end struct {
		Capacity   int
		MinuteS    float64 `json:"minute_s"`
		MinuteCost float64 `json:"minute_cost"`
		Written    string
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &end); err != nil {
		t.Fatal(err)
	}
	// A job of the built-in video is one unit.
	if want := best(levels); end.Capacity != want.Jobs || end.MinuteS != 60/want.Speed || end.MinuteCost < end.MinuteS*0.0000999 || end.Written != path {
		t.Errorf("%+v of %+v", end, levels)
	}
	text, err := os.ReadFile(path)
	var kept measuredCapacity
	if err != nil || json.Unmarshal(text, &kept) != nil || kept.Capacity != end.Capacity || kept.Processors != onnx.CPUs() || kept.Profile != "transcode" {
		t.Errorf("kept %s, %v", text, err)
	}
}

// TestBenchTriesItsFileBeforeItMeasures names files that cannot be written: that
// is told at once, not after the minutes of the measurement.
func TestBenchTriesItsFileBeforeItMeasures(t *testing.T) {
	for _, path := range []string{"", t.TempDir(), "/proc/motionmill/capacity.json"} {
		out, errs, status := motionmill(t, "bench", "--write", "--capacity-file", path)
		if status != statusUsage || out != "" || !strings.Contains(errs, "--capacity-file") {
			t.Errorf("%q: status %d, it prints %q and says %q", path, status, out, errs)
		}
	}
	if help := mustRun(t, "bench", "--help"); !strings.Contains(help, "--capacity-file string ") {
		t.Errorf("the help shows the flag otherwise:\n%s", help)
	}
}

// TestMeasuredCapacityOfAWorker starts workers with files that are no good: those
// of another machine are left, all others refused.
func TestMeasuredCapacityOfAWorker(t *testing.T) {
	s := newSite(t)
	other := measured(50)
	other.Processors++
	w := s.worker("--capacity-file", capacityFile(t, other))
	w.until("it says so", func() bool {
		return strings.Contains(w.log.String(), "the measured capacity is that of another machine")
	})

	bad := filepath.Join(t.TempDir(), "capacity.json")
	for text, want := range map[string]string{
		"{":                                   "unexpected end of JSON input; run `motionmill bench --write` anew",
		`{"capacity": 3}`:                     "it is no motionmill.capacity/1",
		`{"schema": "motionmill.capacity/1"}`: "a capacity of 1 or more",
	} {
		if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		refused := s.start("work", "--capacity-file", bad)
		if status, _ := refused.ends(); status != statusUsage || !strings.Contains(refused.log.String(), want) {
			t.Errorf("%s: status %d: %s", text, status, refused.log.String())
		}
	}
}
