package database

import (
	"path/filepath"
	"testing"

	"github.com/motionmill/motionmill/job"
)

// A database that may not grow fails exactly as one on a full disk does.
func TestExplainNamesAFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "full.db")
	db, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // The limit is a setting of one connection.
	for _, statement := range []string{"CREATE TABLE t (x BLOB)", "PRAGMA max_page_count = 8"} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	_, err = db.Exec("INSERT INTO t VALUES (zeroblob(1000000))")
	if err == nil {
		t.Fatal("a megabyte fitted into eight pages")
	}
	if got := job.KindOf(explain(path, err)); got != job.OutOfDisk {
		t.Errorf("%v is explained as %s, want %s", err, got, job.OutOfDisk)
	}
}
