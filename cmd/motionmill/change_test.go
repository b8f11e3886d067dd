package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/motionmill/motionmill/api/client"
	"github.com/motionmill/motionmill/local"
	"github.com/motionmill/motionmill/store"
)

// bucket returns a client of the stage's object store.
func (s *live) bucket() *store.Store {
	s.t.Helper()
	shared, err := config.LoadDefaultConfig(s.t.Context(), config.WithRegion(local.Region),
		config.WithSharedConfigFiles(nil), config.WithSharedConfigProfile("motionmill"),
		config.WithSharedCredentialsFiles([]string{filepath.Join(s.dir, "credentials")}))
	if err != nil {
		s.t.Fatal(err)
	}
	shared.BaseEndpoint = aws.String(s.s3)
	objects, err := store.New(s.t.Context(), store.Config{AWS: &shared})
	if err != nil {
		s.t.Fatal(err)
	}
	return objects
}

// TestSourcesThatChangeWhileTheyWait deletes one queued source and overwrites
// another, while a job keeps the only unit busy.
func TestSourcesThatChangeWhileTheyWait(t *testing.T) {
	needParts(t)
	s := startLocal(t, t.TempDir(), "--capacity", "1", "--beat", "200ms")
	demo, objects := demoFile(t), s.bucket()
	busy := s.upload(demo)
	s.await(busy, func(j client.Job) bool { return j.State == "running" })

	if _, err := objects.Upload(t.Context(), local.UploadsBucket, "gone.mp4", demo, "video/mp4"); err != nil {
		t.Fatal(err)
	}
	if err := objects.Put(t.Context(), local.UploadsBucket, "again.mp4", []byte("the first version"), "video/mp4"); err != nil {
		t.Fatal(err)
	}
	if _, err := objects.Upload(t.Context(), local.UploadsBucket, "again.mp4", demo, "video/mp4"); err != nil {
		t.Fatal(err)
	}
	if _, err := objects.DeletePrefix(t.Context(), local.UploadsBucket, "gone.mp4"); err != nil {
		t.Fatal(err)
	}
	var states []string
	for _, j := range s.jobs() {
		if j.ID == busy {
			continue
		}
		j = s.await(j.ID, func(j client.Job) bool { return j.State == "dead" || j.State == "succeeded" || j.State == "superseded" })
		kind := ""
		if j.Error != nil {
			kind = j.Error.Kind
		}
		states = append(states, j.Name+" "+string(j.State)+" "+kind)
	}
	// The newest comes first.
	if got, want := strings.Join(states, ", "), "again.mp4 succeeded , again.mp4 superseded source_replaced, gone.mp4 dead source_gone"; got != want {
		t.Errorf("the jobs are %q, want %q", got, want)
	}
}
