package bench

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/motionmill/motionmill/media"
)

// minute makes a minute of 1920×1080 with sound, 30 frames a second, from a
// video of the shared test data: enlarged, and from its start again and again.
func minute(b *testing.B, source string) string {
	b.Helper()
	if _, err := media.Find(b.Context(), media.Config{}); err != nil {
		b.Skip(err)
	}
	path := filepath.Join(b.TempDir(), "minute.mp4")
	made, err := exec.CommandContext(b.Context(), "ffmpeg", "-nostdin", "-loglevel", "error", "-stream_loop", "-1", "-i", source,
		"-f", "lavfi", "-i", "anoisesrc=color=pink:amplitude=0.2:sample_rate=48000", "-t", "60",
		"-vf", "scale=1920:1080:flags=lanczos,fps=30", "-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p",
		"-c:a", "aac", "-b:a", "128k", path).CombinedOutput()
	if err != nil {
		b.Fatalf("make a minute of 1080p: %v\n%s", err, made)
	}
	return path
}
