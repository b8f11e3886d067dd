package sandbox

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// programs are ffmpeg, ffprobe and this test binary.
func programs() (ffmpeg, ffprobe, self string, err error) {
	for name, path := range map[string]*string{"ffmpeg": &ffmpeg, "ffprobe": &ffprobe, os.Args[0]: &self} {
		if *path, err = exec.LookPath(name); err == nil {
			*path, err = filepath.Abs(*path)
		}
		if err != nil {
			return "", "", "", err
		}
	}
	return ffmpeg, ffprobe, self, nil
}

// config is what Find needs, or skips the test.
func config(t *testing.T, mode Mode, levels ...Level) Config {
	t.Helper()
	ffmpeg, ffprobe, _, err := programs()
	if err != nil {
		t.Skipf("needs ffmpeg: %v", err)
	}
	return Config{Mode: mode, Levels: levels, FFmpeg: ffmpeg, FFprobe: ffprobe}
}

// candidate is a box that is tried once, when a test needs it.
type candidate struct {
	name string
	open func() (*Box, error)
}

var candidates = sync.OnceValue(func() (all []candidate) {
	for _, level := range Levels() {
		for _, means := range ways(level) {
			name := string(level)
			if means.namespaces {
				name += " with namespaces"
			}
			all = append(all, candidate{name, sync.OnceValues(func() (*Box, error) {
				ffmpeg, ffprobe, self, err := programs()
				if err != nil {
					return nil, err
				}
				b := &Box{mode: Auto, means: means, system: look(context.Background(), ffmpeg, ffprobe, self)}
				return b, b.try(context.Background(), ffprobe)
			})})
		}
	}
	return all
})

// everyBox runs a test in each box that this machine can make.
func everyBox(t *testing.T, test func(t *testing.T, b *Box)) {
	for _, c := range candidates() {
		t.Run(c.name, func(t *testing.T) {
			b, err := c.open()
			if err != nil {
				t.Skipf("this machine cannot: %v", err)
			}
			test(t, b)
		})
	}
}

// child is the helper at work.
type child struct {
	*Child
	cmd  *exec.Cmd
	said bytes.Buffer
	done chan struct{}
}

// begin starts the helper with what it is to do.
func begin(t *testing.T, b *Box, view View, use Use, files []*os.File, acts ...string) *child {
	t.Helper()
	c := &child{cmd: exec.Command(os.Args[0], acts...), done: make(chan struct{})}
	if path, err := filepath.Abs(c.cmd.Path); err == nil {
		c.cmd.Path = path
	}
	c.cmd.Env, c.cmd.Dir, c.cmd.ExtraFiles, c.cmd.WaitDelay = []string{"MILL_HELPER=1", "GOTRACEBACK=none"}, "/", files, time.Second
	c.cmd.Stdout = &c.said
	c.cmd.Stderr = c.cmd.Stdout
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		defer close(c.done)
		runtime.LockOSThread() // Never unlocked: see Start.
		var err error
		c.Child, err = b.Start(c.cmd, view, use)
		started <- err
		if err == nil {
			_ = c.cmd.Wait() // What it said tells all.
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL); <-c.done })
	return c
}

// outcome has the helper do things in the box and returns which it could.
func outcome(t *testing.T, b *Box, view View, acts ...string) map[string]bool {
	t.Helper()
	c := begin(t, b, view, Use{}, nil, acts...)
	<-c.done
	could := map[string]bool{}
	for line := range strings.Lines(c.said.String()) {
		line = strings.TrimSpace(line)
		for _, act := range acts {
			if line == act+": yes" {
				could[act] = true
			} else if strings.HasPrefix(line, act+": no: ") {
				could[act] = false
			}
		}
	}
	if len(could) != len(acts) {
		t.Fatalf("asked for %q, it said\n%s and ended with %v", acts, c.said.String(), c.cmd.ProcessState)
	}
	return could
}

// want checks that a child could do what it should, and nothing else.
func want(t *testing.T, could map[string]bool, should bool, acts ...string) {
	t.Helper()
	for _, act := range acts {
		if could[act] != should {
			t.Errorf("%s: %t, should be %t", act, could[act], should)
		}
	}
}

// plant writes a file and returns its path.
func plant(t *testing.T, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(path, []byte("secret"), 0o600)); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFiles plants secrets all around the folder of a job.
func TestFiles(t *testing.T) {
	everyBox(t, func(t *testing.T, b *Box) {
		root := t.TempDir()
		home, err := os.UserHomeDir()
		if err != nil {
			t.Skip(err)
		}
		mine := filepath.Join(root, "work", "job-a")
		inside := plant(t, mine, "inside")
		input := plant(t, filepath.Join(root, "any where", "with ünicode: and colons"), "video.mp4")
		reads := []string{
			"read:" + plant(t, filepath.Dir(input), "beside"), "read:" + plant(t, filepath.Join(root, "work", "job-b"), "other"),
			"read:" + plant(t, filepath.Join(root, "models"), "pose.onnx"), "read:" + plant(t, root, ".env"),
			"read:/etc/passwd", "read:/etc/hostname", "read:/proc/self/environ", fmt.Sprintf("read:/proc/%d/environ", os.Getpid()),
			fmt.Sprintf("read:/proc/%d/cmdline", os.Getpid()), "list:" + home,
			"find:" + root + ">.env", "find:" + filepath.Join(root, "work") + ">job-b", "find:/etc>passwd",
		}
		if err := os.Symlink(filepath.Join(root, ".env"), filepath.Join(mine, "way-out")); err != nil {
			t.Fatal(err)
		}
		reads = append(reads, "read:"+filepath.Join(mine, "way-out"))
		writes := []string{
			"write:" + filepath.Join(root, "work", "job-b", "new"), "write:" + filepath.Join(root, "new"), "write:" + input,
			"write:/usr/motionmill-test", "write:/motionmill-test", "write:/tmp/motionmill-test", "write:/dev/motionmill-test", "remove:" + input,
			"link:" + filepath.Join(root, ".env") + ">" + filepath.Join(mine, "hard"),
		}
		allowed := []string{
			"read:" + input, "read:" + inside, "list:" + mine, "write:" + inside, "write:" + filepath.Join(mine, "new"), "write:/dev/null",
			"remove:" + filepath.Join(mine, "new"), "list:/usr/lib",
		}
		if !b.Report().Filesystem {
			t.Log("keeps no files from the child, as its report says")
			want(t, outcome(t, b, View{Files: []string{input}, Dir: mine}, allowed...), true, allowed...)
			return
		}
		could := outcome(t, b, View{Files: []string{input}, Dir: mine}, slices.Concat(allowed, reads, writes)...)
		want(t, could, true, allowed...)
		want(t, could, false, slices.Concat(reads, writes)...)
		want(t, outcome(t, b, View{}, "read:"+input, "write:"+inside), false, "read:"+input, "write:"+inside)
		if text, err := os.ReadFile(input); err != nil || string(text) != "secret" {
			t.Errorf("the input is %q, %v", text, err)
		}
	})
}

// TestDevices gives what drivers of GPUs read; what is private stays so.
func TestDevices(t *testing.T) {
	everyBox(t, func(t *testing.T, b *Box) {
		if !b.Report().Filesystem {
			t.Skip("it hides no files")
		}
		if !isDir("/sys/class") {
			t.Skip("there is no /sys")
		}
		allowed := []string{"list:/sys/class", "read:/proc/self/maps", "read:/proc/cpuinfo"}
		private := []string{
			fmt.Sprintf("read:/proc/%d/environ", os.Getpid()), fmt.Sprintf("read:/proc/%d/maps", os.Getpid()),
			"change:/proc/sys/kernel/core_pattern", "change:/proc/sysrq-trigger", "change:/sys/kernel/mm/transparent_hugepage/enabled", "read:/etc/passwd",
		}
		could := outcome(t, b, View{Devices: true}, slices.Concat(allowed, private)...)
		want(t, could, true, allowed...)
		want(t, could, false, private...)
	})
}

// TestNetwork watches listeners of every kind.
func TestNetwork(t *testing.T) {
	everyBox(t, func(t *testing.T, b *Box) {
		dir := t.TempDir()
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Skip(err)
		}
		defer tcp.Close()
		socket := filepath.Join(dir, "socket")
		unixSocket, err := net.Listen("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		defer unixSocket.Close()
		name := fmt.Sprintf("@motionmill-%d", time.Now().UnixNano())
		abstract, err := net.Listen("unix", name)
		if err != nil {
			t.Fatal(err)
		}
		defer abstract.Close()
		udp, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer udp.Close()
		reached := make(chan string, 8)
		for _, l := range []net.Listener{tcp, unixSocket, abstract} {
			go func() {
				if _, err := l.Accept(); err == nil {
					reached <- l.Addr().String()
				}
			}()
		}
		go func() {
			if _, from, err := udp.ReadFrom(make([]byte, 16)); err == nil {
				reached <- "udp from " + from.String()
			}
		}()
		acts := []string{"tcp:" + tcp.Addr().String(), "udp:" + udp.LocalAddr().String(), "unix:" + socket, "unix:" + name}
		could := outcome(t, b, View{Dir: dir}, acts...)
		want(t, could, !b.Report().Network, acts...)
		if b.Report().Network {
			select {
			case who := <-reached:
				t.Errorf("%s was reached", who)
			default:
			}
		}
	})
}

// TestProcesses tries what a child may do to others, and whether a grandchild
// in a session of its own outlives it.
func TestProcesses(t *testing.T) {
	everyBox(t, func(t *testing.T, b *Box) {
		acts := []string{fmt.Sprintf("signal:%d", os.Getpid()), "unshare:", "rights:", "run:/usr/bin/true"}
		could := outcome(t, b, View{}, acts...)
		if r := b.Report(); r.Processes {
			want(t, could, false, acts[0])
		}
		if b.Report().SystemCalls {
			want(t, could, false, "unshare:", "rights:")
		}
		want(t, could, b.means.level != Bubblewrap, "run:/usr/bin/true")
		alive, theirs, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		c := begin(t, b, View{}, Use{}, []*os.File{theirs}, "escape:", "stay:")
		_ = theirs.Close() // The child has it.
		_ = program(c.cmd.Process.Pid)
		if err := syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-c.done
		if !b.Report().Processes {
			t.Log("does not keep processes together, as its report says")
			return
		}
		// Whoever is left holds the pipe open.
		if err := alive.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := alive.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("something outlived the child: %v", err)
		}
	})
}

// TestInherited sends through pipes that the child inherits.
func TestInherited(t *testing.T) {
	everyBox(t, func(t *testing.T, b *Box) {
		theirIn, in, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		out, theirOut, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		c := begin(t, b, View{}, Use{}, []*os.File{theirIn, theirOut}, "pipes:")
		_, _ = theirIn.Close(), theirOut.Close() // The child has them.
		sent := bytes.Repeat([]byte("frame"), 1<<18)
		go func() {
			_, _ = in.Write(sent) // What comes out tells.
			_ = in.Close()
		}()
		got, err := io.ReadAll(out)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%d bytes of %d came through, %v", len(got), len(sent), err)
		}
		<-c.done
		code, signal, err := c.End(c.cmd.ProcessState)
		if code != 0 || signal != 0 || err != nil {
			t.Errorf("ended with %d, %v, %v", code, signal, err)
		}
	})
}

// TestUse reaches each limit, and crashes.
func TestUse(t *testing.T) {
	everyBox(t, func(t *testing.T, b *Box) {
		for _, test := range []struct {
			act, says string
			signal    syscall.Signal
			use       Use
		}{
			{"allocate:1073741824", "cannot allocate memory", 0, Use{Memory: 512 << 20}},
			{"open:500", "too many open files", 0, Use{OpenFiles: 64}},
			{"fill:", "file too large", 0, Use{FileBytes: 1 << 20}},
			{"spin:", "", syscall.SIGKILL, Use{CPU: time.Second}}, // what takes the whole second
			{"crash:", "", syscall.SIGSEGV, Use{}},
		} {
			if test.act == "spin:" && b.means.level != Bubblewrap && b.means.level != Limits {
				continue // As with Limits: it is set in the same way.
			}
			dir := t.TempDir()
			if test.act == "fill:" {
				test.act += filepath.Join(dir, "big")
			}
			c := begin(t, b, View{Dir: dir}, test.use, nil, test.act)
			<-c.done
			_, signal, err := c.End(c.cmd.ProcessState)
			switch {
			case err != nil:
				t.Errorf("%s: %v", test.act, err)
			case signal != test.signal, !strings.Contains(c.said.String(), test.says):
				t.Errorf("%s: ended by %v and said %s", test.act, signal, c.said.String())
			}
		}
	})
}

// TestParentKilled kills this process, as a test of its own starts it, while a
// child is in the box.
func TestParentKilled(t *testing.T) {
	if dir := os.Getenv("SANDBOX_TEST_PARENT"); dir != "" {
		everyBox(t, func(t *testing.T, b *Box) {
			begun, theirs, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			c := begin(t, b, View{}, Use{}, []*os.File{theirs}, "tell:", "stay:")
			if b.means.level == Bubblewrap && !b.means.namespaces {
				// Before, what can be left is a bubblewrap that waits for one that is gone.
				if _, err := begun.Read(make([]byte, 1)); err != nil {
					t.Error(err)
				}
			}
			fmt.Printf("child %d %d\n", c.cmd.Process.Pid, program(c.cmd.Process.Pid))
			<-c.done
		})
		return
	}
	everyBox(t, func(t *testing.T, _ *Box) {
		parent := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$")
		parent.Env = append(os.Environ(), "SANDBOX_TEST_PARENT=1")
		out, err := parent.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := parent.Start(); err != nil {
			t.Fatal(err)
		}
		var first, second int
		for lines := bufio.NewScanner(out); first == 0 && lines.Scan(); {
			_, _ = fmt.Sscanf(lines.Text(), "child %d %d", &first, &second)
		}
		if first == 0 || !alive(first) || !alive(second) {
			t.Fatalf("the parent started nothing (%d, %d)", first, second)
		}
		if err := parent.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = parent.Wait() // killed, as it should be
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for began := time.Now(); alive(first) || alive(second); <-tick.C {
			if time.Since(began) > 5*time.Second {
				t.Fatalf("%d or %d is still there", first, second)
			}
		}
	})
}

// program returns the process that runs the program: bubblewrap's child, or the
// one that was started.
func program(pid int) int {
	for alive(pid) {
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err == nil && strings.TrimSpace(string(name)) != "bwrap" {
			break
		}
		children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)) // None, or gone.
		if first, _, ok := strings.Cut(string(children), " "); ok {
			return atoi(first)
		}
		runtime.Gosched()
	}
	return pid
}

func atoi(text string) int {
	number, _ := strconv.Atoi(text) // 0 is no process.
	return number
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
