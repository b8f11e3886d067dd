package gateway_test

import (
	"bytes"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/store"
)

// writes makes an object under key in each way there is.
func writes(t *testing.T, s *stage, key string) map[string]func() {
	client := s.store("")
	return map[string]func(){
		"put": func() { _ = client.Put(t.Context(), uploads, key, []byte("video"), "video/mp4") },
		"copy": func() {
			_, _ = s.client().CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: aws.String(uploads), Key: aws.String(key), CopySource: aws.String(outputs + "/original.mp4")})
		},
		"multipart": func() {
			body := bytes.Repeat([]byte("m"), 1000)
			up, err := client.StartMultipart(t.Context(), store.PutRequest{Bucket: uploads, Key: key, Bytes: 1000, Type: "video/mp4"}, store.MinPartBytes)
			if err != nil {
				t.Error(err)
				return
			}
			_, _, header := send(t, up.Parts[0].Presigned, body, nil)
			_ = client.CompleteMultipart(t.Context(), uploads, key, up.UploadID, []store.Part{{Number: 1, ETag: header.Get("ETag")}})
		},
	}
}

func TestEventLostWithTheProcessIsFoundAtStart(t *testing.T) {
	for _, way := range []string{"put", "copy", "multipart"} {
		t.Run(way, func(t *testing.T) {
			s := newStage(t)
			client := s.store("")
			if err := client.Put(t.Context(), outputs, "original.mp4", []byte("original"), "video/mp4"); err != nil {
				t.Fatal(err)
			}
			if err := client.Put(t.Context(), uploads, "known.mp4", []byte("known"), "video/mp4"); err != nil {
				t.Fatal(err)
			}
			known := s.next()
			s.mu.Lock()
			s.known[job.ID(known.Source, "p")] = true
			s.mu.Unlock()
			if err := client.Put(t.Context(), uploads, "outputs/j/manifest.json", []byte("{}"), "application/json"); err != nil {
				t.Fatal(err)
			}
			lost := make(chan told, 1)
			process := s.process
			s.answer(func(event told) int {
				lost <- event
				_ = process.Process.Kill() // Between the object and its event.
				return http.StatusInternalServerError
			})
			go writes(t, s, "lost clip.mp4")[way]()
			first := <-lost
			<-s.exited
			s.answer(nil)
			s.start("127.0.0.1:0")
			found := s.next()
			if found.Source != first.Source || job.ID(found.Source, "p") != job.ID(first.Source, "p") {
				t.Fatalf("lost %+v\nfound %+v", first.Source, found.Source)
			}
			if way != "copy" && found.Body != first.Body {
				t.Errorf("lost  %s\nfound %s", first.Body, found.Body)
			}
			waitFor(t, s, "told=1")
			if s.count("known.mp4") != 1 || s.count("outputs/j/manifest.json") != 0 {
				t.Error("the scan told of a known object or of a result")
			}
		})
	}
}

// waitFor waits until the log holds text.
func waitFor(t *testing.T, s *stage, text string) {
	t.Helper()
	for deadline := time.Now().Add(long); !strings.Contains(s.log.String(), text); {
		if time.Now().After(deadline) {
			t.Fatalf("the log has no %q:\n%s", text, s.log)
		}
		<-time.After(20 * time.Millisecond)
	}
}

func TestUploadThatCannotBeToldOfIsRefused(t *testing.T) {
	s := newStage(t)
	body := []byte("video")
	p := presign(t, s.store(""), "full.mp4", len(body))
	s.answer(func(told) int { return http.StatusInternalServerError })
	code, text, _ := send(t, p, body, nil)
	if code != http.StatusServiceUnavailable || !strings.Contains(text, "<Code>ServiceUnavailable</Code>") {
		t.Fatalf("answered with %d %s", code, text)
	}
	if keys := s.keys(uploads); len(keys) != 0 {
		t.Fatalf("the bucket holds %q", keys)
	}
	s.answer(nil)
	if code, text, _ := send(t, p, body, nil); code != http.StatusOK {
		t.Fatalf("the same URL gives %d: %s", code, text)
	}
	if event := s.next(); event.Source.Key != "full.mp4" {
		t.Fatalf("told of %+v", event.Source)
	}
}

func TestMultipartThatCouldNotBeToldOfIsToldOfWhenAskedAgain(t *testing.T) {
	s := newStage(t)
	refused := make(chan told, 1)
	s.answer(func(event told) int {
		s.answer(nil)
		refused <- event
		return http.StatusInternalServerError
	})
	writes(t, s, "again.mp4")["multipart"]() // The SDK tries 503 again.
	if first, second := <-refused, s.next(); first != second {
		t.Fatalf("refused %+v\nthen told of %+v", first, second)
	}
}

func TestOverwriteThatCouldNotBeToldOfIsFoundByTheNextScan(t *testing.T) {
	s := newStage(t)
	if err := s.store("").Put(t.Context(), uploads, "twice.mp4", []byte("one"), "video/mp4"); err != nil {
		t.Fatal(err)
	}
	one := s.next()
	s.mu.Lock()
	s.known[job.ID(one.Source, "p")] = true
	s.mu.Unlock()
	refused := make(chan told, 1)
	s.answer(func(event told) int { s.answer(nil); refused <- event; return http.StatusInternalServerError })
	_, err := s.client().PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(uploads), Key: aws.String("twice.mp4"), Body: strings.NewReader("two")})
	if err == nil {
		t.Fatal("the upload was accepted")
	}
	if first, found := <-refused, s.next(); found.Source != first.Source {
		t.Fatalf("refused %+v\nfound %+v", first.Source, found.Source)
	}
}

func TestStopsOnSignalAndKeepsQuiet(t *testing.T) {
	s := newStage(t)
	if err := s.store("").Put(t.Context(), uploads, "kept.mp4", []byte("video"), "video/mp4"); err != nil {
		t.Fatal(err)
	}
	s.next()
	began := time.Now()
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.exited:
	case <-time.After(long):
		t.Fatal("it does not stop")
	}
	if code := s.process.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	if took := time.Since(began); took > 12*time.Second {
		t.Errorf("stopping took %s", took)
	}
	for line := range strings.Lines(s.log.String()) {
		if !strings.HasPrefix(line, "time=") {
			t.Errorf("written past the logger: %s", line)
		}
	}
}

// The library writes its errors to the standard error; they come as log lines.
func TestErrorsOfTheLibraryAreLogged(t *testing.T) {
	s := newStage(t)
	path := filepath.Join(s.dir, "buckets", outputs)
	if err := syscall.Removexattr(path, "user.acl"); err != nil {
		t.Skipf("the bucket's attributes are not in its folder: %v", err)
	}
	if err := syscall.Setxattr(path, "user.acl", []byte("not JSON"), 0); err != nil {
		t.Fatal(err)
	}
	if err := s.store("").List(t.Context(), outputs, "", func(job.Source) error { return nil }); job.KindOf(err) != job.Storage {
		t.Fatalf("list: %v", err)
	}
	waitFor(t, s, `level=WARN msg="object store library" message="`)
	for line := range strings.Lines(s.log.String()) {
		if !strings.HasPrefix(line, "time=") {
			t.Errorf("written past the logger: %s", line)
		}
	}
}

func TestStoppingEndsAnUploadThatStalls(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes the ten seconds that uploads have to end")
	}
	s := newStage(t)
	p := presign(t, s.store(""), "stalled.mp4", 1000)
	address, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", address.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(head(p, address, 1000) + "the first bytes")); err != nil {
		t.Fatal(err)
	}
	s.keys(uploads) // Answered after it has taken the connection above.
	began := time.Now()
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.exited:
	case <-time.After(long):
		t.Fatal("it does not stop")
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("stopping took %s", took)
	}
	s.start("127.0.0.1:0")
	if keys := s.keys(uploads); len(keys) != 0 || s.count("stalled.mp4") != 0 {
		t.Errorf("the bucket holds %q", keys)
	}
}

func TestTakenPortSaysWhichAndWhatToDo(t *testing.T) {
	s := newStage(t)
	other := exec.Command(s.process.Path)
	other.Env = append(s.process.Env[:len(s.process.Env)-1:len(s.process.Env)-1],
		`MOTIONMILL_TEST_GATEWAY={"Dir":"`+t.TempDir()+`","Listen":"`+s.addr+`","Parent":"`+s.parent.URL+`"}`)
	out, err := other.CombinedOutput()
	if err == nil || !strings.Contains(string(out), s.addr) || !strings.Contains(string(out), "another program holds the port") {
		t.Fatalf("%v: %s", err, out)
	}
}
