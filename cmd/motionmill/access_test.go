package main

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/api"
)

const plantedPassword = "planted correct horse battery"

func writePrivate(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUsersCommand(t *testing.T) {
	file, password := filepath.Join(t.TempDir(), "users.db"), writePrivate(t, "password", plantedPassword+"\n")
	fails := func(want string, args ...string) {
		t.Helper()
		if _, errs, status := motionmill(t, append(args, "--users", file)...); status != statusUsage || !strings.Contains(errs, want) {
			t.Errorf("%v ended with %d: %s", args, status, errs)
		}
	}
	fails("motionmill users add", "users", "list")
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Error("users list has made a file")
	}
	mustRun(t, "users", "add", "anna", "--role", "uploader", "--password-file", password, "--users", file)
	for _, name := range []string{file, file + "-wal", file + "-shm"} {
		if info, err := os.Stat(name); err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s is for others too: %v", filepath.Base(name), info.Mode())
		}
	}
	fails("already", "users", "add", "anna", "--password-file", password)
	fails("12 characters", "users", "add", "ben", "--password-file", writePrivate(t, "short", "hunter2"))
	fails("none of viewer", "users", "add", "ben", "--role", "root", "--password-file", password)
	fails("no such user", "users", "remove", "ben")
	fails("terminal", "users", "add", "ben")
	fails("not both", "users", "add", "ben", "--generate", "--password-file", password)

	out := mustRun(t, "users", "add", "ben", "--generate", "--users", file)
	if _, made, found := strings.Cut(out, "password: "); !found || len(strings.TrimSpace(made)) < 20 {
		t.Errorf("the password that was made up is not told: %s", out)
	}
	mustRun(t, "users", "role", "ben", "admin", "--users", file)
	mustRun(t, "users", "password", "anna", "--password-file", password, "--users", file)
	out = mustRun(t, "users", "list", "--users", file)
	if !strings.Contains(out, "anna") || !strings.Contains(out, "uploader") || !strings.Contains(out, "admin") || strings.Contains(out, "argon2") {
		t.Errorf("the list is\n%s", out)
	}
	mustRun(t, "users", "remove", "ben", "--users", file)
	if out = mustRun(t, "users", "list", "--json", "--users", file); strings.Contains(out, "ben") || !strings.Contains(out, `"name":"anna"`) {
		t.Errorf("the list is %s", out)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	fails("chmod 600", "users", "list")
}

func TestSettingsOfSignInThatCannotWork(t *testing.T) {
	secret := writePrivate(t, "secret", strings.Repeat("planted-secret-", 3))
	public := writePrivate(t, "public", strings.Repeat("planted-secret-", 3))
	if err := os.Chmod(public, 0o644); err != nil {
		t.Fatal(err)
	}
	tokens := accessFlags{issuer: "https://id.example", audience: "mill", secretFile: secret, signingKey: secret, defaultRole: "none"}
	change := func(f func(*accessFlags)) accessFlags {
		flags := tokens
		f(&flags)
		return flags
	}
	for want, flags := range map[string]accessFlags{
		"not both":           change(func(f *accessFlags) { f.users = "users.db" }),
		"signing-key-file":   change(func(f *accessFlags) { f.signingKey = "" }),
		"issuer":             change(func(f *accessFlags) { f.issuer = "" }),
		"either the URL":     change(func(f *accessFlags) { f.keysURL = "https://id.example/keys" }),
		"cannot be admin":    change(func(f *accessFlags) { f.defaultRole = "admin" }),
		"none of viewer":     change(func(f *accessFlags) { f.defaultRole = "root" }),
		"chmod 600":          change(func(f *accessFlags) { f.secretFile = public }),
		"less than 32":       change(func(f *accessFlags) { f.secretFile = writePrivate(t, "short", "planted-secret-") }),
		"no such file":       change(func(f *accessFlags) { f.signingKey = "nowhere" }),
		"motionmill users":   {users: filepath.Join(t.TempDir(), "none.db")},
		"algorithm is HS256": change(func(f *accessFlags) { f.algorithms = []string{"RS256"} }),
	} {
		var cfg api.Config
		_, err := flags.apply(t.Context(), &cfg, "127.0.0.1:8080", slog.New(slog.DiscardHandler))
		var usage usageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "planted") {
			t.Errorf("got %v, want wrong usage: %s", err, want)
		}
		if cfg.Access != nil {
			t.Errorf("%s: the API is configured all the same", want)
		}
	}
	var cfg api.Config
	if _, err := tokens.apply(t.Context(), &cfg, "0.0.0.0:80", slog.New(slog.DiscardHandler)); err != nil || cfg.Access == nil || cfg.Access.Accounts != nil {
		t.Errorf("settings that are right gave %+v, %v", cfg.Access, err)
	}
}

func TestWarnsOfAnAddressThatIsOpenToAll(t *testing.T) {
	for listen, warned := range map[string]bool{
		"127.0.0.1:8080": false, "localhost:8080": false, "[::1]:8080": false, "0.0.0.0:8080": true, ":8080": true, "192.0.2.1:80": true,
	} {
		var log bytes.Buffer
		var cfg api.Config
		if _, err := (&accessFlags{}).apply(t.Context(), &cfg, listen, slog.New(slog.NewTextHandler(&log, nil))); err != nil || cfg.Access != nil {
			t.Errorf("%s: %v", listen, err)
		}
		if got := strings.Contains(log.String(), "everything"); got != warned {
			t.Errorf("%s: %s", listen, log.String())
		}
	}
}

// A stage of real processes: what one user sends, another does not see, and
// no password gets into a log.
func TestStageWithUsers(t *testing.T) {
	needParts(t)
	users, password := filepath.Join(t.TempDir(), "users.db"), writePrivate(t, "password", plantedPassword)
	for _, name := range []string{"anna", "ben"} {
		mustRun(t, "users", "add", name, "--role", "uploader", "--password-file", password, "--users", users)
	}
	s := startLocal(t, t.TempDir(), "--users", users, "--log-level", "debug")
	as := func(name string, args ...string) []string {
		return append(args, "--server", s.page, "--user", name, "--user-password-file", password)
	}
	out := t.TempDir()
	mustRun(t, as("anna", "submit", demoFile(t), "--profile", "transcode", "--out", out)...)
	found, err := filepath.Glob(filepath.Join(out, "*", "video.mp4"))
	if err != nil || len(found) != 1 {
		t.Fatalf("anna's results: %v, %v", found, err)
	}
	id := filepath.Base(filepath.Dir(found[0]))
	if list := mustRun(t, as("anna", "jobs", "list")...); !strings.Contains(list, id) {
		t.Errorf("anna does not see her job:\n%s", list)
	}
	if list := mustRun(t, as("ben", "jobs", "list")...); strings.Contains(list, id) {
		t.Errorf("ben sees anna's job:\n%s", list)
	}
	for _, args := range [][]string{{"jobs", "show", id}, {"jobs", "cancel", id}} {
		if _, errs, status := motionmill(t, as("ben", args...)...); status != statusFailed || !strings.Contains(errs, "There is no job") {
			t.Errorf("ben's %v ended with %d: %s", args, status, errs)
		}
	}
	if _, errs, status := motionmill(t, "jobs", "list", "--server", s.page); status != statusFailed || !strings.Contains(errs, "Sign in") {
		t.Errorf("without a name, jobs list ended with %d: %s", status, errs)
	}
	wrong := writePrivate(t, "wrong", "planted wrong password")
	if _, errs, status := motionmill(t, "jobs", "list", "--server", s.page, "--user", "anna", "--user-password-file", wrong); status != statusFailed ||
		!strings.Contains(errs, "password is wrong") {
		t.Errorf("with a wrong password, jobs list ended with %d: %s", status, errs)
	}
	response, err := http.Get(s.page + "/v1/jobs/" + id)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a credential the job is answered %s", response.Status)
	}
	s.stop(os.Interrupt)
	logs, err := filepath.Glob(filepath.Join(s.dir, "logs", "*"))
	if err != nil || len(logs) < 3 {
		t.Fatalf("logs: %v, %v", logs, err)
	}
	text := s.log.String()
	for _, name := range logs {
		text += string(readFile(t, name))
	}
	if !strings.Contains(text, "/v1/auth/login") {
		t.Error("no sign-in was logged: the log was not put to the test")
	}
	for _, planted := range []string{plantedPassword, "planted wrong password", "mmr1.", "eyJhbGciOi"} {
		if strings.Contains(text, planted) {
			t.Errorf("a log has %q", planted)
		}
	}
}
