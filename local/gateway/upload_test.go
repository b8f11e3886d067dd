package gateway_test

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/store"
)

func presign(t *testing.T, s *store.Store, key string, n int) store.Presigned {
	t.Helper()
	p, err := s.PresignPut(t.Context(), store.PutRequest{Bucket: uploads, Key: key, Bytes: int64(n), Type: "video/mp4"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// abort sends the head of a presigned request and half of its body, then
// closes the connection. It returns when the server has noticed.
func abort(t *testing.T, p store.Presigned, body []byte) {
	t.Helper()
	address, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", address.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(append([]byte(head(p, address, len(body))), body[:len(body)/2]...)); err != nil {
		t.Fatal(err)
	}
	// Only our sending half is closed: the answer tells that the server is through with it.
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(long)); err != nil {
		t.Fatal(err)
	}
	if answer, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
		answer.Body.Close()
		if answer.StatusCode != http.StatusBadRequest {
			t.Errorf("a truncated upload is answered with %s, want 400", answer.Status)
		}
	}
}

func TestAbortedPutLeavesNothingAndTheSameURLWorks(t *testing.T) {
	s := newStage(t)
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	p := presign(t, s.store(""), "clip.mp4", len(body))
	abort(t, p, body)
	if keys := s.keys(uploads); len(keys) != 0 {
		t.Fatalf("an aborted upload left %q", keys)
	}
	if n := s.count("clip.mp4"); n != 0 {
		t.Fatalf("an aborted upload was told of %d times", n)
	}
	if code, text, _ := send(t, p, body, nil); code != http.StatusOK {
		t.Fatalf("the same URL gives %d: %s", code, text)
	}
	event := s.next()
	sum := md5.Sum(body)
	if event.Source.Bytes != int64(len(body)) || event.Source.ETag != hex.EncodeToString(sum[:]) || s.count("clip.mp4") != 1 {
		t.Fatalf("told of %+v", event.Source)
	}
	if left := staged(t, s); len(left) != 0 {
		t.Errorf("temporary files are left: %q", left)
	}
}

// A client that dies resets the connection: nothing tells when the server has
// noticed, so the next upload may well be the earlier of the two.
func TestKilledClientsNeverPublish(t *testing.T) {
	s := newStage(t)
	body := bytes.Repeat([]byte("killed"), 100_000)
	for i := range 10 {
		p := presign(t, s.store(""), fmt.Sprintf("killed %d.mp4", i), len(body))
		address, err := url.Parse(p.URL)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp", address.Host)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(append([]byte(head(p, address, len(body))), body[:len(body)/2]...)); err != nil {
			t.Fatal(err)
		}
		conn.Close()
		if code, text, _ := send(t, p, body, nil); code != http.StatusOK {
			t.Fatalf("the same URL gives %d: %s", code, text)
		}
		if event := s.next(); event.Source.Bytes != int64(len(body)) || s.count(event.Source.Key) != 1 {
			t.Fatalf("told of %+v", event.Source)
		}
	}
}

func head(p store.Presigned, address *url.URL, n int) string {
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", p.Method, address.RequestURI(), address.Host, n)
	for name, value := range p.Headers {
		head += name + ": " + value + "\r\n"
	}
	return head + "\r\n"
}

// staged lists the files that uploads under way leave on disk.
func staged(t *testing.T, s *stage) (files []string) {
	t.Helper()
	root := filepath.Join(s.dir, "buckets", uploads, ".sgwtmp")
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !strings.Contains(path, "lock") {
			files = append(files, path)
		}
		return err
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return files
}

func TestAbortedPartLeavesNothingAndTheSameURLWorks(t *testing.T) {
	s := newStage(t)
	body := bytes.Repeat([]byte("part"), (store.MinPartBytes+1000)/4)
	client := s.store("")
	up, err := client.StartMultipart(t.Context(), store.PutRequest{Bucket: uploads, Key: "big.mp4", Bytes: int64(len(body)), Type: "video/mp4"}, store.MinPartBytes)
	if err != nil {
		t.Fatal(err)
	}
	first := body[:up.Parts[0].Bytes]
	abort(t, up.Parts[0].Presigned, first)
	list, err := s.client().ListParts(t.Context(), &s3.ListPartsInput{Bucket: aws.String(uploads), Key: aws.String("big.mp4"), UploadId: aws.String(up.UploadID)})
	if err != nil || len(list.Parts) != 0 {
		t.Fatalf("an aborted part left %d parts, %v", len(list.Parts), err)
	}
	parts := []store.Part{}
	for i, part := range up.Parts {
		from := int64(i) * up.PartBytes
		code, text, header := send(t, part.Presigned, body[from:from+part.Bytes], nil)
		if code != http.StatusOK {
			t.Fatalf("part %d: %d %s", part.Number, code, text)
		}
		parts = append(parts, store.Part{Number: part.Number, ETag: header.Get("ETag")})
	}
	if err := client.CompleteMultipart(t.Context(), uploads, "big.mp4", up.UploadID, parts); err != nil {
		t.Fatal(err)
	}
	event := s.next()
	if event.Source.Bytes != int64(len(body)) || !strings.HasSuffix(event.Source.ETag, "-2") {
		t.Fatalf("told of %+v", event.Source)
	}
	// Completing again, as after a lost answer, is the same job.
	if err := client.CompleteMultipart(t.Context(), uploads, "big.mp4", up.UploadID, parts); err != nil {
		t.Fatal(err)
	}
	if again := s.next(); again.Source != event.Source || again.Body != event.Body {
		t.Fatalf("completed again, it is another job:\n%+v\n%+v", event, again)
	}
	// An upload that never was is not taken for that one.
	parts[0].ETag = `"00000000000000000000000000000000"`
	if err := client.CompleteMultipart(t.Context(), uploads, "big.mp4", "none", parts); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("an unknown upload over an object: %v", err)
	}
}

func TestPresignedPutTakesOnlyWhatWasSigned(t *testing.T) {
	s := newStage(t)
	body := []byte("a video, almost")
	client := s.store("")
	p := presign(t, client, "signed.mp4", len(body))
	expired := signedAt(t, s, "late.mp4", len(body), time.Now().Add(-2*time.Minute))
	if code, text, _ := send(t, signedAt(t, s, "early.mp4", len(body), time.Now()), body, nil); code != http.StatusOK {
		t.Fatalf("the same in time: %d %s", code, text)
	}
	for _, c := range []struct {
		name   string
		p      store.Presigned
		body   []byte
		change func(*http.Request)
	}{
		{"longer", p, append([]byte("x"), body...), nil},
		{"shorter", p, body[1:], nil},
		{"another type", p, body, func(r *http.Request) { r.Header.Set("Content-Type", "text/html") }},
		{"no type", p, body, func(r *http.Request) { r.Header.Del("Content-Type") }},
		{"no If-None-Match", p, body, func(r *http.Request) { r.Header.Del("If-None-Match") }},
		{"another key", p, body, func(r *http.Request) { r.URL.Path = "/" + uploads + "/other.mp4" }},
		{"another bucket", p, body, func(r *http.Request) { r.URL.Path = "/" + outputs + "/signed.mp4" }},
		{"expired", expired, body, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if code, text, _ := send(t, c.p, c.body, c.change); code != http.StatusForbidden {
				t.Errorf("answered with %d, want 403: %s", code, text)
			}
		})
	}
	if code, text, _ := send(t, p, body, nil); code != http.StatusOK {
		t.Fatalf("as signed: %d %s", code, text)
	}
	if code, text, _ := send(t, p, body, nil); code != http.StatusPreconditionFailed {
		t.Fatalf("overwriting: %d %s", code, text)
	}
	if keys := s.keys(uploads); len(keys) != 2 || s.count("signed.mp4") != 1 {
		t.Fatalf("the bucket holds %q", keys)
	}
}

// signedAt signs an upload as of another time, good for a minute.
func signedAt(t *testing.T, s *stage, key string, n int, at time.Time) store.Presigned {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+s.addr+"/"+uploads+"/"+key+"?X-Amz-Expires=60", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.ContentLength = int64(n)
	request.Header.Set("Content-Type", "video/mp4")
	address, _, err := v4.NewSigner().PresignHTTP(t.Context(), aws.Credentials{AccessKeyID: access, SecretAccessKey: secret},
		request, "UNSIGNED-PAYLOAD", "s3", region, at)
	if err != nil {
		t.Fatal(err)
	}
	return store.Presigned{Method: http.MethodPut, URL: address, Headers: map[string]string{"Content-Type": "video/mp4"}}
}

func TestRefusedLargeUploadHearsWhy(t *testing.T) {
	s := newStage(t)
	body := make([]byte, 64<<20)
	p := presign(t, s.store(""), "large.mp4", len(body))
	code, text, _ := send(t, p, body, func(r *http.Request) { r.Header.Set("Content-Type", "text/html") })
	if code != http.StatusForbidden || !strings.Contains(text, "SignatureDoesNotMatch") {
		t.Fatalf("answered with %d %s", code, text)
	}
}

func TestEightUploadsOfOneKey(t *testing.T) {
	s := newStage(t)
	body := bytes.Repeat([]byte("8"), 1<<20)
	p := presign(t, s.store(""), "once.mp4", len(body))
	var group sync.WaitGroup
	codes := make(chan int, 8)
	for range 8 {
		group.Go(func() {
			code, _, _ := send(t, p, body, nil)
			codes <- code
		})
	}
	group.Wait()
	close(codes)
	count := map[int]int{}
	for code := range codes {
		count[code]++
	}
	if count[http.StatusOK] != 1 || count[http.StatusPreconditionFailed] != 7 || s.count("once.mp4") != 1 {
		t.Fatalf("answers %v, %d events", count, s.count("once.mp4"))
	}
}

func TestKeysThatFilesCannotHold(t *testing.T) {
	s := newStage(t)
	client := s.store("")
	long := strings.Repeat("x", 256)
	for _, key := range []string{"a//b", "./a", "a/./b", "a/../b", "/a", ".sgwtmp/x", "folder/" + long, long, "a/b//", strings.Repeat("k/", 513), "zero\x00byte"} {
		t.Run(fmt.Sprintf("%.20q", key), func(t *testing.T) {
			p := presign(t, client, key, 3)
			code, text, _ := send(t, p, []byte("abc"), nil)
			if code != http.StatusBadRequest || !strings.Contains(text, "<Code>") {
				t.Errorf("put answered with %d %s", code, text)
			}
			if _, err := client.StartMultipart(t.Context(), store.PutRequest{Bucket: uploads, Key: key, Bytes: 10, Type: "video/mp4"}, store.MinPartBytes); err == nil {
				t.Error("a multipart upload could be started")
			}
		})
	}
	if code, text, _ := send(t, presign(t, client, "folder/", 3), []byte("abc"), nil); code != http.StatusBadRequest {
		t.Errorf("a folder with data: %d %s", code, text)
	}
	if _, err := client.Head(t.Context(), uploads, "a/b"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("head: %v", err)
	}
	if keys := s.keys(uploads); len(keys) != 0 {
		t.Errorf("the bucket holds %q", keys)
	}
	longest := strings.Repeat("é", 127) + "/" + strings.Repeat("k", 255)
	if code, text, _ := send(t, presign(t, client, longest, 3), []byte("abc"), nil); code != http.StatusOK {
		t.Errorf("the longest parts: %d %s", code, text)
	}
}

func TestEventIsAsS3ShapesIt(t *testing.T) {
	s := newStage(t)
	key := "a folder/ü + & 100%.mp4"
	if err := s.store("").Put(t.Context(), uploads, key, []byte("video"), "video/mp4"); err != nil {
		t.Fatal(err)
	}
	event := s.next()
	var message struct {
		Records []struct {
			EventVersion, EventSource, EventName, EventTime, AwsRegion string
			S3                                                         struct {
				Bucket struct{ Name, ARN string }
				Object struct {
					Key, ETag, Sequencer string
					Size                 int64
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(event.Body), &message); err != nil || len(message.Records) != 1 {
		t.Fatalf("%v: %s", err, event.Body)
	}
	r := message.Records[0]
	if r.EventSource != "aws:s3" || r.EventName != "ObjectCreated:Put" || r.AwsRegion != region || r.S3.Bucket.Name != uploads {
		t.Errorf("record %+v", r)
	}
	if want := "a+folder/%C3%BC+%2B+%26+100%25.mp4"; r.S3.Object.Key != want {
		t.Errorf("key %q, want %q", r.S3.Object.Key, want)
	}
	if _, err := time.Parse("2006-01-02T15:04:05.000Z", r.EventTime); err != nil {
		t.Error(err)
	}
	o := r.S3.Object
	if src := (job.Source{Bucket: uploads, Key: key, ETag: o.ETag, Sequencer: o.Sequencer, Bytes: o.Size}); src != event.Source || o.Size != 5 || len(o.Sequencer) != 16 {
		t.Errorf("the body says %+v, beside it is told %+v", src, event.Source)
	}
	// Neither results nor other buckets are told of.
	for _, other := range [][2]string{{uploads, "outputs/x.mp4"}, {outputs, "y.mp4"}, {uploads, "last.mp4"}} {
		if err := s.store("").Put(t.Context(), other[0], other[1], []byte("video"), "video/mp4"); err != nil {
			t.Fatal(err)
		}
	}
	last := s.next()
	for last.Source == event.Source { // The scan at the start may tell of it too: the same event, as S3 may send it twice.
		last = s.next()
	}
	if last.Source.Key != "last.mp4" {
		t.Errorf("told of %+v", last.Source)
	}
}

func TestOverwritesGrowTheSequencer(t *testing.T) {
	s := newStage(t)
	client := s.store("")
	last := ""
	ids := map[string]bool{}
	for i := range 20 {
		if err := client.Put(t.Context(), uploads, "same.mp4", []byte{byte('a' + i%2)}, "video/mp4"); err != nil {
			t.Fatal(err)
		}
		src := s.next().Source
		if last != "" && job.CompareSequencers(last, src.Sequencer) >= 0 {
			t.Fatalf("sequencer %s after %s", src.Sequencer, last)
		}
		last = src.Sequencer
		ids[job.ID(src, "p")] = true
	}
	if len(ids) != 20 {
		t.Fatalf("20 uploads of A, B, A, B … are %d jobs", len(ids))
	}
}

// TestLongNamesThatCannotBeReplacedSaySo overwrites a key that is as long as a
// file's name may be: it was called a directory.
func TestLongNamesThatCannotBeReplacedSaySo(t *testing.T) {
	s := newStage(t)
	key := "clips/" + strings.Repeat("춤", 82) + ".mp4" // 250 bytes
	if err := s.store("").Put(t.Context(), uploads, key, []byte("one"), "video/mp4"); err != nil {
		t.Fatal(err)
	}
	err := s.store("").Put(t.Context(), uploads, key, []byte("two"), "video/mp4")
	if err == nil || !strings.Contains(err.Error(), "too long for an object to be replaced") {
		t.Errorf("replaced: %v", err)
	}
	if _, err := s.client().DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(uploads), Key: aws.String(key)}); err != nil {
		t.Fatal(err)
	}
	if err := s.store("").Put(t.Context(), uploads, key, []byte("two"), "video/mp4"); err != nil {
		t.Errorf("after the old one was deleted: %v", err)
	}
}
