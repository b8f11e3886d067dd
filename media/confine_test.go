package media

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/media/sandbox"
	"golang.org/x/sys/unix"
)

// everySandbox runs a test with the programs in each sandbox that this machine
// can make.
func everySandbox(t *testing.T, test func(t *testing.T, found *Tools)) {
	tools(t)
	for _, level := range sandbox.Levels() {
		t.Run(string(level), func(t *testing.T) {
			found, err := Find(t.Context(), Config{Sandbox: sandbox.Config{Levels: []sandbox.Level{level}}})
			if err != nil {
				t.Skipf("this machine cannot: %v", err)
			}
			if inForce, _ := found.Sandbox(); inForce.Level != level {
				t.Fatalf("asked for %s, got %+v", level, inForce)
			}
			test(t, found)
		})
	}
}

// TestSameInEverySandbox decodes a file that lies anywhere, in each sandbox: the
// outputs are the same bytes.
func TestSameInEverySandbox(t *testing.T) {
	odd := filepath.Join(t.TempDir(), "private: a'b", "ünï %03d [x].mp4")
	if err := errors.Join(os.Mkdir(filepath.Dir(odd), 0o700), os.WriteFile(odd, read(t, clip(t)), 0o600)); err != nil {
		t.Fatal(err)
	}
	var first []byte
	everySandbox(t, func(t *testing.T, found *Tools) {
		info, err := found.Probe(t.Context(), odd, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		d, err := found.Decode(t.Context(), DecodePlan{Input: odd, Info: info, Dir: dir, Video: "video.mp4", Poster: "poster.jpg",
			Frames: true, FrameWidth: 64, FrameHeight: 36, Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		var made bytes.Buffer
		for pix := make([]byte, 3*64*36); ; made.Write(pix) {
			if _, err = d.Next(pix); err != nil {
				break
			}
		}
		if !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		usage, err := d.Wait()
		if err != nil {
			t.Fatal(err)
		}
		if usage.Frames != 60 || usage.CPU < 10*time.Millisecond {
			t.Errorf("it took %+v", usage)
		}
		for _, name := range []string{"video.mp4", "poster.jpg"} {
			made.Write(read(t, filepath.Join(dir, name)))
		}
		if first == nil {
			first = made.Bytes()
		}
		if !bytes.Equal(first, made.Bytes()) {
			t.Error("the outputs are not those of the first sandbox")
		}
	})
}

// TestLimitsReached has ffmpeg reach each limit: the kind of error tells which.
func TestLimitsReached(t *testing.T) {
	everySandbox(t, func(t *testing.T, found *Tools) {
		long := func(size string, more ...string) command {
			args := append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=d=20:s=" + size}, more...)
			return command{path: found.ffmpeg, args: args, dir: t.TempDir(), deadline: time.Minute, op: "try", subject: "limits"}
		}
		memory := long("3840x2160", "-c:v", "libx264", "-f", "null", "-")
		memory.memory = 200 << 20
		p, err := found.start(t.Context(), memory)
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.wait()
		wantKind(t, err, job.OutOfMemory, "limits", "")

		cpu := long("3840x2160", "-f", "null", "-")
		cpu.deadline = time.Millisecond // A second of processor time, as the kernel counts.
		if p, err = found.begin(cpu); err != nil {
			t.Fatal(err)
		}
		_, err = p.wait()
		wantKind(t, err, job.Timeout, "limits", "processor time")

		if p, err = found.start(t.Context(), long("640x360", "-f", "rawvideo", "out.yuv")); err != nil {
			t.Fatal(err)
		}
		most := unix.Rlimit{Cur: 4 << 20, Max: 4 << 20}
		p.mu.Lock()
		pid := p.pid
		p.mu.Unlock()
		if err := unix.Prlimit(program(t, pid), unix.RLIMIT_FSIZE, &most, nil); err != nil {
			t.Fatal(err)
		}
		_, err = p.wait()
		wantKind(t, err, job.OverLimit, "limits", "larger")
	})
}

// TestNoSandboxAround has the sandbox fail around a good program: that is no
// finding about the video, and says what failed.
func TestNoSandboxAround(t *testing.T) {
	everySandbox(t, func(t *testing.T, found *Tools) {
		if inForce, _ := found.Sandbox(); !inForce.Filesystem {
			t.Skip("it hides no files")
		}
		lost := filepath.Join(t.TempDir(), "lost.mp4")
		p := prober{tools: found, op: "probe", path: lost, subject: "lost.mp4", demuxer: isoMedia, limits: DefaultLimits()}
		_, err := p.list(t.Context(), "-show_streams")
		wantKind(t, err, job.Internal, "lost.mp4", "")
		if !errors.Is(err, sandbox.ErrNotBegun) || !strings.Contains(err.Error(), "o such file") {
			t.Errorf("it says %v", err)
		}
	})
}

func TestStrict(t *testing.T) {
	tools(t)
	config := Config{Sandbox: sandbox.Config{Mode: sandbox.Strict, Levels: []sandbox.Level{sandbox.Seccomp, sandbox.Limits}}}
	_, err := Find(t.Context(), config)
	wantKind(t, err, job.Internal, "ffmpeg", "apt-get install bubblewrap")
}

// BenchmarkSandbox runs ffprobe on a small file in each sandbox, so that their
// difference is what a process costs.
func BenchmarkSandbox(b *testing.B) {
	tools(b)
	path := clip(b)
	for _, level := range sandbox.Levels() {
		b.Run(string(level), func(b *testing.B) {
			found, err := Find(b.Context(), Config{Sandbox: sandbox.Config{Levels: []sandbox.Level{level}}})
			if err != nil {
				b.Skipf("this machine cannot: %v", err)
			}
			args := append(confined(isoMedia, DefaultLimits()), "-v", "error", "-show_streams", "-i", "file:"+path)
			wall, cpu := time.Hour, time.Hour
			for b.Loop() {
				p, err := found.start(b.Context(), command{path: found.ffprobe, args: args, dir: "/", deadline: time.Minute, op: "probe", input: path})
				if err != nil {
					b.Fatal(err)
				}
				usage, err := p.wait()
				if err != nil {
					b.Fatal(err)
				}
				wall, cpu = min(wall, usage.Wall), min(cpu, usage.CPU)
			}
			b.ReportMetric(wall.Seconds()*1000, "best-ms")
			b.ReportMetric(cpu.Seconds()*1000, "best-cpu-ms")
		})
	}
}
