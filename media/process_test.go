package media

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/media/sandbox"
	"golang.org/x/sys/unix"
)

// endless starts a decoding that cannot end, since nobody reads its frames.
func endless(ctx context.Context, t testing.TB, path string, deadline time.Duration) (*Decode, error) {
	return endlessIn(ctx, t, tools(t), path, deadline)
}

func endlessIn(ctx context.Context, t testing.TB, found *Tools, path string, deadline time.Duration) (*Decode, error) {
	info := probed(t, path)
	return found.Decode(ctx, DecodePlan{Input: path, Info: info, Dir: t.TempDir(), Video: "video.mp4",
		Frames: true, FrameWidth: 320, FrameHeight: 180, Deadline: deadline})
}

func clip(t testing.TB) string {
	return generate(t, "clip.mp4", "-f", "lavfi", "-i", barcode(60, "30"), "-c:v", "libx264", "-preset", "ultrafast")
}

// gone waits until a process is no more, or fails.
func gone(t *testing.T, pid int, within time.Duration) {
	t.Helper()
	began := time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		if !alive(pid) {
			return
		}
		if time.Since(began) > within {
			t.Fatalf("process %d is still there after %s", pid, within)
		}
	}
}

// alive tells whether a process exists and is no zombie.
func alive(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(status), ") ")
	return !strings.HasPrefix(rest, "Z")
}

func (d *Decode) number() int {
	d.process.mu.Lock()
	defer d.process.mu.Unlock()
	return d.process.pid
}

// program is the process that runs ffmpeg: the one that was started, or
// bubblewrap's child as soon as there is one.
func program(t *testing.T, pid int) int {
	t.Helper()
	name := string(read(t, fmt.Sprintf("/proc/%d/comm", pid)))
	for strings.TrimSpace(name) == "bwrap" && alive(pid) {
		children := string(read(t, fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)))
		if child, err := strconv.Atoi(strings.TrimSpace(children)); err == nil {
			return child
		}
		runtime.Gosched()
	}
	return pid
}

// TestEnds kills a run in every way: each end is told apart.
func TestEnds(t *testing.T) {
	path := clip(t)
	// The first process of a namespace takes no signal but SIGKILL; how a crash
	// in one is told is tested with the sandbox.
	open, err := Find(t.Context(), Config{Sandbox: sandbox.Config{Levels: []sandbox.Level{sandbox.Limits}}})
	if err != nil {
		t.Skipf("needs ffmpeg: %v", err)
	}
	for _, test := range []struct {
		name     string
		deadline time.Duration
		end      func(pid int, cancel context.CancelCauseFunc)
		kind     job.Kind
		finding  string
	}{
		{"deadline", 5 * time.Second, func(int, context.CancelCauseFunc) {}, job.Timeout, "still running"},
		{"killed from outside", time.Minute, func(pid int, _ context.CancelCauseFunc) { _ = syscall.Kill(pid, syscall.SIGKILL) }, job.OutOfMemory, "killed from outside"},
		{"segmentation fault", time.Minute, func(pid int, _ context.CancelCauseFunc) { _ = syscall.Kill(pid, syscall.SIGSEGV) }, job.Crashed, "SIGSEGV"},
		{"file too large", time.Minute, func(pid int, _ context.CancelCauseFunc) { _ = syscall.Kill(pid, syscall.SIGXFSZ) }, job.OverLimit, "larger than"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			found := tools(t)
			if test.kind == job.Crashed || test.kind == job.OverLimit {
				found = open
			}
			d, err := endlessIn(ctx, t, found, path, test.deadline)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := d.Next(make([]byte, 3*320*180)); err != nil {
				t.Fatal(err) // it is running
			}
			pid := d.number()
			test.end(pid, cancel)
			<-d.process.done
			_, err = d.Wait()
			wantKind(t, err, test.kind, "clip.mp4", test.finding)
			gone(t, pid, time.Second)
		})
	}
}

func TestCancelled(t *testing.T) {
	path := clip(t)
	lost := errors.New("the fence is lost")
	ctx, cancel := context.WithCancelCause(t.Context())
	d, err := endless(ctx, t, path, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	info := probed(t, path)
	c, err := tools(t).Composite(ctx, CompositePlan{Input: path, Info: info, Dir: t.TempDir(), SilhouetteWebM: "s.webm", MatteWidth: 160, MatteHeight: 90})
	if err != nil {
		t.Fatal(err)
	}
	pids := []int{d.number(), c.process.pid}
	cancel(lost)
	began := time.Now()
	_, first := d.Wait()
	_, second := c.Close()
	if took := time.Since(began); took > time.Second {
		t.Errorf("ending took %s", took)
	}
	for _, err := range []error{first, second} {
		if !errors.Is(err, context.Canceled) || !errors.Is(err, lost) {
			t.Errorf("got %v, which does not tell that it was cancelled and why", err)
		}
	}
	for _, pid := range pids {
		gone(t, pid, time.Second)
	}
	if err := c.Write(Timestamp{}, make([]byte, 160*90), nil); err == nil {
		t.Error("a write after the end succeeded")
	}
}

// TestFullDisk runs out of space early, in the middle, and only when the
// index is moved to the front, after which ffmpeg 5.1 may still exit 0.
func TestFullDisk(t *testing.T) {
	path := generate(t, "noise.mp4", "-f", "lavfi", "-i", "testsrc2=s=640x360:r=30:d=1,noise=alls=60", "-c:v", "libx264", "-preset", "ultrafast")
	info := probed(t, path)
	dir := t.TempDir()
	d, err := tools(t).Decode(t.Context(), DecodePlan{Input: path, Info: info, Dir: dir, Video: "video.mp4", Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Wait(); err != nil {
		t.Fatal(err)
	}
	whole := len(read(t, filepath.Join(dir, "video.mp4")))
	for _, room := range []int{4096, whole / 2, whole - 3000} {
		t.Run(strconv.Itoa(room), func(t *testing.T) {
			dir := t.TempDir()
			if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dk", max(1, room>>10))); err != nil {
				t.Skipf("needs the right to mount a small file system: %v", err)
			}
			t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
			d, err := tools(t).Decode(t.Context(), DecodePlan{Input: path, Info: info, Dir: dir, Video: "video.mp4", Threads: 1})
			if err != nil {
				t.Fatal(err)
			}
			_, err = d.Wait()
			wantKind(t, err, job.OutOfDisk, "noise.mp4", "")
			t.Log(err)
		})
	}
}

// TestParentKilled starts this test binary again as a parent that decodes, and
// kills it as the kernel would: its ffmpeg goes with it.
func TestParentKilled(t *testing.T) {
	if path := os.Getenv("MEDIA_TEST_PARENT"); path != "" {
		d, err := endless(t.Context(), t, path, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("child %d\n", d.number())
		<-d.process.done
		return
	}
	tools(t)
	parent := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestParentKilled$")
	parent.Env = append(os.Environ(), "MEDIA_TEST_PARENT="+clip(t), "TMPDIR="+t.TempDir())
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	child := 0
	for lines := bufio.NewScanner(out); child == 0 && lines.Scan(); {
		if number, ok := strings.CutPrefix(lines.Text(), "child "); ok {
			if child, err = strconv.Atoi(number); err != nil {
				t.Fatal(err)
			}
		}
	}
	if child == 0 || !alive(child) {
		t.Fatalf("the parent started no ffmpeg (%d)", child)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // killed, as it should be
	gone(t, child, 5*time.Second)
}

// TestConfined reads what a running ffmpeg was given.
func TestConfined(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "hush")
	d, err := endless(t.Context(), t, clip(t), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Next(make([]byte, 3*320*180)); err != nil {
		t.Fatal(err)
	}
	proc := fmt.Sprintf("/proc/%d/", program(t, d.number()))
	environ := string(bytes.ReplaceAll(read(t, proc+"environ"), []byte{0}, []byte(" ")))
	if environ := strings.TrimSuffix(strings.TrimSpace(environ), " PWD="+d.plan.Dir); environ != "LANG=C LC_ALL=C" {
		t.Errorf("its environment is %q", environ)
	}
	if cwd, err := os.Readlink(proc + "cwd"); err != nil || cwd != d.plan.Dir {
		t.Errorf("it works in %q, %v", cwd, err)
	}
	group, err := syscall.Getpgid(program(t, d.number()))
	if err != nil || group != d.number() {
		t.Errorf("its group is %d, %v", group, err)
	}
	limits := string(read(t, proc+"limits"))
	for _, line := range []string{"Max core file size        0 ", "Max open files            256 "} {
		if !strings.Contains(limits, line) {
			t.Errorf("its limits lack %q:\n%s", line, limits)
		}
	}
	if _, err := d.Wait(); err != nil {
		t.Error(err)
	}
}

func TestFind(t *testing.T) {
	if version := tools(t).Version(); version == "" || strings.ContainsAny(version, " \n") {
		t.Errorf("version %q", version)
	}
	_, err := Find(t.Context(), Config{FFmpeg: filepath.Join(t.TempDir(), "ffmpeg")})
	wantKind(t, err, job.Internal, "ffmpeg", "apt-get install ffmpeg")
}

func TestReadBanner(t *testing.T) {
	full := "configuration: --enable-libx264 --enable-libvpx --enable-libzimg\n"
	for banner, want := range map[string]string{
		"ffmpeg version 5.1.9-0+deb12u1 Copyright\n" + full:               "",
		"ffmpeg version n7.0 Copyright\n" + full:                          "",
		"ffmpeg version N-112-gabc Copyright\n" + full:                    "",
		"ffmpeg version 4.4.2 Copyright\n" + full:                         "older than 5.1",
		"ffmpeg version 5.0 Copyright\n" + full:                           "older than 5.1",
		"ffmpeg version 6.1 Copyright\nconfiguration: --enable-libx264\n": "without libvpx",
		"avconv version 9 Copyright\n" + full:                             "not ffmpeg",
	} {
		err := (&Tools{ffmpeg: "ffmpeg"}).read(banner)
		if got := fmt.Sprint(err); want == "" && err != nil || !strings.Contains(got, want) {
			t.Errorf("%q gives %v", banner, err)
		}
	}
}

func TestTail(t *testing.T) {
	tail := newTail("/private/in.mp4", "in.mp4")
	for i := range 100 {
		fmt.Fprintf(tail, "[mov @ 0x55%02x] line %d of file:/private/in.mp4\n", i, i)
	}
	fmt.Fprint(tail, strings.Repeat("x", 100_000), "\rlast, without an end")
	lines := tail.lines()
	if len(lines) != tailLines || lines[0] != "[mov] line 82 of in.mp4" || lines[tailLines-1] != "last, without an end" {
		t.Errorf("kept %d lines, the first %q, the last %q", len(lines), lines[0], lines[len(lines)-1])
	}
	for _, line := range lines {
		if len(line) > tailWidth+4 {
			t.Errorf("a line has %d bytes", len(line))
		}
	}
}

func TestProgress(t *testing.T) {
	path := clip(t)
	info := probed(t, path)
	var last Progress
	d, err := tools(t).Decode(t.Context(), DecodePlan{Input: path, Info: info, Dir: t.TempDir(), Video: "video.mp4",
		OnProgress: func(p Progress) { last = p }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Wait(); err != nil {
		t.Fatal(err)
	}
	if last.Frames != 60 || last.Time < 1900*time.Millisecond {
		t.Errorf("the last report was %+v", last)
	}
}

func TestStamps(t *testing.T) {
	s := newStamps()
	go s.read(strings.NewReader("#software: x\n#tb 0: 1001/30000\n#dimensions 0: 2x2\n"+
		"0,          5,          5,        1,        6, 0x1\n0,          6,          7,        1,        6, 0x1\n"), nil)
	if at, ok := s.get(1); !ok || at != (Timestamp{7, 1001, 30000}) || at.nanoseconds() != 233_566_667 {
		t.Errorf("got %+v, %t", at, ok)
	}
	if _, ok := s.get(2); ok {
		t.Error("there is a third")
	}
	long := Timestamp{Ticks: 7200 * 1_000_000_000, Num: 1, Den: 1_000_000_000}
	if long.nanoseconds() != 7200e9 || long.Seconds() != 7200 {
		t.Errorf("two hours are %d ns", long.nanoseconds())
	}
}

// TestStartedOnAThreadThatStays has threads of the system end all around the
// start of children: the kernel kills a child when the thread that started it
// ends, not the process, so that each child needs one that stays.
func TestStartedOnAThreadThatStays(t *testing.T) {
	found := tools(t)
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip("sleep is not there")
	}
	churn, halt := context.WithCancel(t.Context())
	var threads sync.WaitGroup
	for range 2 * runtime.NumCPU() {
		threads.Go(func() {
			for churn.Err() == nil {
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					runtime.LockOSThread() // Never unlocked: the thread ends with the goroutine.
				}()
				<-ended
			}
		})
	}
	begin := func() *process {
		p, err := found.start(t.Context(), command{path: sleep, args: []string{"1"}, dir: "/", deadline: time.Minute, op: "wait in", subject: "sleep"})
		if err != nil {
			t.Error(err)
		}
		return p
	}
	var children sync.WaitGroup
	for i := range 80 {
		begun := make(chan *process)
		go func() {
			if i%2 == 0 {
				runtime.LockOSThread() // The surest way to lose a child: its caller's thread ends.
			}
			begun <- begin()
		}()
		children.Go(func() {
			if p := <-begun; p == nil {
				return
			} else if _, err := p.wait(); err != nil {
				t.Error(err)
			}
		})
	}
	children.Wait()
	halt()
	threads.Wait()
}
