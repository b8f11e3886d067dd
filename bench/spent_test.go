package bench

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/motionmill/motionmill/worker/pipeline"
)

// account says where the time of one run goes: by its steps, and what is neither
// a step's nor anybody's.
type account struct {
	began time.Time
	self  time.Duration // of this process before the run
	all   time.Duration // with its children that have ended
	busy  time.Duration // of the machine's cores since its start

	mu    sync.Mutex
	steps []pipeline.StepRun
}

// openAccount begins a run, whose steps are told to observe.
func openAccount(b *testing.B) *account {
	b.Helper()
	self, children := processor(b, unix.RUSAGE_SELF), processor(b, unix.RUSAGE_CHILDREN)
	return &account{began: time.Now(), self: self, all: self + children, busy: machineBusy(b)}
}

// machineBusy is how long the machine's cores have worked, for whomever
// (proc(5), on /proc/stat: ticks of 10 ms, with what a host took away).
func machineBusy(b *testing.B) time.Duration {
	b.Helper()
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		b.Fatal(err)
	}
	var user, nice, system, idle, wait, interrupts, soft, stolen int64
	if _, err := fmt.Sscanf(string(text), "cpu %d %d %d %d %d %d %d %d", &user, &nice, &system, &idle, &wait, &interrupts, &soft, &stolen); err != nil {
		b.Fatalf("read /proc/stat: %v", err)
	}
	return time.Duration(user+nice+system+interrupts+soft+stolen) * 10 * time.Millisecond
}

func processor(b *testing.B, who int) time.Duration {
	b.Helper()
	var use unix.Rusage
	if err := unix.Getrusage(who, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

func (a *account) observe(_ context.Context, step pipeline.StepRun) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.steps = append(a.steps, step)
}

// close ends the run: its wall and CPU seconds, and a table of them.
func (a *account) close(b *testing.B, cores float64) (wall, cpu float64, table string) {
	b.Helper()
	wall = time.Since(a.began).Seconds()
	self := processor(b, unix.RUSAGE_SELF)
	cpu = (self + processor(b, unix.RUSAGE_CHILDREN) - a.all).Seconds()
	own := (self - a.self).Seconds()
	slices.SortStableFunc(a.steps, func(x, y pipeline.StepRun) int { return x.Began.Compare(y.Began) })
	var t strings.Builder
	fmt.Fprintf(&t, "| step | from, s | to, s | CPU, s |\n| --- | --- | --- | --- |\n")
	for _, s := range a.steps {
		from := s.Began.Sub(a.began).Seconds()
		fmt.Fprintf(&t, "| %s | %.1f | %.1f | %.1f |\n", s.Name, from, from+s.Seconds, s.CPUSeconds)
		if s.Name == "analyse" {
			own -= s.CPUSeconds // It runs in this process.
		}
	}
	fmt.Fprintf(&t, "| Motionmill beside the models | | | %.1f |\n", own)
	fmt.Fprintf(&t, "| all | 0.0 | %.1f | %.1f |\n", wall, cpu)
	others := (machineBusy(b) - a.busy).Seconds() - cpu
	fmt.Fprintf(&t, "Cores: %.1f %% of their time for this, %.1f %% for others, %.1f %% idle.\n",
		100*cpu/(wall*cores), 100*others/(wall*cores), 100*(1-(cpu+others)/(wall*cores)))
	return wall, cpu, t.String()
}
