package pipeline

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"golang.org/x/sys/unix"

	"github.com/motionmill/motionmill/inference"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/store"
)

// bucket is an object store that has the demo under every key, takes whatever
// is put, and counts the requests by method and key.
type bucket struct {
	video  []byte
	header http.Header // of every answer

	mu   sync.Mutex
	made map[string]int
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	b.made[r.Method+" "+strings.TrimPrefix(r.URL.Path, "/in/")]++
	b.mu.Unlock()
	maps.Copy(w.Header(), b.header)
	w.Header().Set("ETag", `"e"`)
	if r.Method == http.MethodPut {
		_, _ = io.Copy(io.Discard, r.Body)
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b.video))
}

func (b *bucket) count(request string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.made[request]
}

// newRunner returns a runner on a disk of which free says the bytes that are
// free, and its object store.
func newRunner(t *testing.T, capacity int64, free func() int64) (*Runner, *bucket) {
	t.Helper()
	cfg := config(t)
	b := &bucket{video: mustRead(t, writeDemo(t)), made: map[string]int{}}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	objects, err := store.New(t.Context(), store.Config{AWS: &aws.Config{Region: "us-east-1", BaseEndpoint: aws.String(server.URL),
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), RetryMaxAttempts: 1}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	disk := NewDisk(DiskConfig{Dir: dir, Measure: func(string) (Space, error) {
		return Space{Free: free(), Capacity: capacity}, nil
	}})
	return &Runner{Config: cfg, Store: objects, OutputsBucket: "out", Dir: dir, Disk: disk}, b
}

func always(bytes int64) func() int64 { return func() int64 { return bytes } }

// plain are hooks that let everything pass.
func plain() job.Hooks {
	return job.Hooks{Weigh: func(int) error { return nil }, Report: func(job.Progress) {}}
}

func record(key string, size int) job.Record {
	return job.Record{ID: key, Profile: "transcode", Fence: 1, Source: job.Source{Bucket: "in", Key: key, ETag: "e", Bytes: int64(size)}}
}

// wantEmpty fails unless nothing is left of any attempt.
func wantEmpty(t *testing.T, r *Runner) {
	t.Helper()
	left, err := os.ReadDir(r.Dir)
	if err != nil || len(left) != 0 || len(r.Disk.rooms) != 0 {
		t.Errorf("what is left: %v, %d rooms (%v)", left, len(r.Disk.rooms), err)
	}
}

func TestWhatDoesNotFitIsNotFetched(t *testing.T) {
	const gib = 1 << 30
	for name, announced := range map[string]bool{"announced": true, "asked for": false} {
		t.Run(name, func(t *testing.T) {
			free := int64(gib/20 + 200_000) // The source has 240 kB.
			r, b := newRunner(t, gib, func() int64 { return free })
			rec := record("k.mp4", 0)
			if announced {
				rec.Source.Bytes = int64(len(b.video))
			}
			_, err := r.Run(t.Context(), rec, plain())
			if !errors.Is(err, job.ErrNoRoom) || !strings.Contains(err.Error(), "s3://in/k.mp4") {
				t.Errorf("without room: %v", err)
			}
			if b.count("GET k.mp4") != 0 {
				t.Errorf("the source was fetched: %v", b.made)
			}
			wantEmpty(t, r)
			free = gib
			if key, err := r.Run(t.Context(), rec, plain()); err != nil || key != "outputs/k.mp4/1/manifest.json" {
				t.Errorf("with room: %s, %v", key, err)
			}
			wantEmpty(t, r)
		})
	}
}

func TestTheSecondOfTwoWaits(t *testing.T) {
	const capacity = 100 * mib
	r, b := newRunner(t, capacity, always(capacity/20+8*mib)) // The estimate for the demo is 2 MiB or so.
	held, release := make(chan struct{}), make(chan struct{})
	hooks := plain()
	hooks.Weigh = func(int) error {
		// The first one grows, as a longer video would.
		for room := range r.Disk.rooms {
			if err := room.Extend(8*mib - int64(len(b.video)) - 8192); err != nil {
				t.Error(err)
			}
		}
		close(held)
		<-release
		return nil
	}
	first := make(chan error, 1)
	go func() {
		_, err := r.Run(t.Context(), record("first.mp4", len(b.video)), hooks)
		first <- err
	}()
	<-held
	second := record("second.mp4", len(b.video))
	_, err := r.Run(t.Context(), second, plain())
	if !errors.Is(err, job.ErrNoRoom) || !strings.Contains(err.Error(), "other jobs (1)") || b.count("GET second.mp4") != 0 {
		t.Errorf("beside the first: %v; requests %v", err, b.made)
	}
	close(release)
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	if _, err := r.Run(t.Context(), second, plain()); err != nil || b.count("PUT /out/outputs/second.mp4/1/video.mp4") != 1 {
		t.Errorf("after the first: %v; requests %v", err, b.made)
	}
	wantEmpty(t, r)
}

func TestTheTrueSizeCounts(t *testing.T) {
	r, b := newRunner(t, 100*mib, always(5*mib+150_000))
	hooks := plain()
	hooks.Report = func(p job.Progress) {
		if p.Step != "fetch" {
			t.Errorf("it went on to %s", p.Step)
		}
	}
	_, err := r.Run(t.Context(), record("k.mp4", 1000), hooks)
	if !errors.Is(err, job.ErrNoRoom) || b.count("GET k.mp4") != 1 {
		t.Errorf("a source that is larger than announced gives %v; requests %v", err, b.made)
	}
	wantEmpty(t, r)
}

func TestTheProbeDecides(t *testing.T) {
	// Alone on a disk with 500 kB, the demo may or may not fit. The estimate,
	// which allows for more of a picture than the demo has, is above that.
	r, b := newRunner(t, 100*mib, always(5*mib+500_000))
	weighed := false
	hooks := plain()
	hooks.Weigh = func(int) error { weighed = true; return nil }
	_, err := r.Run(t.Context(), record("k.mp4", len(b.video)), hooks)
	if !errors.Is(err, job.ErrNoRoom) || strings.Count(err.Error(), "s3://in/k.mp4") != 1 || b.count("GET k.mp4") != 1 || weighed {
		t.Errorf("got %v; requests %v; weighed %t", err, b.made, weighed)
	}
	wantEmpty(t, r)
	r.Disk.cfg.Budget = 500_000
	_, err = r.Run(t.Context(), record("k.mp4", len(b.video)), hooks)
	if errors.Is(err, job.ErrNoRoom) || job.KindOf(err) != job.OutOfDisk {
		t.Errorf("over the budget: %v", err)
	}
	wantEmpty(t, r)
}

func TestNothingIsLeftOfAnAttempt(t *testing.T) {
	ends := map[string]func(cancel func()) error{
		"an error":       func(func()) error { return errors.New("no") },
		"a panic":        func(func()) error { panic("no") },
		"a cancellation": func(cancel func()) error { cancel(); return nil },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			r, b := newRunner(t, 1<<30, always(1<<30))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			hooks := plain()
			hooks.Weigh = func(int) error {
				if len(r.Disk.rooms) != 1 {
					t.Errorf("there are %d rooms", len(r.Disk.rooms))
				}
				return end(cancel)
			}
			var err error
			func() {
				defer func() {
					if p := recover(); p != nil {
						err = fmt.Errorf("panic: %v", p)
					}
				}()
				_, err = r.Run(ctx, record("k.mp4", len(b.video)), hooks)
			}()
			if err == nil {
				t.Error("it succeeded")
			}
			wantEmpty(t, r)
		})
	}
}

// small mounts a file system of so many bytes, or skips the test.
func small(t *testing.T, bytes int) string {
	t.Helper()
	return mounted(t, fmt.Sprintf("size=%d", bytes))
}

func mounted(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("needs the right to mount a small file system: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

func TestADiskThatFillsUpMeanwhile(t *testing.T) {
	// The disk seems to have room, as when others fill it later.
	cases := []struct {
		name, profile string
		bytes         int
		during        string
	}{
		{"while fetching", "transcode", 128 << 10, "write"},
		{"while decoding", "transcode", 384 << 10, "decode"},
		{"while composing", "silhouette", 512 << 10, "compose"},
		{"while composing the overlay", "pose", 384 << 10, "compose"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r, b := newRunner(t, 1<<30, always(1<<30))
			if profile := r.Profiles[c.profile]; len(profile.Tasks()) > 0 {
				withModels(t, &r.Config, profile)
			}
			r.Dir = small(t, c.bytes)
			rec := record("k.mp4", len(b.video))
			rec.Profile = c.profile
			_, err := r.Run(t.Context(), rec, plain())
			if job.KindOf(err) != job.OutOfDisk || errors.Is(err, job.ErrNoRoom) || !strings.Contains(err.Error(), c.during) || !strings.Contains(err.Error(), "Free ") {
				t.Errorf("got %v", err)
			}
			wantEmpty(t, r)
		})
	}
}

func TestADiskThatIsFullToTheLastEntry(t *testing.T) {
	for inodes := 1; inodes <= 2; inodes++ { // One is the root's.
		r, b := newRunner(t, 1<<30, always(1<<30))
		r.Dir = mounted(t, fmt.Sprintf("size=1m,nr_inodes=%d", inodes))
		_, err := r.Run(t.Context(), record("k.mp4", len(b.video)), plain())
		if !errors.Is(err, job.ErrNoRoom) || job.KindOf(err) != job.OutOfDisk || !strings.Contains(err.Error(), freeRoom) || b.count("GET k.mp4") != 0 {
			t.Errorf("with %d entries: %v", inodes, err)
		}
		wantEmpty(t, r)
	}
}

func TestASmallDiskIsKnownBefore(t *testing.T) {
	dir := small(t, 512<<10)
	r, b := newRunner(t, 0, nil)
	r.Dir, r.Disk = dir, NewDisk(DiskConfig{Dir: dir})
	_, err := r.Run(t.Context(), record("k.mp4", len(b.video)), plain())
	if job.KindOf(err) != job.OutOfDisk || errors.Is(err, job.ErrNoRoom) || !strings.Contains(err.Error(), "reserve room for s3://in/k.mp4") {
		t.Errorf("a job gives %v", err)
	}
	wantEmpty(t, r)
}

func TestASingleFileHasNoOtherWorkerToGoTo(t *testing.T) {
	cfg, dir := config(t), small(t, 8<<20)
	if err := os.WriteFile(filepath.Join(dir, "other"), make([]byte, 7<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := cfg.File(t.Context(), writeDemo(t), dir, cfg.Profiles["transcode"], func(job.Progress) {})
	if job.KindOf(err) != job.OutOfDisk || errors.Is(err, job.ErrNoRoom) || !strings.Contains(err.Error(), "it needs about") {
		t.Errorf("got %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("it left %v", left)
	}
}

func TestAFullDiskUnderThePoseTrack(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	track := &trackFile{file: full, zip: gzip.NewWriter(full)}
	track.track = inference.NewTrackWriter(track.zip, inference.TrackHeader{Width: 8, Height: 8, Keypoints: []string{"nose"}})
	err = errors.Join(track.write(inference.Result{}), track.close())
	if job.KindOf(err) != job.OutOfDisk || !strings.Contains(err.Error(), freeRoom) {
		t.Errorf("got %v", err)
	}
	if err := full.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the file was left open (%v)", err)
	}
}
