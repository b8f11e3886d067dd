package database_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/local/database"
)

const childFile = "DATABASE_TEST_CHILD_FILE"

// TestMain lets the test binary play another process that writes to the file.
func TestMain(m *testing.M) {
	if path := os.Getenv(childFile); path != "" {
		if err := write(path, 40); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// write opens the file and counts up n times, a transaction each.
func write(path string, n int) error {
	db, err := database.Open(path)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.Exec("CREATE TABLE IF NOT EXISTS counter (n INTEGER)"); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	for range n {
		if err := countUp(db); err != nil {
			return err
		}
	}
	return nil
}

// countUp reads and then writes in one transaction, which fails with
// SQLITE_BUSY when the lock is not taken at its start.
func countUp(db *sql.DB) error {
	tx, err := db.Begin()
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback()
	var n int
	if err := tx.QueryRow("SELECT count(*) FROM counter").Scan(&n); err != nil {
		return fmt.Errorf("count: %w", err)
	}
	if _, err := tx.Exec("INSERT INTO counter VALUES (?)", n); err != nil {
		return fmt.Errorf("insert: %w", err)
	}
	return tx.Commit()
}

func TestOpenSetsWhatDurabilityNeeds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "with space, ? # % and ü.db")
	db, err := database.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "busy_timeout": "10000", "foreign_keys": "1", "fullfsync": "1",
	} {
		var got string
		if err := db.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil {
			t.Fatalf("read %s: %v", pragma, err)
		}
		if got != want {
			t.Errorf("%s is %s, want %s", pragma, got, want)
		}
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the file is not where it was asked for: %v", err)
	}
}

func TestOpenResolvesThePathOnce(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	db, err := database.Open("state.db")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	t.Chdir(t.TempDir())
	db.SetMaxIdleConns(0) // Every statement now opens a new connection.
	if _, err := db.Exec("CREATE TABLE here (x)"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("state.db"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a second file appeared in the new working directory: %v", err)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	folder := t.TempDir()
	garbage := filepath.Join(folder, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("this is no database. ", 400)), 0o600); err != nil {
		t.Fatal(err)
	}
	asFile := filepath.Join(folder, "file")
	if err := os.WriteFile(asFile, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct{ path, finding string }{
		"no name":             {"", "no file is named"},
		"no folder":           {filepath.Join(folder, "absent", "x.db"), "its folder cannot be used"},
		"folder is a file":    {filepath.Join(asFile, "x.db"), "folder"},
		"is a folder":         {folder, "not a plain file"},
		"not a database":      {garbage, "not a database file"},
		"nothing can be made": {"/proc/motionmill.db", "cannot be written"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if strings.HasPrefix(c.path, "/proc/") {
				if _, err := os.Stat("/proc/self"); err != nil {
					t.Skip("this system has no /proc, where no file can be made")
				}
			}
			db, err := database.Open(c.path)
			if err == nil {
				db.Close()
				t.Fatal("it opened")
			}
			var typed *job.Error
			if !errors.As(err, &typed) {
				t.Fatalf("%v is not a job.Error", err)
			}
			if typed.Kind != job.Storage || typed.Remedy == "" || !strings.Contains(typed.Finding, c.finding) {
				t.Errorf("got kind %s, finding %q, remedy %q; want finding %q", typed.Kind, typed.Finding, typed.Remedy, c.finding)
			}
		})
	}
}

// TestProcessesOpenAndWriteAtOnce is the start of the embedded stage: three
// processes find no file, make it together and write to it together.
func TestProcessesOpenAndWriteAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	const processes = 3
	var wait sync.WaitGroup
	for range processes {
		wait.Go(func() {
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), childFile+"="+path)
			if out, err := child.CombinedOutput(); err != nil {
				t.Errorf("a process failed: %v: %s", err, out)
			}
		})
	}
	wait.Wait()
	db, err := database.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var rows, distinct int
	if err := db.QueryRow("SELECT count(*), count(DISTINCT n) FROM counter").Scan(&rows, &distinct); err != nil {
		t.Fatal(err)
	}
	if rows != processes*40 || distinct != rows {
		t.Errorf("%d rows, %d of them distinct; want %d of both", rows, distinct, processes*40)
	}
}

// TestManyMakeTheFileAtOnce has many make the same new file at the same
// moment, which SQLite refuses to some of them without waiting.
func TestManyMakeTheFileAtOnce(t *testing.T) {
	for round := range 10 {
		path := filepath.Join(t.TempDir(), "state.db")
		begin := make(chan struct{})
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				<-begin
				db, err := database.Open(path)
				if err != nil {
					t.Errorf("round %d: %v", round, err)
					return
				}
				if err := db.Close(); err != nil {
					t.Errorf("round %d: close: %v", round, err)
				}
			})
		}
		close(begin)
		wait.Wait()
	}
}
