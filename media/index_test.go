package media

import (
	"testing"

	"github.com/motionmill/motionmill/job"
)

// TestIndexOfPlainSound has uncompressed sound, of which each tick is a sample: a minute and a half has
// more of them than an index may hold, and is as harmless as it is usual.
func TestIndexOfPlainSound(t *testing.T) {
	path := generate(t, "plain.mov", "-f", "lavfi", "-i", "color=s=64x64:r=1:d=90", "-f", "lavfi", "-i", "anullsrc=r=48000,atrim=end=90",
		"-c:v", "libx264", "-preset", "ultrafast", "-c:a", "pcm_s16le")
	if info := probed(t, path); !info.Audio || info.Duration < 80 {
		t.Errorf("got %+v", info)
	}
}

// TestProbeOfACutFile tells what is there of a file that is cut off, where that is allowed.
func TestProbeOfACutFile(t *testing.T) {
	path := generate(t, "clip.mkv", "-f", "lavfi", "-i", barcode(60, "30"), "-c:v", "libx264", "-preset", "ultrafast", "-g", "5")
	whole := read(t, path)
	cut := write(t, "cut.mkv", whole[:len(whole)*2/3])
	if _, err := tools(t).Probe(t.Context(), cut, Limits{}); job.KindOf(err) != job.Corrupt {
		t.Errorf("without leave: %v", err)
	}
	info, err := tools(t).Probe(t.Context(), cut, Limits{Partial: true})
	if err != nil {
		t.Fatal(err)
	}
	if info.Duration < 0.8 || info.Duration > 1.8 || info.Frames < 24 || info.Frames > 55 {
		t.Errorf("two thirds of two seconds are %g s, %d frames", info.Duration, info.Frames)
	}
	w, h := FrameSize(info, 64)
	d, err := tools(t).Decode(t.Context(), DecodePlan{Input: cut, Info: info, Dir: t.TempDir(), Frames: true, FrameWidth: w, FrameHeight: h, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	usage, err := d.Wait()
	lost := d.Lost()
	if err != nil || lost == nil || lost.Seconds < 0.2 || lost.Seconds > 1.2 {
		t.Fatalf("lost %+v, %v", lost, err)
	}
	if sum := float64(usage.Frames)/30 + lost.Seconds; sum < 1.9 || sum > 2.1 {
		t.Errorf("%d frames are there and %g s lost, of two", usage.Frames, lost.Seconds)
	}
}
