package queue_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/queue"
)

var update = flag.Bool("update", false, "write what the reader says now into testdata/*.golden.json")

// golden is what a body of the corpus is expected to say.
type golden struct {
	Orders  []goldenOrder `json:"orders,omitempty"`
	Retry   *job.Letter   `json:"retry,omitempty"`
	Ignored string        `json:"ignored,omitempty"`
	Error   string        `json:"error,omitempty"`
}

type goldenOrder struct {
	ID      string     `json:"id"`
	Profile string     `json:"profile"`
	Weight  int        `json:"weight,omitempty"`
	Source  job.Source `json:"source"`
}

func say(n job.Notice, err error) golden {
	g := golden{Retry: n.Retry, Ignored: n.Ignored}
	for _, o := range n.Orders {
		g.Orders = append(g.Orders, goldenOrder{o.ID(), o.Profile, o.Weight, o.Source})
	}
	if err != nil {
		g.Error = err.Error()
	}
	return g
}

// TestCorpus reads bodies as AWS, MinIO, moto, SNS, EventBridge and Motionmill
// send them, and others that nobody should. The IDs in the golden files hold
// the identity of jobs: a change there makes done jobs new ones.
func TestCorpus(t *testing.T) {
	reader := queue.NewReader(queue.ReaderConfig{Bucket: "uploads"})
	for _, path := range corpus(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			body, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			n, err := reader.Read(body)
			checkNotice(t, reader, n, err)
			compareGolden(t, strings.TrimSuffix(path, ".json")+".golden.json", say(n, err))
		})
	}
}

func compareGolden(t *testing.T, path string, got golden) {
	t.Helper()
	if *update {
		text, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run with -update and review what it writes", err)
	}
	var want golden
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("not as in %s (- want, + got):\n%s", path, diff)
	}
}

// corpus lists the bodies in testdata.
func corpus(t testing.TB) []string {
	t.Helper()
	all, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	var bodies []string
	for _, path := range all {
		if !strings.HasSuffix(path, ".golden.json") {
			bodies = append(bodies, path)
		}
	}
	if len(bodies) < 40 {
		t.Fatalf("the corpus holds only %d bodies", len(bodies))
	}
	return bodies
}

// checkNotice asserts what holds of every notice: it says exactly one thing,
// names no result of ours, and a requeue of each order is the same job.
func checkNotice(t *testing.T, reader *queue.Reader, n job.Notice, err error) {
	t.Helper()
	if err != nil {
		var typed *job.Error
		if !errors.As(err, &typed) || typed.Subject == "" {
			t.Errorf("%v does not say where", err)
		}
		if n.Orders != nil || n.Retry != nil || n.Ignored != "" {
			t.Errorf("an error came with the notice %+v", n)
		}
		return
	}
	said := 0
	for _, yes := range []bool{len(n.Orders) > 0, n.Retry != nil, n.Ignored != ""} {
		if yes {
			said++
		}
	}
	if said != 1 {
		t.Errorf("the notice says %d things: %+v", said, n)
	}
	for _, o := range n.Orders {
		o.At = time.Time{} // A requeue has none of the event's time.
		if strings.HasPrefix(o.Source.Key, queue.OutputsPrefix) || o.Profile == "" || o.Source.Bucket == "" {
			t.Errorf("the order %+v must not be", o)
		}
		letter := job.Letter{Type: job.RequeueLetter, Job: o.ID(), Profile: o.Profile, Source: &o.Source, Weight: o.Weight}
		again, err := reader.Read(letter.Encode())
		if err != nil || len(again.Orders) != 1 || again.Orders[0] != o {
			t.Errorf("the order %+v comes back from a requeue as %+v, error %v", o, again, err)
		}
	}
}

func TestReaderTakesEveryBucketByDefault(t *testing.T) {
	body, err := os.ReadFile("testdata/aws_other_bucket.json")
	if err != nil {
		t.Fatal(err)
	}
	n, err := queue.NewReader(queue.ReaderConfig{DefaultProfile: "pose"}).Read(body)
	if err != nil || len(n.Orders) != 1 || n.Orders[0].Source.Bucket != "other" || n.Orders[0].Profile != "pose" {
		t.Errorf("got %+v and error %v, want one order for bucket other under profile pose", n, err)
	}
}

func TestReaderGivesLettersWhole(t *testing.T) {
	retry := job.Letter{Type: job.RetryLetter, Job: "j", Fence: 3, Profile: "pose", Reason: "why"}
	n, err := queue.NewReader(queue.ReaderConfig{}).Read(retry.Encode())
	if err != nil || n.Retry == nil || *n.Retry != retry {
		t.Errorf("got %+v and error %v, want %+v", n.Retry, err, retry)
	}
}

func TestReaderRefusesWhatIsNotUTF8(t *testing.T) {
	_, err := queue.NewReader(queue.ReaderConfig{}).Read([]byte("{\"Records\":[{\"key\":\"\xff\"}]}"))
	if err == nil || !strings.Contains(err.Error(), "UTF-8") {
		t.Errorf("got %v", err)
	}
}

func TestProfileOfKey(t *testing.T) {
	for key, want := range map[string]string{
		"uploads/profile=pose/x.mp4":                   "pose",
		"profile=pose/x.mp4":                           "pose",
		"uploads/profile=pose/2026/x.mp4":              "pose",
		"uploads/profile=pose/profile=transcode/x.mp4": "transcode",
		"uploads/profile=pose/profile=/x.mp4":          "pose",
		"uploads/x.mp4":                                "def",
		"x.mp4":                                        "def",
		"":                                             "def",
		"uploads/profile=pose":                         "def",
		"uploads/profile=/x.mp4":                       "def",
		"uploads/my-profile=pose/x.mp4":                "def",
		"uploads/Profile=pose/x.mp4":                   "def",
		"uploads/profile=a=b/x.mp4":                    "a=b",
		"uploads//profile=pose//x.mp4":                 "pose",
		"uploads/profile=pose/":                        "pose",
	} {
		if got := queue.ProfileOfKey(key, "def"); got != want {
			t.Errorf("the profile of %q is %q, want %q", key, got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, path := range corpus(f) {
		body, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	reader := queue.NewReader(queue.ReaderConfig{})
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := reader.Read(body)
		checkNotice(t, reader, n, err)
		again, errAgain := reader.Read(body)
		if diff := cmp.Diff(say(n, err), say(again, errAgain)); diff != "" {
			t.Errorf("a second reading differs:\n%s", diff)
		}
	})
}
