package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/starter"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/media"
	"github.com/motionmill/motionmill/store"
	"github.com/motionmill/motionmill/worker/pipeline"
)

const mib = 1 << 20

// s3Requests are those that S3 bills, by their two prices.
type s3Requests struct{ puts, gets int } // PUT and POST; GET and HEAD

func (r s3Requests) plus(o s3Requests) s3Requests {
	return s3Requests{r.puts + o.puts, r.gets + o.gets}
}

// s3OfFetch is what the download of a source costs: a look at the version, and
// the version in ranges.
func s3OfFetch(bytes int64) s3Requests { return s3Requests{gets: 1 + ranges(bytes, 8*mib)} }

// s3OfStore is what storing a file costs: a request, or from 16 MiB on one a
// part, and two around them.
func s3OfStore(bytes int64) s3Requests {
	if bytes < 16*mib {
		return s3Requests{puts: 1}
	}
	return s3Requests{puts: 2 + ranges(bytes, 8*mib)}
}

// s3OfAnnouncing is what the stable manifest costs.
func s3OfAnnouncing() s3Requests { return s3Requests{puts: 1, gets: 1} }

// s3OfJob is what a job costs that succeeds at once: its source, its outputs,
// its manifest, and the stable one.
func s3OfJob(source int64, outputs ...int64) s3Requests {
	total := s3OfFetch(source).plus(s3OfStore(0)).plus(s3OfAnnouncing())
	for _, bytes := range outputs {
		total = total.plus(s3OfStore(bytes))
	}
	return total
}

// s3OfUpload is what the user's own upload costs, as the API has it sent: above
// 64 MiB in parts of 16.
func s3OfUpload(bytes int64) s3Requests {
	if bytes <= 64*mib {
		return s3Requests{puts: 1}
	}
	return s3Requests{puts: 2 + ranges(bytes, 16*mib)}
}

func ranges(bytes int64, each int64) int { return int((bytes + each - 1) / each) }

// objects is an S3 in memory behind the counting client. It takes what the
// store sends and gives it back.
type objects struct {
	mu     sync.Mutex
	bodies map[string][]byte
}

// openObjects returns a store whose requests are counted, and what it holds.
func openObjects(t *testing.T) (*store.Store, *objects, *meter) {
	t.Helper()
	o := &objects{bodies: map[string][]byte{}}
	m := newMeter(client(func(r *http.Request) (*http.Response, error) {
		answer := httptest.NewRecorder()
		o.ServeHTTP(answer, r)
		reply := answer.Result()
		reply.Request = r
		return reply, nil
	}))
	s, err := store.New(t.Context(), store.Config{AWS: &aws.Config{
		Region: "eu-central-1", BaseEndpoint: aws.String("http://s3.test"), HTTPClient: m,
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s, o, m
}

func (o *objects) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	w.Header().Set("ETag", `"e"`)
	query := r.URL.Query()
	switch r.Method {
	case http.MethodHead, http.MethodGet:
		body, found := o.bodies[r.URL.Path]
		if !found {
			http.NotFound(w, r)
			return
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	case http.MethodPut:
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		} else if !query.Has("partNumber") {
			o.bodies[r.URL.Path] = body
		}
	case http.MethodPost:
		root := "InitiateMultipartUploadResult"
		if query.Has("uploadId") {
			root = "CompleteMultipartUploadResult"
		}
		fmt.Fprintf(w, "<%s><UploadId>u</UploadId><ETag>e</ETag></%s>", root, root)
	}
}

// counted is what the meter saw, by the two prices.
func counted(m *meter) s3Requests {
	return s3Requests{
		puts: m.count(s3Service, "PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"),
		gets: m.count(s3Service, "GetObject", "HeadObject"),
	}
}

func TestRequestsToS3(t *testing.T) {
	for _, bytes := range []int64{1, 8 * mib, 8*mib + 1, 16*mib - 1, 16 * mib, 16*mib + 1} {
		t.Run(fmt.Sprint(bytes), func(t *testing.T) {
			s, o, m := openObjects(t)
			o.bodies["/uploads/a.mp4"] = make([]byte, bytes)
			path := filepath.Join(t.TempDir(), "a.mp4")
			if _, err := s.Download(t.Context(), job.Source{Bucket: "uploads", Key: "a.mp4", ETag: "e"}, path, nil); err != nil {
				t.Fatal(err)
			}
			wantS3(t, "fetching", m, s3OfFetch(bytes))
			if _, err := s.Upload(t.Context(), "outputs", "a.mp4", path, "video/mp4"); err != nil {
				t.Fatal(err)
			}
			wantS3(t, "fetching and storing", m, s3OfFetch(bytes).plus(s3OfStore(bytes)))
		})
	}
}

func wantS3(t *testing.T, what string, m *meter, want s3Requests) {
	t.Helper()
	if got := counted(m); got != want {
		t.Errorf("%s took %d PUTs and %d GETs, reckoned were %d and %d: %s", what, got.puts, got.gets, want.puts, want.gets, m)
	}
}

// TestRequestsToS3OfARealJob holds what is reckoned to what a job asks for that
// really runs, and the files of the table to those that it makes.
func TestRequestsToS3OfARealJob(t *testing.T) {
	for _, profile := range []string{"transcode", pipeline.DefaultProfile} {
		t.Run(profile, func(t *testing.T) {
			s, o, m := openObjects(t)
			video, err := starter.Files.ReadFile("demo.mp4")
			if err != nil {
				t.Fatal(err)
			}
			o.bodies["/uploads/a.mp4"] = video
			rec := job.Record{ID: "a", Profile: profile, Fence: 1, Attempt: 1, State: job.Succeeded, History: []job.Attempt{{Fence: 1}},
				Source: job.Source{Bucket: "uploads", Key: "a.mp4", ETag: "e", Bytes: int64(len(video))}}
			runner := newRunner(t, s, profile)
			hooks := job.Hooks{Weigh: func(int) error { return nil }, Report: func(job.Progress) {}}
			if rec.Manifest, err = runner.Run(t.Context(), rec, hooks); err != nil {
				t.Fatal(err)
			}
			if err := runner.Announce(t.Context(), rec); err != nil {
				t.Fatal(err)
			}
			var made pipeline.Manifest
			if err := json.Unmarshal(o.bodies["/outputs/outputs/a/manifest.json"], &made); err != nil {
				t.Fatal(err)
			}
			var sizes []int64
			var names []string
			for _, file := range made.Outputs {
				sizes = append(sizes, file.Bytes)
				if !strings.HasPrefix(file.Path, "hls/") { // How many these are is up to the video.
					names = append(names, file.Path)
				}
			}
			wantS3(t, "the job", m, s3OfJob(int64(len(video)), sizes...))
			if all := counted(m).puts + counted(m).gets; m.count(s3Service) != all {
				t.Errorf("%d requests are of no kind that is reckoned: %s", m.count(s3Service)-all, m)
			}
			slices.Sort(names)
			if want := measured().files(); profile == pipeline.DefaultProfile && !slices.Equal(names, want) {
				t.Errorf("it made %v; the table is reckoned for %v", names, want)
			}
			t.Log(strings.Join(names, " "), m)
		})
	}
}

// newRunner returns a real pipeline with the starter models. It skips where
// ffmpeg is absent, or ONNX Runtime when the profile needs that.
func newRunner(t *testing.T, s *store.Store, profile string) *pipeline.Runner {
	t.Helper()
	tools, err := media.Find(t.Context(), media.Config{})
	if err != nil {
		t.Skip(err)
	}
	catalogue, err := models.LoadCatalogue(nil, starter.Files)
	if err != nil {
		t.Fatal(err)
	}
	profiles, err := pipeline.LoadProfiles()
	if err != nil {
		t.Fatal(err)
	}
	engine := &pipeline.Engine{Config: onnx.Config{Provider: "cpu"}, Catalogue: catalogue}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := engine.Warm(profiles[profile]); err != nil {
		if lacking := (*job.Error)(nil); !errors.As(err, &lacking) {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dir := t.TempDir()
	disk := pipeline.NewDisk(pipeline.DiskConfig{Dir: dir, Measure: func(string) (pipeline.Space, error) {
		return pipeline.Space{Free: 64 << 30, Capacity: 64 << 30}, nil
	}})
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return &pipeline.Runner{
		Config: pipeline.Config{Tools: tools, Limits: media.DefaultLimits(), Engine: engine, Profiles: profiles, Version: "test"},
		Store:  s, OutputsBucket: "outputs", Dir: dir, Disk: disk,
	}
}
