package local

import (
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func open(t *testing.T, c Config) *Stage {
	t.Helper()
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestOnlyOneSupervisorAFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "stage")
	first := open(t, Config{Dir: dir})
	var busy *BusyError
	if _, err := Open(Config{Dir: dir}); !errors.As(err, &busy) {
		t.Fatalf("second Open: %v, want a BusyError", err)
	}
	if busy.PID != os.Getpid() || busy.Dir != dir || busy.ExitStatus() != 2 {
		t.Errorf("got %+v, want process %d in %s", busy, os.Getpid(), dir)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, Config{Dir: dir})
	if again.AccessKey != first.AccessKey || again.SecretKey != first.SecretKey {
		t.Error("the second start has other credentials")
	}
}

func TestCredentialsArePrivateAndOfOneStage(t *testing.T) {
	a, b := open(t, Config{Dir: t.TempDir()}), open(t, Config{Dir: t.TempDir()})
	if a.SecretKey == b.SecretKey || len(a.SecretKey) < 20 {
		t.Errorf("secrets %q and %q", a.SecretKey, b.SecretKey)
	}
	info, err := os.Stat(a.CredentialsFile())
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want -rw-------", info.Mode())
	}
}

func TestDamagedCredentialsAreRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "credentials")
	if err := os.WriteFile(path, []byte("[motionmill]\naws_access_key_id = A\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(Config{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "Remove the file") {
		t.Fatalf("Open: %v, want the file and the remedy", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	open(t, Config{Dir: dir}) // The failed one has let go of the lock.
}

func TestFolderThatCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var failure *fs.PathError
	if _, err := Open(Config{Dir: filepath.Join(file, "stage")}); !errors.As(err, &failure) {
		t.Errorf("Open: %v, want the system's error with the path", err)
	}
}

func TestTakenPort(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, text, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	for flag, c := range map[string]Config{"--port": {Port: port}, "--store-port": {StorePort: port}} {
		c.Dir = t.TempDir()
		var taken *PortError
		if _, err := Open(c); !errors.As(err, &taken) {
			t.Fatalf("%s: %v, want a PortError", flag, err)
		}
		if taken.Address != listener.Addr().String() || taken.Flag != flag || taken.ExitStatus() != 2 {
			t.Errorf("got %+v, want %s and %s", taken, listener.Addr(), flag)
		}
	}
}

func TestStorePortMovesAside(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir(), Port: 0})
	if s.StoreAddress == s.Address || s.StoreAddress == "" {
		t.Errorf("page on %s, store on %s", s.Address, s.StoreAddress)
	}
	holder, err := net.Listen("tcp", s.StoreAddress)
	if err != nil {
		t.Fatalf("the chosen port is not free: %v", err)
	}
	defer holder.Close()
	if other := open(t, Config{Dir: t.TempDir()}); other.StoreAddress == s.StoreAddress {
		t.Errorf("both stores on %s", s.StoreAddress)
	}
}

func TestEnv(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a ?#% folder")
	s := open(t, Config{Dir: dir})
	env := s.environ([]string{
		"PATH=/bin", "MOTIONMILL_CAPACITY=3", "MOTIONMILL_STAGE=prod", "AWS_PROFILE=work",
		"AWS_SESSION_TOKEN=t", "AWS_ENDPOINT_URL=http://elsewhere", "AWS_ACCESS_KEY_ID=mine",
	})
	for _, want := range []string{
		"PATH=/bin", "MOTIONMILL_CAPACITY=3", "MOTIONMILL_STAGE=local", "AWS_ACCESS_KEY_ID=" + s.AccessKey,
		"AWS_SECRET_ACCESS_KEY=" + s.SecretKey, "AWS_REGION=us-east-1", "AWS_ENDPOINT_URL_S3=http://" + s.StoreAddress,
		"MOTIONMILL_UPLOADS_BUCKET=motionmill-uploads", "MOTIONMILL_LISTEN=" + s.Address,
		"MOTIONMILL_ENV_FILE=/dev/null", // Else a child would read AWS_PROFILE from .env.
	} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is missing", want)
		}
	}
	names := map[string]bool{}
	for _, setting := range env {
		name, _, _ := strings.Cut(setting, "=")
		if names[name] {
			t.Errorf("%s is set twice", name)
		}
		names[name] = true
	}
	for _, name := range []string{"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"} {
		if names[name] {
			t.Errorf("%s is inherited", name)
		}
	}
	queue, err := url.Parse(s.WorkQueueURL())
	if err != nil {
		t.Fatal(err)
	}
	if queue.Scheme != "sqlite" || queue.Path != filepath.Join(dir, "stage.db") || queue.Query().Get("queue") != "work" {
		t.Errorf("work queue is %s", queue)
	}
}

func TestCopyCommandIsReadyForAShell(t *testing.T) {
	s := open(t, Config{Dir: filepath.Join(t.TempDir(), "it's $HOME")})
	bin := t.TempDir()
	script := "#!/bin/sh\necho \"$AWS_SHARED_CREDENTIALS_FILE\"\nfor word; do echo \"$word\"; done\n"
	if err := os.WriteFile(filepath.Join(bin, "aws"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	file := `my "best" dance; rm 'x' $(id).mp4`
	cmd := exec.Command("/bin/sh", "-c", s.CopyCommand(file))
	cmd.Env = []string{"PATH=" + bin}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		s.CredentialsFile(), "--profile", "motionmill", "--region", "us-east-1", "--endpoint-url", s.StoreURL(),
		"s3", "cp", file, "s3://motionmill-uploads/",
	}
	if got := strings.Split(strings.TrimSpace(string(out)), "\n"); !slices.Equal(got, want) {
		t.Errorf("the shell sees %q, want %q", got, want)
	}
	if strings.Contains(s.CopyCommand(file), s.SecretKey) {
		t.Error("the line holds the secret")
	}
}

func TestDefaultDir(t *testing.T) {
	t.Setenv("HOME", "/home/ann")
	for data, want := range map[string]string{
		"/data": "/data/motionmill/local", "": "/home/ann/.local/share/motionmill/local", "relative": "/home/ann/.local/share/motionmill/local",
	} {
		t.Setenv("XDG_DATA_HOME", data)
		if got, err := DefaultDir(); err != nil || got != want {
			t.Errorf("XDG_DATA_HOME=%q: %q, %v, want %q", data, got, err, want)
		}
	}
}
