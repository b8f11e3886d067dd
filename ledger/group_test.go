package ledger

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/motionmill/motionmill/local/database"
)

// openGroup returns a group on a new file with a table of numbers.
func openGroup(t *testing.T) (*group, *sql.DB) {
	t.Helper()
	db, err := database.Open(filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := db.Exec("CREATE TABLE numbers (n INTEGER)"); err != nil {
		t.Fatal(err)
	}
	return &group{db: db}, db
}

// insert returns a write of a number, which tells of each try in tries.
func insert(n int, tries chan<- *sql.Tx) func(*sql.Tx) error {
	return func(tx *sql.Tx) error {
		tries <- tx
		_, err := tx.Exec("INSERT INTO numbers VALUES (?)", n)
		return err
	}
}

// heldUp calls write, whose first try stands still until the returned function is
// called; so what is written meanwhile waits together.
func heldUp(t *testing.T, g *group) (goOn func()) {
	t.Helper()
	began, resume, done := make(chan bool), make(chan bool), make(chan error)
	go func() {
		done <- g.write(context.Background(), func(*sql.Tx) error {
			began <- true
			<-resume
			return nil
		})
	}()
	<-began
	return func() {
		close(resume)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// begin starts a write and returns once it waits.
func begin(ctx context.Context, t *testing.T, g *group, do func(*sql.Tx) error) <-chan error {
	t.Helper()
	count := func() int {
		g.mu.Lock()
		defer g.mu.Unlock()
		return len(g.waiting)
	}
	before, done := count(), make(chan error, 1)
	go func() { done <- g.write(ctx, do) }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for count() == before {
		<-tick.C
	}
	return done
}

func wantNumbers(t *testing.T, db *sql.DB, want int) {
	t.Helper()
	var got, distinct int
	if err := db.QueryRow("SELECT count(*), count(DISTINCT n) FROM numbers").Scan(&got, &distinct); err != nil {
		t.Fatal(err)
	}
	if got != want || distinct != want {
		t.Errorf("%d numbers were written, %d of them distinct; want %d", got, distinct, want)
	}
}

func TestWritesThatWaitTogetherShareATransaction(t *testing.T) {
	g, db := openGroup(t)
	goOn := heldUp(t, g)
	tries := make(chan *sql.Tx, 3*groupLimit)
	var answers []<-chan error
	for n := range groupLimit + 1 {
		answers = append(answers, begin(t.Context(), t, g, insert(n, tries)))
	}
	goOn()
	for _, a := range answers {
		if err := <-a; err != nil {
			t.Fatal(err)
		}
	}
	close(tries)
	uses := map[*sql.Tx]int{}
	for tx := range tries {
		uses[tx]++
	}
	if len(uses) != 2 {
		t.Errorf("%d writes took %d transactions, want 2", groupLimit+1, len(uses))
	}
	wantNumbers(t, db, groupLimit+1)
}

func TestOneBadWriteDoesNotFailTheOthers(t *testing.T) {
	g, db := openGroup(t)
	goOn := heldUp(t, g)
	tries, errBad := make(chan *sql.Tx, 10), errors.New("bad")
	first := begin(t.Context(), t, g, insert(1, tries))
	bad := begin(t.Context(), t, g, func(tx *sql.Tx) error {
		if err := insert(2, tries)(tx); err != nil {
			return err
		}
		return errBad
	})
	last := begin(t.Context(), t, g, insert(3, tries))
	goOn()
	if err := <-bad; !errors.Is(err, errBad) {
		t.Errorf("the bad write got %v", err)
	}
	for _, a := range []<-chan error{first, last} {
		if err := <-a; err != nil {
			t.Errorf("a good write got %v", err)
		}
	}
	wantNumbers(t, db, 2)
}

func TestEndOfAContextTakesAWaitingWriteBack(t *testing.T) {
	g, db := openGroup(t)
	goOn := heldUp(t, g)
	tries := make(chan *sql.Tx, 10)
	ctx, cancel := context.WithCancel(t.Context())
	given := begin(ctx, t, g, insert(1, tries))
	stays := begin(t.Context(), t, g, insert(2, tries))
	cancel()
	if err := <-given; !errors.Is(err, context.Canceled) { // Now, not when the one before it is done.
		t.Errorf("got %v", err)
	}
	goOn()
	if err := <-stays; err != nil {
		t.Error(err)
	}
	wantNumbers(t, db, 1)
}

// TestEndOfAContextEndsItsWriteAlone gives up one of two writes that are in one
// transaction already.
func TestEndOfAContextEndsItsWriteAlone(t *testing.T) {
	g, db := openGroup(t)
	goOn := heldUp(t, g)
	tries := make(chan *sql.Tx, 10)
	ctx, cancel := context.WithCancel(t.Context())
	began := make(chan bool, 10)
	given := begin(ctx, t, g, func(tx *sql.Tx) error {
		if err := insert(1, tries)(tx); err != nil {
			return err
		}
		began <- true
		<-ctx.Done()
		return ctx.Err()
	})
	stays := begin(t.Context(), t, g, insert(2, tries))
	goOn()
	<-began // Both are in one transaction.
	cancel()
	if err := <-given; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := <-stays; err != nil {
		t.Error(err)
	}
	wantNumbers(t, db, 1)
}
