package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/motionmill/motionmill/api/client"
	"github.com/motionmill/motionmill/doctable"
)

const (
	// loadVariable is for how long the load goes on: 2m. Without it a short form is
	// run, which tells of errors only.
	loadVariable = "MOTIONMILL_LOAD"
	// loadTable names the document whose table is to be written, between these lines.
	loadTable = "MOTIONMILL_LOAD_TABLE"
	loadFirst = "<!-- load: written by make load -->\n"
	loadLast  = "<!-- end of load -->\n"
)

// crowd is how many clients do what, and how long they think in between.
type crowd struct {
	uploaders, readers, listeners int
	think                         time.Duration
}

// load is what the clients saw.
type load struct {
	s    *live
	file string

	mu       sync.Mutex
	jobs     []string
	reads    []time.Duration
	uploads  int
	events   int
	failures []string
}

// TestLoad has many clients upload, read and listen while a worker runs. None may
// see an error, and the API's memory must not grow with what it has served.
func TestLoad(t *testing.T) {
	needParts(t)
	length, many := 3*time.Second, crowd{uploaders: 2, readers: 12, listeners: 6, think: 100 * time.Millisecond}
	if asked := os.Getenv(loadVariable); asked != "" {
		var err error
		if length, err = time.ParseDuration(asked); err != nil {
			t.Fatal(err)
		}
		many = crowd{uploaders: 20, readers: 100, listeners: 80, think: 500 * time.Millisecond}
	}
	l := &load{s: startLocal(t, t.TempDir()), file: demoFile(t)}
	l.upload(t.Context())
	before := residentMiB(t, l.s.child("serve"))
	l.run(t, many, length)
	after := residentMiB(t, l.s.child("serve"))
	for i, failure := range l.failures {
		if i < 10 {
			t.Error(failure)
		}
	}
	if l.uploads == 0 || len(l.reads) < 10 || l.events == 0 {
		t.Errorf("there were %d uploads, %d reads and %d events", l.uploads, len(l.reads), l.events)
	}
	if after > before+200 {
		t.Errorf("the API held %d MiB before and %d after", before, after)
	}
	l.tell(t, many, length, before, after)
}

// run lets the crowd loose for the given time.
func (l *load) run(t *testing.T, many crowd, length time.Duration) {
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	var group sync.WaitGroup
	start := func(n int, pause time.Duration, do func(context.Context)) {
		for range n {
			group.Go(func() {
				tick := time.NewTimer(rand.N(pause))
				defer tick.Stop()
				for {
					select {
					case <-ctx.Done():
						return
					case <-tick.C:
					}
					do(ctx)
					tick.Reset(pause/2 + rand.N(pause))
				}
			})
		}
	}
	start(many.uploaders, 8*many.think, l.upload)
	start(many.readers, many.think, l.read)
	start(many.listeners, many.think, l.listen)
	group.Wait()
}

func (l *load) fail(ctx context.Context, what string, err error) {
	if ctx.Err() != nil { // It was cut off by the end.
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures = append(l.failures, fmt.Sprintf("%s: %v", what, err))
}

func (l *load) upload(ctx context.Context) {
	up, err := l.s.client.UploadFile(ctx, l.file, "transcode", nil)
	if err != nil {
		l.fail(ctx, "upload", err)
		return
	}
	id, err := l.s.client.WaitUpload(ctx, up.ID)
	if err != nil {
		l.fail(ctx, "wait for the upload's job", err)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.uploads++
	l.jobs = append(l.jobs, id)
}

// aJob is one of those so far, mostly a late one.
func (l *load) aJob() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.jobs)
	return l.jobs[n-1-min(rand.IntN(n), rand.IntN(n))]
}

// read makes one of the reads of a page, once, and takes its time.
func (l *load) read(ctx context.Context) {
	paths := []string{"/v1/jobs?limit=20", "/v1/jobs/" + l.aJob(), "/v1/jobs/" + l.aJob(), "/v1/stage", "/"}
	path := paths[rand.IntN(len(paths))]
	began := time.Now()
	answer, err := l.get(ctx, path)
	if err == nil {
		_, err = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close() // only read
	}
	if err != nil {
		l.fail(ctx, "read "+path, err)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads = append(l.reads, time.Since(began))
}

func (l *load) get(ctx context.Context, path string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(l.s.page, "/")+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err == nil && answer.StatusCode != http.StatusOK {
		_ = answer.Body.Close() // The status says it all.
		return nil, fmt.Errorf("status %d", answer.StatusCode)
	}
	return answer, err
}

// listen follows the events of a job to its end.
func (l *load) listen(ctx context.Context) {
	_, err := l.s.client.Watch(ctx, l.aJob(), func(client.Job) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.events++
	})
	if err != nil {
		l.fail(ctx, "listen", err)
	}
}

// tell prints the figures, and writes them into the document if one is named.
func (l *load) tell(t *testing.T, many crowd, length time.Duration, before, after int) {
	t.Helper()
	slices.Sort(l.reads)
	at := func(p float64) time.Duration {
		if len(l.reads) == 0 {
			return 0
		}
		return l.reads[int(p*float64(len(l.reads)-1))].Round(100 * time.Microsecond)
	}
	table := fmt.Sprintf("| what | figure |\n| --- | --- |\n"+
		"| clients | %d: %d upload, %d read, %d listen to events, for %s |\n"+
		"| uploads, reads, events | %d, %d, %d |\n| errors | %d |\n| reads | p50 %s, p99 %s, longest %s |\n| memory of the API | %d MiB before, %d after |\n",
		many.uploaders+many.readers+many.listeners, many.uploaders, many.readers, many.listeners, length,
		l.uploads, len(l.reads), l.events, len(l.failures), at(0.5), at(0.99), at(1), before, after)
	t.Log("\n" + table)
	path := os.Getenv(loadTable)
	if path == "" || t.Failed() {
		return
	}
	if err := (doctable.Place{Document: path, First: loadFirst, Last: loadLast}).Write(table); err != nil {
		t.Fatal(err)
	}
}

// residentMiB is what a process holds of memory, in MiB.
func residentMiB(t *testing.T, pid int) int {
	t.Helper()
	for line := range strings.Lines(string(readFile(t, filepath.Join("/proc", fmt.Sprint(pid), "status")))) {
		var kib int
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &kib); err == nil {
			return kib >> 10
		}
	}
	t.Fatalf("process %d tells no VmRSS", pid)
	return 0
}
