package media

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
)

// tools finds ffmpeg or skips the test.
func tools(t testing.TB) *Tools {
	t.Helper()
	found, err := findOnce()
	if err != nil {
		t.Skipf("needs ffmpeg: %v", err)
	}
	return found
}

var findOnce = sync.OnceValues(func() (*Tools, error) { return Find(context.Background(), Config{}) })

// testdata returns the path of a video of the shared test data or skips.
func testdata(t testing.TB, name string) string {
	t.Helper()
	root := os.Getenv("MOTIONMILL_TESTDATA")
	if root == "" {
		root = filepath.Join("..", "..", "shared", "testdata")
	}
	path := filepath.Join(root, "videos", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("needs the test data: %v", err)
	}
	return path
}

// generate makes a file with ffmpeg in a folder of the test.
func generate(t testing.TB, name string, args ...string) string {
	t.Helper()
	tools(t)
	path := filepath.Join(t.TempDir(), name)
	args = append([]string{"-v", "error", "-nostdin", "-y", "-threads", "2"}, append(args, path)...)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return path
}

// barcode is a filter graph source of n pictures of 320 x 180 at a rate: the upper
// half shows the number of the picture as eight bars, the lowest bit first,
// the lower half is white.
func barcode(n int, rate string) string {
	return "nullsrc=s=320x180:r=" + rate + ",format=gray,trim=end_frame=" + strconv.Itoa(n) +
		",geq=lum='if(lt(Y,90),255*mod(floor(N/pow(2,floor(X/40))),2),255)',format=yuv420p"
}

// readBars reads the number from a row of grey pixels.
func readBars(row []byte) int {
	number := 0
	for bit := range 8 {
		if row[(2*bit+1)*len(row)/16] > 127 {
			number |= 1 << bit
		}
	}
	return number
}

// decoded reads all frames of a file with plain ffmpeg, in a pixel format.
func decoded(t testing.TB, path, pixels string, size int, before ...string) [][]byte {
	t.Helper()
	args := append([]string{"-v", "error", "-nostdin"}, before...)
	args = append(args, "-i", path, "-map", "0:v:0", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", pixels, "-")
	out, err := exec.CommandContext(t.Context(), "ffmpeg", args...).Output()
	if err != nil {
		t.Fatalf("decode %s: %v", path, err)
	}
	if len(out)%size != 0 {
		t.Fatalf("%s gives %d bytes, no multiple of %d", path, len(out), size)
	}
	frames := [][]byte{}
	for len(out) > 0 {
		frames, out = append(frames, out[:size]), out[size:]
	}
	return frames
}

// times reads the presentation times of a file's frames in seconds, in order.
func times(t testing.TB, path string) []float64 {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-select_streams", "v:0",
		"-show_entries", "frame=best_effort_timestamp_time", "-of", "csv=p=0", path).Output()
	if err != nil {
		t.Fatalf("list the frames of %s: %v", path, err)
	}
	all := []float64{}
	for _, line := range strings.Fields(string(out)) {
		at, err := strconv.ParseFloat(strings.Trim(line, ","), 64)
		if err != nil {
			t.Fatalf("list the frames of %s: %v", path, err)
		}
		all = append(all, at)
	}
	return all
}

// probed probes a file that must be accepted.
func probed(t testing.TB, path string) Info {
	t.Helper()
	info, err := tools(t).Probe(t.Context(), path, Limits{})
	if err != nil {
		t.Fatalf("probe: %v", err)
	}
	return info
}

// taken is the result of a decoding.
type taken struct {
	dir    string
	frames []Frame
	pixels [][]byte
	usage  Usage
}

// decodeAll decodes a file with all outputs and keeps the raw frames.
func decodeAll(t testing.TB, path string, info Info, longest int) taken {
	t.Helper()
	w, h := FrameSize(info, longest)
	plan := DecodePlan{Input: path, Info: info, Dir: t.TempDir(), Video: "video.mp4", Poster: "poster.jpg",
		Frames: true, FrameWidth: w, FrameHeight: h, Deadline: time.Minute, Threads: 2}
	d, err := tools(t).Decode(t.Context(), plan)
	if err != nil {
		t.Fatalf("decode: %v", err)
	}
	all := taken{dir: plan.Dir}
	for {
		pix := make([]byte, 3*w*h)
		frame, err := d.Next(pix)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("next: %v", err)
		}
		all.frames, all.pixels = append(all.frames, frame), append(all.pixels, pix)
	}
	if all.usage, err = d.Wait(); err != nil {
		t.Fatalf("wait: %v", err)
	}
	return all
}

// file returns the path of an output.
func (all taken) file(name string) string { return filepath.Join(all.dir, name) }

// wantKind fails the test unless err is a typed error of a kind that names
// the file and the finding.
func wantKind(t testing.TB, err error, kind job.Kind, subject, finding string) {
	t.Helper()
	var typed *job.Error
	if !errors.As(err, &typed) {
		t.Fatalf("got %v, want a typed error of kind %s", err, kind)
	}
	if typed.Kind != kind {
		t.Fatalf("got kind %s (%v), want %s", typed.Kind, err, kind)
	}
	if typed.Subject != subject {
		t.Errorf("the error is about %q, want %q", typed.Subject, subject)
	}
	if !strings.Contains(err.Error(), finding) {
		t.Errorf("the error %q does not say %q", err, finding)
	}
	if kind.Permanent() && typed.Remedy == "" {
		t.Errorf("the error %q has no remedy", err)
	}
}

// write makes a file with the given content.
func write(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// patchMatrix sets the display matrix of the first track of an MP4 (tkhd,
// ISO/IEC 14496-12, 8.3.2) to (a, b; c, d).
func patchMatrix(t testing.TB, path string, a, b, c, d int32) {
	t.Helper()
	content := read(t, path)
	at := bytes.Index(content, []byte("tkhd"))
	if at < 0 || content[at+4] != 0 {
		t.Fatal("there is no track header of version 0")
	}
	at += 44
	for i, value := range []int32{a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30} {
		for j := range 4 {
			content[at+4*i+j] = byte(uint32(value) >> (24 - 8*j))
		}
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
