package gateway_test

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/motionmill/motionmill/store"
)

// begun starts an upload of one part and returns how to complete it, and its folder.
func begun(t *testing.T, s *stage, key string) (complete func() error, folder, etag string) {
	t.Helper()
	body := bytes.Repeat([]byte("m"), 1000)
	up, err := s.store("").StartMultipart(t.Context(), store.PutRequest{Bucket: uploads, Key: key, Bytes: 1000, Type: "video/mp4"}, store.MinPartBytes)
	if err != nil {
		t.Fatal(err)
	}
	_, _, header := send(t, up.Parts[0].Presigned, body, nil)
	found, err := filepath.Glob(filepath.Join(s.dir, "buckets", uploads, ".sgwtmp", "multipart", "*", up.UploadID))
	if err != nil || len(found) != 1 {
		t.Fatalf("the upload lies in %q: %v", found, err)
	}
	part := md5.Sum(body)
	whole := md5.Sum(part[:])
	return func() error {
		return s.store("").CompleteMultipart(t.Context(), uploads, key, up.UploadID, []store.Part{{Number: 1, ETag: header.Get("ETag")}})
	}, found[0], hex.EncodeToString(whole[:]) + "-1"
}

// TestKilledWhileCompleting leaves behind what a process leaves that is killed
// while it puts the parts together: the client that asks again was answered as
// if the object were there.
func TestKilledWhileCompleting(t *testing.T) {
	s := newStage(t)
	complete, folder, etag := begun(t, s, "long dance.mp4")
	s.kill()
	if err := os.Rename(folder, folder+"."+etag+".inprogress"); err != nil {
		t.Fatal(err)
	}
	s.start("127.0.0.1:0")
	if err := complete(); err != nil {
		t.Fatalf("asked again: %v", err)
	}
	if event := s.next(); event.Source.Key != "long dance.mp4" || event.Source.ETag != etag || event.Source.Bytes != 1000 {
		t.Errorf("told of %+v", event.Source)
	}
	if keys := s.keys(uploads); len(keys) != 1 {
		t.Errorf("the bucket holds %q", keys)
	}
}

// TestKilledBehindCompleting is killed when the object was there and its parts were still.
func TestKilledBehindCompleting(t *testing.T) {
	s := newStage(t)
	complete, folder, etag := begun(t, s, "clip.mp4")
	left := folder + "." + etag + ".inprogress"
	if err := os.CopyFS(left, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	aside := filepath.Join(t.TempDir(), "parts")
	if err := os.Rename(left, aside); err != nil {
		t.Fatal(err)
	}
	if err := complete(); err != nil {
		t.Fatal(err)
	}
	s.next()
	s.kill()
	// What the library would have removed next. Another upload keeps the name of the key.
	s.start("127.0.0.1:0")
	_, other, _ := begun(t, s, "clip.mp4")
	s.kill()
	if err := os.Rename(aside, filepath.Join(filepath.Dir(other), filepath.Base(left))); err != nil {
		t.Fatal(err)
	}
	s.start("127.0.0.1:0")
	if err := complete(); err != nil {
		t.Errorf("asked again: %v", err)
	}
	if found, _ := filepath.Glob(folder + "*"); len(found) != 0 {
		t.Errorf("the parts are left: %q", found)
	}
	if _, err := os.Stat(other); err != nil {
		t.Errorf("another upload of the key: %v", err)
	}
}

func TestAbandonedUploadsAreRemoved(t *testing.T) {
	s := newStage(t)
	_, old, _ := begun(t, s, "abandoned.mp4")
	complete, _, _ := begun(t, s, "under way.mp4")
	s.kill()
	week := time.Now().Add(-8 * 24 * time.Hour)
	if err := os.Chtimes(old, week, week); err != nil {
		t.Fatal(err)
	}
	s.start("127.0.0.1:0")
	waitFor(t, s, "removed an upload that nobody completed")
	out, err := s.client().ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: aws.String(uploads)})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Uploads) != 1 || aws.ToString(out.Uploads[0].Key) != "under way.mp4" {
		t.Errorf("there are %v", out.Uploads)
	}
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("its parts: %v", err)
	}
	if strings.Contains(s.log.String(), "under way.mp4") {
		t.Errorf("the log has\n%s", s.log)
	}
	if err := complete(); err != nil {
		t.Error(err)
	}
}

// TestHalfAReplacementIsNoUpload leaves behind what a process leaves that is
// killed between the two steps by which an object takes another's place.
func TestHalfAReplacementIsNoUpload(t *testing.T) {
	s := newStage(t)
	if err := s.store("").Put(t.Context(), uploads, "clips/dance.mp4", []byte("one"), "video/mp4"); err != nil {
		t.Fatal(err)
	}
	s.next()
	s.kill()
	folder := filepath.Join(s.dir, "buckets", uploads, "clips")
	week := time.Now().Add(-8 * 24 * time.Hour)
	for name, at := range map[string]time.Time{".dance.mp4.sgwtmp.1795289917254479772": time.Now(), ".old.mp4.sgwtmp.1795289917254479773": week} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("two"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(folder, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	s.start("127.0.0.1:0")
	waitFor(t, s, "scanned uploads")
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, event := range s.events {
		if event.Source.Key != "clips/dance.mp4" {
			t.Errorf("told of %s", event.Source.Key)
		}
	}
	left, err := filepath.Glob(filepath.Join(folder, ".*"))
	if err != nil || len(left) != 1 || filepath.Base(left[0]) != ".dance.mp4.sgwtmp.1795289917254479772" {
		t.Errorf("left are %q", left)
	}
}
