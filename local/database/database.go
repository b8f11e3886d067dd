// Package database opens the embedded stage's one SQLite file, which holds its
// queues and its ledger.
//
// Three processes share the file: the object store, the API and the worker.
// It is kept in WAL mode, so that readers never wait for the writer, and a
// writer waits its turn instead of failing. Every commit is synced to the disk
// before it is acknowledged.
package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/mattn/go-sqlite3"

	"github.com/motionmill/motionmill/job"
)

const (
	// busyTimeout is how long a statement waits for the lock of another process.
	busyTimeout = 10 * time.Second
	// openTimeout is how long Open tries to agree with processes that open the
	// same file at the same moment.
	openTimeout = 20 * time.Second
	// idleConnections are kept open, so that requests find a warm one.
	idleConnections = 8
)

// Open opens the SQLite file at path, and makes it when there is none; its
// folder must exist. The path may be relative: it is resolved once, so a later
// change of the working directory does not matter. Several processes may open
// the same file at once.
//
// Transactions take the write lock when they begin, for up to ten seconds, and
// so cannot fail halfway for want of it: use them to write, and plain queries
// to read. The caller closes the result. Errors are of type *job.Error.
func Open(path string) (*sql.DB, error) {
	if path == "" {
		return nil, job.Fail(job.Storage, "open database", "", "no file is named", "Name a file", nil)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, job.Fail(job.Storage, "open database", path, "resolve path", "", err)
	}
	if err := checkPlace(absolute); err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector{driver: &sqlite3.SQLiteDriver{ConnectHook: syncForReal}, dsn: sourceName(absolute)})
	db.SetMaxIdleConns(idleConnections)
	if err := prepare(db, absolute); err != nil {
		_ = db.Close() // Why it did not open says more than why it did not close.
		return nil, err
	}
	return db, nil
}

// checkPlace finds what would make SQLite say no more than "unable to open".
func checkPlace(path string) error {
	folder := filepath.Dir(path)
	info, err := os.Stat(folder)
	switch {
	case err != nil:
		return job.Fail(job.Storage, "open database", path, "its folder cannot be used", "Create "+folder+" or choose another folder", err)
	case !info.IsDir():
		return job.Fail(job.Storage, "open database", path, folder+" is not a folder", "Choose another folder", nil)
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return job.Fail(job.Storage, "open database", path, "it is there and is not a plain file", "Choose another file", nil)
	}
	return nil
}

// sourceName gives the driver's name for the file at an absolute path.
func sourceName(path string) string {
	options := url.Values{
		"_busy_timeout": {strconv.FormatInt(busyTimeout.Milliseconds(), 10)},
		"_synchronous":  {"FULL"},
		"_foreign_keys": {"on"},
		"_txlock":       {"immediate"},
	}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: options.Encode()}).String()
}

// syncForReal makes a sync reach the medium on systems where a plain fsync
// stops at the drive's cache (macOS). Elsewhere it changes nothing.
func syncForReal(conn *sqlite3.SQLiteConn) error {
	_, err := conn.Exec("PRAGMA fullfsync = on; PRAGMA checkpoint_fullfsync = on", nil)
	if err != nil {
		return fmt.Errorf("set fullfsync: %w", err)
	}
	return nil
}

// prepare puts the file into WAL mode, which stays with the file. SQLite
// refuses that at once, without waiting, when two processes do it to a new
// file together; so it is tried again.
func prepare(db *sql.DB, path string) error {
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	retry := time.NewTicker(5 * time.Millisecond)
	defer retry.Stop()
	for {
		var mode string
		err := db.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode)
		switch {
		case err == nil && mode == "wal":
			return checkWritable(ctx, db, path)
		case err == nil:
			return job.Fail(job.Storage, "open database", path, "the file system cannot share it between processes (journal mode "+mode+")",
				"Choose a folder on a local disk", nil)
		case !busy(err):
			return explain(path, err)
		}
		select {
		case <-ctx.Done():
			return explain(path, err)
		case <-retry.C:
		}
	}
}

// checkWritable takes and gives back the write lock, which a read-only file
// or folder refuses.
func checkWritable(ctx context.Context, db *sql.DB, path string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return explain(path, err)
	}
	if err := tx.Rollback(); err != nil {
		return explain(path, err)
	}
	return nil
}

func busy(err error) bool {
	var cause sqlite3.Error
	return errors.As(err, &cause) && (cause.Code == sqlite3.ErrBusy || cause.Code == sqlite3.ErrLocked)
}

// explain says what an error of SQLite means for whoever chose the file.
func explain(path string, err error) error {
	kind, finding, remedy := job.Storage, "", ""
	var cause sqlite3.Error
	if errors.As(err, &cause) {
		switch cause.Code {
		case sqlite3.ErrFull:
			kind, finding, remedy = job.OutOfDisk, "the disk is full", "Free some space on it"
		case sqlite3.ErrNotADB:
			finding, remedy = "it is not a database file", "Move it away or choose another folder"
		case sqlite3.ErrCorrupt:
			finding, remedy = "it is damaged", "Restore it from a copy or move it away: uploads are found again, states of jobs are not"
		case sqlite3.ErrCantOpen, sqlite3.ErrPerm, sqlite3.ErrReadonly, sqlite3.ErrAuth:
			finding, remedy = "it cannot be written", "Make the file and its folder writable for this user, or choose another folder"
		case sqlite3.ErrBusy, sqlite3.ErrLocked:
			finding, remedy = "another process holds its lock", "End the program that keeps it open"
		case sqlite3.ErrNomem:
			kind = job.OutOfMemory
		}
	}
	if job.KindOf(cause.SystemErrno) == job.OutOfDisk {
		kind, finding, remedy = job.OutOfDisk, "the disk is full", "Free some space on it"
	}
	return job.Fail(kind, "open database", path, finding, remedy, err)
}

// connector opens connections without a driver registered under a global name.
type connector struct {
	driver driver.Driver
	dsn    string
}

// Connect opens one connection.
func (c connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }

// Driver returns the driver of the connections.
func (c connector) Driver() driver.Driver { return c.driver }
