package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/motionmill/motionmill/cloudtest"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/store"
)

// shelf is a bucket that lists what it is told, in the order of the keys.
type shelf struct {
	infos []store.Info
	// failAfter, when set, is the key after which no page can be had.
	failAfter string
}

func (s *shelf) Page(_ context.Context, _, prefix string, after store.Mark, limit int) (page []store.Info, next store.Mark, err error) {
	if s.failAfter != "" && after.Key == s.failAfter {
		return nil, store.Mark{}, errOutage
	}
	slices.SortFunc(s.infos, func(a, b store.Info) int { return strings.Compare(a.Source.Key, b.Source.Key) })
	for _, info := range s.infos {
		if !strings.HasPrefix(info.Source.Key, prefix) || info.Source.Key <= after.Key {
			continue
		}
		if len(page) == limit {
			return page, store.Mark{Key: page[limit-1].Source.Key}, nil
		}
		page = append(page, info)
	}
	return page, store.Mark{}, nil
}

var errOutage = errors.New("the bucket cannot be reached")

// put replaces an object that was uploaded an age ago.
func (s *shelf) put(key, version, etag string, age time.Duration) job.Source {
	s.infos = slices.DeleteFunc(s.infos, func(i store.Info) bool { return i.Source.Key == key })
	src := job.Source{Bucket: "uploads-here", Key: key, Version: version, ETag: etag, Bytes: 9}
	s.infos = append(s.infos, store.Info{Source: src, Modified: time.Now().Add(-age)})
	return src
}

// newReconcileStage opens an embedded stage of its own for a test.
func newReconcileStage(t *testing.T) *stage {
	t.Helper()
	url := "sqlite://" + t.TempDir() + "/stage.db"
	flags := stageFlags{
		stage: "x", uploadsBucket: "uploads-here", outputsBucket: "out", work: url + "?queue=work",
		inProgress: url + "?queue=in-progress", deadLetter: url + "?queue=dead-letter", ledger: url,
	}
	s, err := flags.open(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.close() }) // The folder goes with the test.
	return s
}

// reconcile runs once, two entries a page.
func reconcile(t *testing.T, s *stage, bucket *shelf, change func(*reconcileFlags)) (reconciled, error) {
	t.Helper()
	flags := reconcileFlags{prefix: "uploads/", minAge: 30 * time.Minute, maxAge: 28 * 24 * time.Hour, untouched: time.Hour}
	if change != nil {
		change(&flags)
	}
	r := &reconciliation{stage: s, flags: flags, store: bucket, log: slog.New(slog.DiscardHandler), page: 2, began: time.Now()}
	err := r.run(t.Context())
	return r.found, err
}

func wantReconciled(t *testing.T, s *stage, bucket *shelf, change func(*reconcileFlags), want reconciled) {
	t.Helper()
	got, err := reconcile(t, s, bucket, change)
	if err != nil || got != want {
		t.Errorf("reconciled %+v (%v), want %+v", got, err, want)
	}
}

// orders empties the work queue and returns the jobs that it asked for.
func orders(t *testing.T, s *stage) (ids []string) {
	t.Helper()
	for {
		messages, err := s.work.Receive(t.Context(), 10, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(messages) == 0 {
			slices.Sort(ids)
			return ids
		}
		for _, m := range messages {
			notice, err := s.reader().Read(m.Body)
			if err != nil || len(notice.Orders) != 1 {
				t.Fatalf("the work queue holds %s: %+v (%v)", m.Body, notice, err)
			}
			ids = append(ids, notice.Orders[0].ID())
			if err := s.work.Delete(t.Context(), m.Receipt); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// event is the notification of an object, as S3 sends it.
func event(src job.Source) []byte {
	body, err := json.Marshal(map[string]any{"Records": []any{map[string]any{
		"eventName": "ObjectCreated:Put",
		"s3": map[string]any{
			"bucket": map[string]any{"name": src.Bucket},
			"object": map[string]any{"key": src.Key, "size": src.Bytes, "eTag": src.ETag, "versionId": src.Version, "sequencer": src.Sequencer},
		},
	}}})
	if err != nil {
		panic(err)
	}
	return body
}

// claim is what a worker makes of an event: the ledger then has its job.
func claim(t *testing.T, s *stage, src job.Source) string {
	t.Helper()
	notice, err := s.reader().Read(event(src))
	if err != nil || len(notice.Orders) != 1 {
		t.Fatalf("the event of %s: %+v (%v)", src.URI(), notice, err)
	}
	order := notice.Orders[0]
	if _, err := s.ledger.RaiseHighWater(t.Context(), order.Source, order.ID()); err != nil {
		t.Fatal(err)
	}
	rec := job.Record{ID: order.ID(), Source: order.Source, Profile: order.Profile, State: job.Running, Fence: 1}
	if err := s.ledger.Put(t.Context(), rec, job.Condition{States: []job.State{job.None}}); err != nil {
		t.Fatal(err)
	}
	return order.ID()
}

// TestLostEventsAreFound has a bucket with versions. Whatever is enqueued is
// the very job that the event would have been.
func TestLostEventsAreFound(t *testing.T) {
	s, bucket := newReconcileStage(t), &shelf{}
	claim(t, s, bucket.put("uploads/a.mp4", "v1", "e1", time.Hour))
	lost := bucket.put("uploads/b.mp4", "v2", "e2", time.Hour)
	posed := bucket.put("uploads/profile=pose/c.mp4", "v3", "e3", time.Hour)
	claim(t, s, bucket.put("uploads/again.mp4", "v4", "e4", 2*time.Hour))
	again := bucket.put("uploads/again.mp4", "v5", "e4", time.Hour) // The same content.
	bucket.put("uploads/young.mp4", "v6", "e5", time.Minute)
	bucket.put("uploads/old.mp4", "v7", "e6", 29*24*time.Hour)
	bucket.put("uploads/folder/", "v8", "e7", time.Hour)
	bucket.put("uploads/\xff.mp4", "v9", "e8", time.Hour)
	bucket.put("elsewhere.mp4", "v10", "e9", time.Hour)

	want := reconciled{Objects: 8, Enqueued: 3, Known: 1, TooYoung: 1, TooOld: 1, Ignored: 1, Failed: 1}
	wantReconciled(t, s, bucket, nil, want)
	again.Sequencer, lost.Sequencer = "0A", "0B" // Events tell it; the job is the same.
	ids := []string{job.ID(lost, "trainer"), job.ID(posed, "pose"), job.ID(again, "trainer")}
	slices.Sort(ids)
	// Again while the messages wait, then when they were lost, too.
	want.Enqueued, want.Known = 0, 4
	wantReconciled(t, s, bucket, nil, want)
	if got := orders(t, s); !slices.Equal(got, ids) {
		t.Errorf("the work queue asked for %q, want %q", got, ids)
	}
	wantReconciled(t, s, bucket, nil, want)
}

// TestObjectsWithoutAVersion have jobs whose IDs no list can tell.
func TestObjectsWithoutAVersion(t *testing.T) {
	s, bucket := newReconcileStage(t), &shelf{}
	sequenced := func(src job.Source, sequencer string) job.Source { src.Sequencer = sequencer; return src }
	claim(t, s, sequenced(bucket.put("uploads/known.mp4", "", "e1", time.Minute*40), "01"))
	// The job of a newer object is known, whose upload another one has replaced since.
	claim(t, s, sequenced(bucket.put("uploads/back.mp4", "", "e2", time.Minute*40), "01"))
	claim(t, s, sequenced(job.Source{Bucket: "uploads-here", Key: "uploads/back.mp4", ETag: "e3"}, "02"))
	// The job of another content does not count.
	claim(t, s, sequenced(job.Source{Bucket: "uploads-here", Key: "uploads/lost.mp4", ETag: "e3"}, "01"))
	lost := bucket.put("uploads/lost.mp4", "", "e4", time.Minute*40)

	if err := s.work.Send(t.Context(), job.Outgoing{Body: event(lost)}); err != nil {
		t.Fatal(err)
	}
	wantReconciled(t, s, bucket, nil, reconciled{Objects: 3, Known: 2, Unsure: 1})
	if got := orders(t, s); len(got) != 1 {
		t.Errorf("beside the message that waits, %q were sent", got)
	}
	wantReconciled(t, s, bucket, nil, reconciled{Objects: 3, Known: 2, Enqueued: 1})
	if got := orders(t, s); !slices.Equal(got, []string{job.ID(lost, "trainer")}) {
		t.Errorf("the work queue asked for %q", got)
	}
	wantReconciled(t, s, bucket, nil, reconciled{Objects: 3, Known: 3})
}

// TestAnUploadOfTheSameContentIsAnother one, when the job of the earlier was
// made before it. The ledger's clock cannot be set back: the object is later.
func TestAnUploadOfTheSameContentIsAnother(t *testing.T) {
	s, bucket := newReconcileStage(t), &shelf{}
	src := bucket.put("uploads/a.mp4", "", "e1", time.Hour)
	src.Sequencer = "01"
	claim(t, s, src)
	bucket.put("uploads/a.mp4", "", "e1", -2*clocksApart)
	soon := func(f *reconcileFlags) { f.minAge = -time.Hour }
	wantReconciled(t, s, bucket, soon, reconciled{Objects: 1, Enqueued: 1})
	orders(t, s)
	wantReconciled(t, s, bucket, soon, reconciled{Objects: 1, Known: 1})
}

// TestAReconciliationGoesOn where it stopped, by choice or by an outage.
func TestAReconciliationGoesOn(t *testing.T) {
	s, bucket := newReconcileStage(t), &shelf{}
	var want []string
	for i := range 9 {
		want = append(want, job.ID(bucket.put(fmt.Sprintf("uploads/%d.mp4", i), "v", "e", time.Hour), "trainer"))
	}
	slices.Sort(want)
	three := func(after string) func(*reconcileFlags) {
		return func(f *reconcileFlags) { f.maxObjects, f.after = 3, after }
	}
	wantReconciled(t, s, bucket, three(""), reconciled{Objects: 3, Enqueued: 3, Next: "uploads/2.mp4"})
	wantReconciled(t, s, bucket, three("uploads/2.mp4"), reconciled{Objects: 3, Enqueued: 3, Next: "uploads/5.mp4"})
	bucket.failAfter = "uploads/7.mp4"
	got, err := reconcile(t, s, bucket, func(f *reconcileFlags) { f.after = "uploads/5.mp4" })
	if want := (reconciled{Objects: 2, Enqueued: 2, Next: "uploads/7.mp4"}); got != want || !errors.Is(err, errOutage) {
		t.Errorf("an outage gives %+v (%v), want %+v", got, err, want)
	}
	bucket.failAfter = ""
	wantReconciled(t, s, bucket, three("uploads/7.mp4"), reconciled{Objects: 1, Enqueued: 1})
	if got := orders(t, s); !slices.Equal(got, want) {
		t.Errorf("the work queue asked for %q, want %q", got, want)
	}
}

// TestJobsThatNobodyTouchesAreSentAgain by message or timer, as they need.
func TestJobsThatNobodyTouchesAreSentAgain(t *testing.T) {
	s := newReconcileStage(t)
	src := job.Source{Bucket: "uploads-here", Key: "uploads/a.mp4", Version: "v1", ETag: "e"}
	queued := job.Record{ID: job.ID(src, "trainer"), Source: src, Profile: "trainer", State: job.Queued}
	running := job.Record{ID: job.ID(src, "pose"), Source: src, Profile: "pose", State: job.Running, Fence: 3}
	over := job.Record{ID: job.ID(src, "silhouette"), Source: src, Profile: "silhouette", State: job.Cancelled}
	for _, rec := range []job.Record{queued, running, over} {
		if err := s.ledger.Put(t.Context(), rec, job.Condition{States: []job.State{job.None}}); err != nil {
			t.Fatal(err)
		}
	}
	wantReconciled(t, s, &shelf{}, nil, reconciled{})
	wantReconciled(t, s, &shelf{}, func(f *reconcileFlags) { f.untouched = -time.Minute }, reconciled{SentAgain: 2})
	if got := orders(t, s); !slices.Equal(got, []string{queued.ID}) {
		t.Errorf("the work queue asked for %q", got)
	}
	timers, err := s.inProgress.Receive(t.Context(), 10, 0)
	if err != nil || len(timers) != 1 || !strings.Contains(string(timers[0].Body), running.ID) || !strings.Contains(string(timers[0].Body), `"fence":3`) {
		t.Errorf("the timers are %+v (%v)", timers, err)
	}
}

// TestReconcileCommand runs the program against a bucket of a server that we
// did not write.
func TestReconcileCommand(t *testing.T) {
	settings := cloudtest.Moto(t)
	for _, variable := range cloudtest.Environment(t, settings) {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	client := s3.NewFromConfig(settings, func(o *s3.Options) { o.UsePathStyle = true })
	bucket := aws.String("uploads-here")
	_, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: bucket})
	if err == nil {
		_, err = client.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
			Bucket: bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
		})
	}
	for _, key := range []string{"uploads/one.mp4", "uploads/it's two.mp4", "uploads/profile=pose/three.mp4"} {
		if err == nil {
			_, err = client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: aws.String(key), Body: strings.NewReader(key)})
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	s := newReconcileStage(t)
	stageArgs := []string{"jobs", "reconcile", "--stage=x", "--uploads-bucket=uploads-here", "--outputs-bucket=out", "--min-age=0", "--work-queue-url=" + s.stageFlags.work,
		"--in-progress-queue-url=" + s.stageFlags.inProgress, "--dead-letter-queue-url=" + s.stageFlags.deadLetter, "--ledger-table=" + s.stageFlags.ledger}

	out := mustRun(t, append(stageArgs, "--max-objects=1")...)
	if !strings.Contains(out, "enqueued s3://uploads-here/uploads/it's two.mp4 as job ") || !strings.Contains(out, "1 object: 1 enqueued; 0 jobs sent again") {
		t.Errorf("it says:\n%s", out)
	}
	_, rest, _ := strings.Cut(out, "--after=")
	word, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+rest).Output()
	if err != nil || string(word) != "uploads/it's two.mp4" {
		t.Fatalf("it goes on after %q (%v)", word, err)
	}
	out = mustRun(t, append(stageArgs, "--after="+string(word), "--json")...)
	var found reconciled
	if err := json.Unmarshal([]byte(out), &found); err != nil || found != (reconciled{Objects: 2, Enqueued: 2}) {
		t.Errorf("it says %s (%v)", out, err)
	}
	if out := mustRun(t, stageArgs...); !strings.Contains(out, "3 objects: 3 known; ") {
		t.Errorf("it says:\n%s", out)
	}
	if ids := orders(t, s); len(ids) != 3 {
		t.Errorf("the work queue asked for %q", ids)
	}
	if _, _, status := motionmill(t, append(stageArgs, "--max-age=0")...); status != statusUsage {
		t.Errorf("ages without a time between end with %d", status)
	}
	if _, errs, status := motionmill(t, append(stageArgs, "--uploads-bucket=none-such")...); status == 0 || !strings.Contains(errs, "none-such") {
		t.Errorf("no bucket ends with %d: %s", status, errs)
	}
}
