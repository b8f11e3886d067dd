package media

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/cloudtest"
)

// TestPlayback plays a presentation in Chromium through hls.js: from the lowest
// rung to the highest, a seek, and on to the end, without a stall or a gap.
func TestPlayback(t *testing.T) {
	player := cloudtest.Program(t, "hlsplay")
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skipf("needs Chromium: %v", err)
	}
	path := generate(t, "film.mp4", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=30:d=13", "-f", "lavfi", "-i", "sine=440:d=11",
		"-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac")
	ladder := Ladder{1, []Rung{{Width: 320, Height: 180, Quality: 21, MaxRate: 900_000}, {Width: 160, Height: 90, Quality: 23, MaxRate: 400_000}}}
	p := present(t, path, probed(t, path), ladder)
	command := exec.CommandContext(t.Context(), player, filepath.Join(p.dir, HLSFolder), "9.5")
	command.Env = append(os.Environ(), "CHROMIUM="+browser)
	var complaints strings.Builder
	command.Stderr = &complaints
	out, err := command.Output()
	if err != nil {
		t.Fatalf("play: %v\n%s", err, complaints.String())
	}
	var seen struct {
		Errors, Levels  []string
		Stalls          []float64
		Rungs, Heights  []int
		Ended, Duration float64
		Buffered        [][2]float64
		Frames, Audio   int
		Corrupted       int
		Requests        []string
	}
	if err := json.Unmarshal(out, &seen); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if len(seen.Errors) > 0 || len(seen.Stalls) > 0 || seen.Corrupted > 0 {
		t.Errorf("it failed by %v, stalled at %v, showed %d broken frames", seen.Errors, seen.Stalls, seen.Corrupted)
	}
	if !slices.Equal(seen.Levels, []string{"160x90", "320x180"}) || !slices.Equal(seen.Heights, []int{90, 180}) {
		t.Errorf("of the rungs %v it showed %v", seen.Levels, seen.Heights)
	}
	if math.Abs(seen.Ended-13) > 0.05 || math.Abs(seen.Duration-13) > 0.05 || seen.Frames < 200 || seen.Audio == 0 {
		t.Errorf("it ended at %g of %g s after %d frames and %d bytes of sound", seen.Ended, seen.Duration, seen.Frames, seen.Audio)
	}
	if last := len(seen.Buffered) - 1; last < 0 || seen.Buffered[last][1] < 12.95 || seen.Buffered[0][0] > 0.05 {
		t.Errorf("it held %v", seen.Buffered)
	}
	for _, name := range []string{"/90p/00001.m4s", "/180p/00003.m4s", "/audio/00001.m4s"} {
		if !slices.Contains(seen.Requests, name) {
			t.Errorf("%s was not fetched, but %v", name, seen.Requests)
		}
	}
}
