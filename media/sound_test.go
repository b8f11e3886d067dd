package media

import (
	"errors"
	"math"
	"path/filepath"
	"testing"

	"github.com/motionmill/motionmill/job"
)

func TestSoundStartsWithTheFirstFrame(t *testing.T) {
	// A tone of 441 Hz, left twice as loud as right.
	path := generate(t, "tone.mp4", "-f", "lavfi", "-i", "color=gray:s=64x64:r=10:d=2",
		"-f", "lavfi", "-i", "aevalsrc=0.5*sin(2*PI*441*t)|0.25*sin(2*PI*441*t):s=44100:d=2", "-c:v", "libx264", "-c:a", "aac", "-b:a", "128k")
	found := tools(t)
	info, err := found.Probe(t.Context(), path, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	var heard []float32
	collect := func(piece []float32) error { heard = append(heard, piece...); return nil }
	if _, err := found.Sound(t.Context(), SoundPlan{Input: path, Info: info, Rate: 8000, Channels: 2}, collect); err != nil {
		t.Fatal(err)
	}
	if n := len(heard) / 2; n < 15_900 || n > 16_400 {
		t.Fatalf("2 s have %d samples", n)
	}
	power := func(channel int) float64 {
		sum := 0.0
		for i := 4000; i < 12_000; i++ {
			sum += float64(heard[2*i+channel]) * float64(heard[2*i+channel]) / 8000
		}
		return math.Sqrt(sum)
	}
	if left, right := power(0), power(1); math.Abs(left-0.3536) > 0.01 || math.Abs(right-0.1768) > 0.01 {
		t.Errorf("left is %.3f, right %.3f", left, right)
	}
	enough := errors.New("enough")
	if _, err := found.Sound(t.Context(), SoundPlan{Input: path, Info: info, Rate: 8000, Channels: 1}, func([]float32) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	info.Audio = false
	if _, err := found.Sound(t.Context(), SoundPlan{Input: path, Info: info, Rate: 8000, Channels: 1}, collect); job.KindOf(err) != job.Internal {
		t.Errorf("a video without sound gives %v", err)
	}
}

// TestSoundOfBroadcasts reads AAC as DVB sends it.
func TestSoundOfBroadcasts(t *testing.T) {
	path := generate(t, "tv.ts", "-f", "lavfi", "-i", "color=s=64x64:r=10:d=1", "-f", "lavfi", "-i", "sine=d=1",
		"-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-mpegts_flags", "latm")
	info := probed(t, path)
	if !info.Audio || info.AudioCodec != "aac_latm" {
		t.Fatalf("it is %+v", info)
	}
	if loud, _ := loudnessOf(t, filepath.Join(decodePlain(t, DecodePlan{Input: path, Info: info, Video: "video.mp4"}), "video.mp4")); loud < -40 {
		t.Errorf("it became %g LUFS", loud)
	}
}
