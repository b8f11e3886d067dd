package pipeline

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/store"
)

// A mistake of an older service, with its number there (see
// worker/mistakes_test.go): keys reached a shell. What a key says neither runs
// nor names a file here, and the tools see no more of it than an extension.
func TestMistake11KeysReachNoShell(t *testing.T) {
	cfg := config(t)
	video := mustRead(t, writeDemo(t))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"e"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(video))
	}))
	defer server.Close()
	objects, err := store.New(t.Context(), store.Config{AWS: &aws.Config{Region: "us-east-1", BaseEndpoint: aws.String(server.URL),
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), RetryMaxAttempts: 1}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	marker := filepath.Join(dir, "pwned")
	seen := errors.New("that is all the test wants to see")
	for key, name := range map[string]string{
		"a$(touch " + marker + ").mp4": "source.mp4", "b.mp4;touch " + marker + ";": "source", "c`touch " + marker + "`.MOV": "source.MOV",
		"d'\"|touch " + marker + "|.mp4": "source.mp4", "../../../../e.mp4": "source.mp4", "-i": "source", "g.$(id)": "source", "h.a;id": "source", "f.mp4\ntouch " + marker + "\n": "source",
	} {
		runner := &Runner{Config: cfg, Store: objects, OutputsBucket: "out", Dir: t.TempDir()}
		runner.Disk = NewDisk(DiskConfig{Dir: runner.Dir})
		rec := job.Record{ID: "j", Profile: "transcode", Fence: 1, Source: job.Source{Bucket: "b", Key: key, ETag: "e"}}
		_, err := runner.Run(t.Context(), rec, job.Hooks{
			Report: func(job.Progress) {},
			Weigh: func(int) error { // The source was fetched and probed.
				files, err := filepath.Glob(filepath.Join(runner.Dir, "*", "source*"))
				if err != nil || len(files) != 1 || filepath.Base(files[0]) != name {
					t.Errorf("the key %q became the file %q", key, files)
				}
				return seen
			},
		})
		if !errors.Is(err, seen) {
			t.Errorf("the key %q: %v", key, err)
		}
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("a key was run by a shell")
	}
}
