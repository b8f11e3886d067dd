package store_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/store"
)

// Mistakes of an older service in fetching sources, each with its number there
// (see worker/mistakes_test.go).

// A file that lay at the path counted as fetched: half of one that was cut
// off, or an earlier upload under the same key.
func TestMistake14AFileOnDiskIsNeverTakenForTheSource(t *testing.T) {
	f := newFaulty(9 << 20)
	src := job.Source{Bucket: "b", Key: "k.mp4", ETag: f.etag}
	for name, stale := range map[string][]byte{
		"half of it": f.body[:len(f.body)/2], "another of the same length": bytes.Repeat([]byte("x"), len(f.body)), "a longer one": make([]byte, len(f.body)+1),
	} {
		for _, there := range []string{"k.mp4", "k.mp4.part"} {
			t.Run(name+" at "+there, func(t *testing.T) {
				dir := t.TempDir()
				if err := os.WriteFile(filepath.Join(dir, there), stale, 0o600); err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(dir, "k.mp4")
				if _, err := f.open(t).Download(t.Context(), src, path, nil); err != nil {
					t.Fatal(err)
				}
				if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, f.body) {
					t.Errorf("the file has %d bytes of something else (%v)", len(got), err)
				}
			})
		}
	}
	t.Run("cut off", func(t *testing.T) {
		f := newFaulty(9 << 20)
		f.get = refuse(http.StatusInternalServerError, "InternalError")
		path := filepath.Join(t.TempDir(), "k.mp4")
		if _, err := f.open(t).Download(t.Context(), src, path, nil); err == nil {
			t.Error("it counts as fetched")
		}
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("there is a file at the path (%v)", err)
		}
	})
}

// Whether a source was gone was told by the words of the message.
func TestMistake16TheStatusTellsThatASourceIsGoneNotTheWords(t *testing.T) {
	for _, c := range []struct {
		status     int
		code, says string
		want       job.Kind
	}{
		{404, "NoSuchKey", "Der Schlüssel ist nicht da.", job.SourceGone},
		{404, "", "", job.SourceGone},
		{500, "InternalError", "NotFound: 404 NoSuchKey: The specified key does not exist.", job.Storage},
		{503, "SlowDown", "404 Not Found", job.Storage},
		{403, "AccessDenied", "NoSuchKey", job.Storage},
	} {
		for _, asked := range []string{http.MethodHead, http.MethodGet} { // Which of the two is answered so.
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/b" || r.Method != asked { // The bucket is there.
					w.Header().Set("Content-Length", "10")
					return
				}
				w.Header().Set("Content-Type", "application/xml")
				w.WriteHeader(c.status)
				fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", c.code, c.says)
			}))
			_, err := open(t, server.URL).Download(t.Context(), job.Source{Bucket: "b", Key: "k.mp4"}, filepath.Join(t.TempDir(), "x"), nil)
			server.Close()
			if got := job.KindOf(err); got != c.want {
				t.Errorf("%s: %d %s %q is %s, want %s", asked, c.status, c.code, c.says, got, c.want)
			}
		}
	}
}

// zeros is an object of n bytes that are nowhere in memory.
type zeros struct{ n, at int64 }

func (z *zeros) Read(p []byte) (int, error) {
	n := min(int64(len(p)), z.n-z.at)
	if n == 0 {
		return 0, io.EOF
	}
	clear(p[:n])
	z.at += n
	return int(n), nil
}

func (z *zeros) Seek(offset int64, whence int) (int64, error) {
	z.at = offset + map[int]int64{io.SeekStart: 0, io.SeekCurrent: z.at, io.SeekEnd: z.n}[whence]
	return z.at, nil
}

// The whole file was held in memory.
func TestMistake20ADownloadIsNotHeldInMemory(t *testing.T) {
	const size, most = 128 << 20, 48 << 20
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"e"`)
		http.ServeContent(w, r, "", time.Time{}, &zeros{n: size})
	}))
	defer server.Close()
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	runtime.GC()
	before, peak, next := heap(), uint64(0), int64(0)
	path := filepath.Join(t.TempDir(), "k.mp4")
	got, err := open(t, server.URL).Download(t.Context(), job.Source{Bucket: "b", Key: "k.mp4", ETag: "e"}, path, func(done, _ int64) {
		if done >= next {
			next += size / 64
			peak = max(peak, heap())
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if peak > before+most {
		t.Errorf("fetching %d MiB took %d MiB of memory", size>>20, (peak-before)>>20)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, &zeros{n: size}); err != nil {
		t.Fatal(err)
	}
	if want := (store.Object{Bytes: size, SHA256: hex.EncodeToString(sum.Sum(nil)), ETag: "e"}); got.Bytes != want.Bytes || got.SHA256 != want.SHA256 {
		t.Errorf("fetched %+v, want %+v", got, want)
	}
	t.Logf("%d MiB of memory for %d MiB", int64(peak-before)>>20, size>>20)
}

// The store does not sign for longer, whoever asks.
func TestMistake17NoUploadURLLives100Hours(t *testing.T) {
	s := open(t, "http://127.0.0.1:1")
	put := store.PutRequest{Bucket: "b", Key: "k.mp4", Bytes: 1, Type: "video/mp4", Expires: 100 * time.Hour}
	if p, err := s.PresignPut(t.Context(), put); err == nil {
		t.Errorf("it was signed until %v", p.ExpiresAt)
	}
	if p, err := s.PresignOpenPut(t.Context(), "b", "k.mp4", 100*time.Hour); err == nil {
		t.Errorf("it was signed until %v", p.ExpiresAt)
	}
}
