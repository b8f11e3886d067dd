package ledger_test

import (
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/ledger"
)

// expires gives when an item goes; zero is never.
func expires(t *testing.T, item map[string]types.AttributeValue) time.Time {
	t.Helper()
	value, ok := item["expires_at"].(*types.AttributeValueMemberN)
	if !ok {
		return time.Time{}
	}
	n, err := strconv.ParseInt(value.Value, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Unix(n, 0)
}

func inDays(n int) time.Time { return time.Now().AddDate(0, 0, n) }

// about tells whether two times are within an hour.
func about(a, b time.Time) bool { return a.Sub(b).Abs() < time.Hour }

func expiry(t *testing.T, d *dynamo) {
	l, forever := d.open(t, 40), newDynamo(t, ledger.DynamoConfig{Table: d.table, AWS: &d.settings})
	r := queued("a")
	want := func(what string, goes bool) {
		t.Helper()
		if got := expires(t, d.item(t, "job#a")); goes && !about(got, inDays(40)) || !goes && !got.IsZero() {
			t.Errorf("%s expires %s", what, got)
		}
	}
	mustPut(t, l, r, when(0, job.None))
	want("a queued record", false)
	r.State, r.Fence = job.Running, 1
	mustPut(t, l, r, when(0, job.Queued))
	want("a running record", false)
	r.State = job.Dead
	mustPut(t, l, r, when(1, job.Running))
	want("a record that nobody has heard of", false)
	r.Announced = true
	mustPut(t, l, r, when(1, job.Dead))
	want("a record that is over", true)
	r.State, r.Announced, r.Fence = job.Queued, false, 2
	mustPut(t, l, r, when(1, job.Dead))
	want("a revived record", false)
	r.State, r.Announced = job.Cancelled, true
	mustPut(t, l, r, when(2, job.Queued))
	want("a cancelled record", true)
	mustPut(t, forever, r, when(2, job.Cancelled))
	want("a record that is kept for ever", false)
}

func versionExpiry(t *testing.T, d *dynamo) {
	source := job.Source{Bucket: "uploads", Key: "k", Sequencer: "05"}
	raise := func(keepDays int, sequencer, inForce string, wantDays int) {
		t.Helper()
		source.Sequencer = sequencer
		l := newDynamo(t, ledger.DynamoConfig{Table: d.table, AWS: &d.settings, KeepDays: keepDays})
		got, err := l.RaiseHighWater(t.Context(), source, "job "+sequencer)
		if err != nil || got != (job.HighWater{Sequencer: inForce, Job: "job " + inForce}) {
			t.Errorf("got %+v and error %v, want %s", got, err, inForce)
		}
		at := expires(t, d.item(t, "version#uploads/k"))
		if wantDays == 0 && !at.IsZero() || wantDays > 0 && !about(at, inDays(wantDays)) {
			t.Errorf("kept for %d days and told of %s, it expires %s, want in %d days", keepDays, sequencer, at, wantDays)
		}
	}
	d.open(t, 0)
	raise(40, "05", "05", 70)
	raise(50, "05", "05", 70) // It is enough: another write would be for nothing.
	raise(60, "05", "05", 90) // A record that was written now could go after it.
	raise(90, "04", "05", 120)
	raise(40, "06", "06", 70)
	raise(0, "06", "06", 0)
	raise(40, "06", "06", 70)
}

func monsters(t *testing.T, d *dynamo) {
	l := d.open(t, 0)
	lines := func(n int, line string) []string { return strings.Split(strings.Repeat(line+"\n", n-1)+line, "\n") }
	attempts := func(n int, f job.Failure) []job.Attempt {
		history := make([]job.Attempt, n)
		for i := range history {
			history[i] = job.Attempt{Fence: int64(i + 1), Worker: "w", StartedAt: time.Now().UTC(), Outcome: "failed", Error: &f}
		}
		return history
	}
	failure := job.Failure{Kind: job.Crashed, Message: "signal: killed", Stderr: lines(200, "frame=1 fps=25 <ü>"), Stack: strings.Repeat("goroutine 1\n", 200)}
	huge := failure
	huge.Stderr, huge.Stack = lines(2_000, "\x00\x01"), strings.Repeat("\x1b人", 20_000)
	wordy := huge
	wordy.Message = strings.Repeat("\x07", 20_000)
	for i, c := range []struct {
		what         string
		f            job.Failure
		attempts     int
		wantAttempts int
		wantMessage  bool
	}{
		{"many long outputs", failure, 100, 100, true},
		{"outputs that are too large by themselves", huge, 12, 12, true},
		{"one output that is too large by itself", huge, 1, 1, true},
		{"messages that are too large by themselves", wordy, 40, 0, false},
	} {
		t.Run(c.what, func(t *testing.T) {
			r := queued(fmt.Sprint("monster ", i))
			r.History, r.Error = attempts(c.attempts, c.f), &c.f
			mustPut(t, l, r, when(0, job.None))
			if len(r.History) != c.attempts || len(r.History[0].Error.Stderr) != len(c.f.Stderr) {
				t.Fatal("the write changed the record that it was given")
			}
			got := mustGet(t, l, r.ID)
			mustPut(t, l, got, when(0, job.Queued))
			again := mustGet(t, l, r.ID)
			again.UpdatedAt, again.ReadAt, got.UpdatedAt, got.ReadAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}
			if !reflect.DeepEqual(again, got) {
				t.Error("a second write cut it again")
			}
			checkMonster(t, got, c.f, c.wantAttempts, c.wantMessage)
		})
	}
	small := queued("small")
	small.Error, small.History = &failure, attempts(3, failure)
	mustPut(t, l, small, when(0, job.None))
	if got := mustGet(t, l, "small"); len(got.History[0].Error.Stderr) != 200 || got.History[0].Error.Stack != failure.Stack {
		t.Error("a record that fits was cut")
	}
}

// checkMonster asserts what is left of a record whose failures were all f.
func checkMonster(t *testing.T, got job.Record, f job.Failure, wantAttempts int, wantMessage bool) {
	t.Helper()
	const note = "left out here"
	if wantAttempts > 0 && len(got.History) != wantAttempts || len(got.History) == 0 {
		t.Errorf("it has %d attempts", len(got.History))
	}
	oldest, newest := got.History[0], got.History[len(got.History)-1]
	for _, a := range got.History {
		if a.Error.Kind != f.Kind || wantMessage && a.Error.Message != f.Message {
			t.Fatalf("attempt %d lost its kind or its message", a.Fence)
		}
	}
	if wantAttempts > 1 && (len(oldest.Error.Stderr) != 1 || !strings.Contains(oldest.Error.Stderr[0], note) || !strings.Contains(oldest.Error.Stack, note)) {
		t.Errorf("of the oldest attempt %d lines and %d bytes of stack are left, with no note", len(oldest.Error.Stderr), len(oldest.Error.Stack))
	}
	if len(newest.Error.Stderr) < 2 || newest.Error.Stderr[len(newest.Error.Stderr)-1] != f.Stderr[len(f.Stderr)-1] {
		t.Errorf("the newest attempt has lost the end of its output")
	}
	if !wantMessage && !strings.Contains(newest.Error.Message, note) {
		t.Errorf("a message of %d bytes was cut without a note", len(newest.Error.Message))
	}
}

func staleInOrder(t *testing.T, d *dynamo) {
	l := d.open(t, 0)
	for i := range 130 { // More than one request reads.
		mustPut(t, l, queued(fmt.Sprint(i)), when(0, job.None))
	}
	touched := mustGet(t, l, "0")
	mustPut(t, l, touched, when(0, job.Queued))
	got, err := l.Stale(t.Context(), time.Now().Add(time.Hour), 3)
	if err != nil || len(got) != 3 || got[0].ID != "1" || got[1].ID != "2" || got[2].ID != "3" {
		t.Errorf("got %d records and error %v, want 1, 2 and 3: 0 was touched", len(got), err)
	}
	all, err := l.Stale(t.Context(), time.Now().Add(time.Hour), 1000)
	if err != nil || len(all) != 130 || all[129].ID != "0" {
		t.Errorf("got %d records and error %v, want 130, the last of them 0", len(all), err)
	}
	some, err := l.Stale(t.Context(), all[100].UpdatedAt, 1000)
	if err != nil || len(some) != 100 {
		t.Errorf("got %d records and error %v, want those 100 that were written before", len(some), err)
	}
}

func filteredPages(t *testing.T, d *dynamo) {
	l := d.open(t, 0)
	for i := range 60 {
		r := queued(fmt.Sprint(i))
		if i%20 == 0 {
			r.Profile = "pose"
		}
		if i%2 == 0 {
			r.State = job.Running
		}
		mustPut(t, l, r, when(0, job.None))
	}
	pages, _, err := l.List(t.Context(), job.Filter{Profile: "pose", States: []job.State{job.Running, job.Queued, job.Running}}, 10, "")
	if err != nil || len(pages) != 3 || pages[0].ID != "40" || pages[2].ID != "0" {
		t.Errorf("got %d records and error %v, want 40, 20 and 0", len(pages), err)
	}
	newest, next, err := l.List(t.Context(), job.Filter{States: []job.State{job.Queued, job.Running}}, 4, "")
	if err != nil || len(newest) != 4 || newest[0].ID != "59" || newest[1].ID != "58" || newest[3].ID != "56" {
		t.Fatalf("got %d records and error %v, want 59 to 56", len(newest), err)
	}
	second, _, err := l.List(t.Context(), job.Filter{States: []job.State{job.Queued, job.Running}}, 4, next)
	if err != nil || len(second) != 4 || second[0].ID != "55" {
		t.Errorf("got %d records and error %v, want 55 and on", len(second), err)
	}
}

// movesUnderList claims a job when the queued ones have been asked for and the
// running ones have not; the index has it in both answers.
func movesUnderList(t *testing.T, d *dynamo) {
	l, other := d.open(t, 0), newDynamo(t, ledger.DynamoConfig{Table: d.table, AWS: &d.settings})
	for i := range 3 {
		mustPut(t, l, queued(fmt.Sprint(i)), when(0, job.None))
	}
	carry, queries := d.wire, 0
	d.through(func(r *http.Request) (*http.Response, error) {
		if operation(r) == "Query" {
			if queries++; queries == 2 {
				claim := queued("1")
				claim.State, claim.Fence = job.Running, 1
				mustPut(t, other, claim, when(0, job.Queued))
			}
		}
		return carry(r)
	})
	both := job.Filter{States: []job.State{job.Queued, job.Running}}
	got, _, err := l.List(t.Context(), both, 10, "")
	if err != nil || len(got) != 3 || got[0].ID != "2" || got[1].ID != "1" || got[1].State != job.Running || got[2].ID != "0" {
		t.Errorf("got %d records and error %v, want 2, 1 and 0: %+v", len(got), err, got)
	}
	// An entry that the index still has must not show a state that was left.
	d.through(func(r *http.Request) (*http.Response, error) {
		reply, err := carry(r)
		if err == nil && operation(r) == "Query" {
			claim := queued("2")
			claim.State, claim.Fence = job.Running, 1
			mustPut(t, other, claim, when(0, job.Queued))
		}
		return reply, err
	})
	got, _, err = l.List(t.Context(), job.Filter{States: []job.State{job.Queued}}, 10, "")
	if err != nil || len(got) != 1 || got[0].ID != "0" {
		t.Errorf("got %d records and error %v, want 0 only", len(got), err)
	}
}

func tableShape(t *testing.T, d *dynamo) {
	l := d.open(t, 0)
	if err := l.EnsureTable(t.Context()); err != nil {
		t.Errorf("making it again: %v", err)
	}
	if err := l.CheckTable(t.Context()); err != nil {
		t.Error(err)
	}
	expiring := newDynamo(t, ledger.DynamoConfig{Table: d.table, AWS: &d.settings, KeepDays: 40})
	if err := expiring.CheckTable(t.Context()); err == nil || !strings.Contains(err.Error(), "TTL by expires_at is not on") {
		t.Errorf("a table without TTL gave %v", err)
	}
	if err := expiring.EnsureTable(t.Context()); err != nil && !strings.Contains(err.Error(), "UnknownOperationException") { // As dynalite says.
		t.Errorf("turning TTL on: %v", err)
	}
	missing := newDynamo(t, ledger.DynamoConfig{Table: "nowhere", AWS: &d.settings})
	if err := missing.CheckTable(t.Context()); err == nil || !strings.Contains(err.Error(), "there is no table nowhere") {
		t.Errorf("a table that is not there gave %v", err)
	}
	other := d.table + "-other"
	_, err := dynamodb.NewFromConfig(d.settings).CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &other, BillingMode: types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeN}},
	})
	if err != nil {
		t.Fatal(err)
	}
	err = newDynamo(t, ledger.DynamoConfig{Table: other, AWS: &d.settings}).CheckTable(t.Context())
	for _, finding := range []string{"its key is id (N), not pk (S)", "by_created is missing", "by_state is missing", "by_owner is missing"} {
		if err == nil || !strings.Contains(err.Error(), finding) {
			t.Errorf("a table of another shape gave %v, want %q in it", err, finding)
		}
	}
}
