package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/motionmill/motionmill/doctable"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/worker/pipeline"
)

const (
	memoryMinutes = 60
	// memoryGrowth is what the last minute may take more than the second, in bytes.
	memoryGrowth = 64 << 20
)

// BenchmarkMemory sends an hour of video through the trainer profile and watches the memory of
// this process and of all that it starts: in the last minute of the video it may be 64 MiB more than in the
// second, by when every buffer is in use. It runs when MOTIONMILL_MEMORY_TABLE names
// the document that its table goes into.
func BenchmarkMemory(b *testing.B) {
	document := os.Getenv("MOTIONMILL_MEMORY_TABLE")
	if document == "" {
		b.Skip("takes twenty minutes: make memory")
	}
	p := newParts(b, filepath.Join(testdata(b), "models"), hourOf(b, filepath.Join(testdata(b), "videos", videos[0])))
	for b.Loop() {
		var m memory
		stop := m.watch(b)
		_, err := p.config.File(b.Context(), p.video, b.TempDir(), p.config.Profiles[pipeline.DefaultProfile], m.reached)
		stop()
		if err != nil {
			b.Fatal(err)
		}
		place := doctable.Place{Document: document, First: "<!-- memory: written by make memory -->\n", Last: "<!-- end of memory -->\n"}
		if err := place.Write(m.table()); err != nil {
			b.Fatal(err)
		}
		early, late := m.minutes[1].sum(), m.minutes[memoryMinutes-1].sum()
		b.ReportMetric(float64(early)/(1<<20), "MiB-second-minute")
		b.ReportMetric(float64(late)/(1<<20), "MiB-last-minute")
		if early == 0 || late == 0 || late-early > memoryGrowth {
			b.Errorf("%d bytes in the second minute of the video, %d in the last", early, late)
		}
	}
}

// hourOf makes an hour of a shorter video, with sound, at a camera's frames a second. The picture is
// small, so that the hour is through in a third of one: what grows with time is counted in frames and packets.
func hourOf(b *testing.B, video string) (path string) {
	b.Helper()
	path = filepath.Join(b.TempDir(), "hour.mp4")
	out, err := exec.CommandContext(b.Context(), "ffmpeg", "-hide_banner", "-loglevel", "error", "-stream_loop", "-1", "-i", video,
		"-f", "lavfi", "-i", "sine=frequency=220", "-t", strconv.Itoa(60*memoryMinutes), "-vf", "fps=30,scale=96:124",
		"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "64k", path).CombinedOutput()
	if err != nil {
		b.Fatalf("make an hour of video: %v %s", err, out)
	}
	return path
}

// held is how many bytes are in memory: of this process, and of those below it.
type held struct{ ours, theirs int64 }

func (h held) sum() int64 { return h.ours + h.theirs }

// memory keeps the most that was held in each minute of the video.
type memory struct {
	minute  atomic.Int64
	minutes [memoryMinutes]held
}

// reached takes how far the analysis of the frames has come.
func (m *memory) reached(said job.Progress) {
	if said.Step == "analyse" && said.Total > 0 {
		m.minute.Store(min(said.Done*memoryMinutes/said.Total, memoryMinutes-1))
	}
}

// watch looks five times a second, until stop is called.
func (m *memory) watch(b *testing.B) (stop func()) {
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if now, most := heldNow(), &m.minutes[m.minute.Load()]; now.sum() > most.sum() {
				*most = now
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// heldNow reads /proc; a process that ends meanwhile counts as nothing.
func heldNow() (now held) {
	folders, _ := filepath.Glob("/proc/[0-9]*")
	parents, resident := map[int]int{}, map[int]int64{}
	for _, folder := range folders {
		pid, _ := strconv.Atoi(filepath.Base(folder))
		stat, err := os.ReadFile(filepath.Join(folder, "stat"))
		if err != nil {
			continue
		}
		// Behind the name, which may hold anything but ends with the last bracket: state, parent, …
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		parents[pid], _ = strconv.Atoi(fields[1])
		pages, _ := strconv.ParseInt(fields[21], 10, 64)
		resident[pid] = pages * int64(os.Getpagesize())
	}
	for pid, bytes := range resident {
		ancestor := pid
		for ancestor != os.Getpid() && ancestor > 1 {
			ancestor = parents[ancestor]
		}
		switch {
		case pid == os.Getpid():
			now.ours = bytes
		case ancestor == os.Getpid():
			now.theirs += bytes
		}
	}
	return now
}

// table shows the first two minutes and every tenth.
func (m *memory) table() string {
	var b strings.Builder
	b.WriteString("| minute of the video | Motionmill, MiB | ffmpeg's processes, MiB | together |\n| --- | --- | --- | --- |\n")
	for i, h := range m.minutes {
		if i < 2 || (i+1)%10 == 0 {
			fmt.Fprintf(&b, "| %d | %d | %d | %d |\n", i+1, h.ours>>20, h.theirs>>20, h.sum()>>20)
		}
	}
	return b.String()
}
