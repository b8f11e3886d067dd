package ledger_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/motionmill/motionmill/cloudtest"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/ledger"
	"github.com/motionmill/motionmill/ledger/ledgertest"
)

// TestDynamoOnMoto runs everything on moto, which does not make a conditional
// write in one step, though it answers several at once: of 8 claims at once 2
// would win. Requests are sent to it one at a time.
func TestDynamoOnMoto(t *testing.T) {
	var mu sync.Mutex
	onServer(t, cloudtest.Moto(t), func(r *http.Request) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		return http.DefaultClient.Do(r)
	})
}

// TestDynamoOnDynalite runs everything on dynalite, which does not send along
// what is stored when it refuses a write, and has no TTL.
func TestDynamoOnDynalite(t *testing.T) {
	onServer(t, cloudtest.Dynalite(t), http.DefaultClient.Do)
}

// wire carries requests to a server.
type wire func(*http.Request) (*http.Response, error)

func (w wire) Do(r *http.Request) (*http.Response, error) { return w(r) }

// operation is the name of the call that a request makes.
func operation(r *http.Request) string {
	_, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	return name
}

// dynamo is a table of its own on a server.
type dynamo struct {
	settings aws.Config
	table    string
	wire     wire
	calls    []string
	mu       sync.Mutex
}

// onServer runs the suite and the cases of DynamoDB alone.
func onServer(t *testing.T, settings aws.Config, carry wire) {
	settings.HTTPClient = carry
	fresh := func(t *testing.T) *dynamo {
		return &dynamo{settings: settings, table: "ledger-" + rand.Text(), wire: carry}
	}
	ledgertest.Run(t, func(t *testing.T) ledgertest.Ledger { return fresh(t).open(t, 0) })
	for _, c := range []struct {
		name string
		run  func(t *testing.T, d *dynamo)
	}{
		{"a read is one request, and so is a write", requests},
		{"writes go as in the embedded ledger", asEmbedded},
		{"a write whose reply was lost is a success", lostReply},
		{"a write after ours is a conflict", lostReplyAndMore},
		{"a version whose reply was lost is in force", lostVersion},
		{"throttling and server errors pass", throttled},
		{"records that are over expire", expiry},
		{"versions outlive records", versionExpiry},
		{"a monstrous record is cut to fit", monsters},
		{"items that were left out are asked for again", unprocessed},
		{"stale records come in order", staleInOrder},
		{"pages of a filter are full", filteredPages},
		{"a job that moves under a list comes once", movesUnderList},
		{"the table is made once and checked", tableShape},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, fresh(t)) })
	}
}

// open returns a ledger in the table, and makes the table first when it is
// not there. What it asks for from then on is in calls.
func (d *dynamo) open(t *testing.T, keepDays int) *ledger.Dynamo {
	t.Helper()
	settings := d.settings
	settings.HTTPClient = wire(func(r *http.Request) (*http.Response, error) {
		d.mu.Lock()
		d.calls = append(d.calls, operation(r))
		carry := d.wire
		d.mu.Unlock()
		return carry(r)
	})
	maker := newDynamo(t, ledger.DynamoConfig{Table: d.table, AWS: &d.settings})
	if err := maker.EnsureTable(t.Context()); err != nil {
		t.Fatal(err)
	}
	return newDynamo(t, ledger.DynamoConfig{Table: d.table, AWS: &settings, KeepDays: keepDays})
}

func newDynamo(t *testing.T, cfg ledger.DynamoConfig) *ledger.Dynamo {
	t.Helper()
	l, err := ledger.NewDynamo(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// through has requests carried by w from now on, and forgets earlier ones.
func (d *dynamo) through(w wire) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wire, d.calls = w, nil
}

func (d *dynamo) wantCalls(t *testing.T, what string, want ...string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if got := strings.Join(d.calls, " "); got != strings.Join(want, " ") {
		t.Errorf("%s asked for %s, want %s", what, got, strings.Join(want, " "))
	}
	d.calls = nil
}

// item gives an item of the table as it is stored.
func (d *dynamo) item(t *testing.T, key string) map[string]types.AttributeValue {
	t.Helper()
	out, err := dynamodb.NewFromConfig(d.settings).GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: &d.table, Key: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: key}}, ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Item
}

func queued(id string) job.Record {
	return job.Record{ID: id, Profile: "trainer", State: job.Queued, Source: job.Source{Bucket: "uploads", Key: "uploads/" + id + ".mp4"}}
}

func when(fence int64, states ...job.State) job.Condition {
	return job.Condition{Fence: fence, States: states}
}

func mustPut(t *testing.T, l *ledger.Dynamo, next job.Record, c job.Condition) {
	t.Helper()
	if err := l.Put(t.Context(), next, c); err != nil {
		t.Fatalf("put %s as %s when %s: %v", next.ID, next.State, c, err)
	}
}

func mustGet(t *testing.T, l *ledger.Dynamo, id string) job.Record {
	t.Helper()
	r, err := l.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func requests(t *testing.T, d *dynamo) {
	l := d.open(t, ledger.DefaultKeepDays)
	d.through(d.wire)
	r := queued("a")
	mustPut(t, l, r, when(0, job.None))
	d.wantCalls(t, "the first write of a process, which has to learn the time,", "GetItem", "UpdateItem")
	mustGet(t, l, "a")
	d.wantCalls(t, "a read", "GetItem")
	r.State, r.Fence, r.LeaseUntil = job.Running, 1, time.Now().Add(time.Minute)
	mustPut(t, l, r, when(0, job.None, job.Queued))
	d.wantCalls(t, "a claim", "UpdateItem")
	mustPut(t, l, r, when(1, job.Running))
	d.wantCalls(t, "a renewal", "UpdateItem")
	for _, step := range []struct {
		sequencer string
		want      []string
	}{{"01", []string{"GetItem", "PutItem"}}, {"01", []string{"GetItem"}}, {"00", []string{"GetItem"}}, {"02", []string{"GetItem", "PutItem"}}} {
		source := r.Source
		source.Sequencer = step.sequencer
		if _, err := l.RaiseHighWater(t.Context(), source, "a"); err != nil {
			t.Fatal(err)
		}
		d.wantCalls(t, "version "+step.sequencer, step.want...)
	}
	for id := range strings.SplitSeq("b c d e f", " ") {
		mustPut(t, l, queued(id), when(0, job.None))
	}
	d.through(d.wire)
	for _, f := range []job.Filter{{}, {States: []job.State{job.Queued}}} {
		if records, _, err := l.List(t.Context(), f, 3, ""); err != nil || len(records) != 3 {
			t.Errorf("got %d records and error %v", len(records), err)
		}
		d.wantCalls(t, "a page", "Query", "BatchGetItem")
	}
	if err := l.Put(t.Context(), queued("a"), when(0, job.None)); !errors.Is(err, job.ErrConflict) {
		t.Errorf("got %v, want a conflict", err)
	}
}

// asEmbedded makes random writes, most of them senseless, in both ledgers.
func asEmbedded(t *testing.T, d *dynamo) {
	const writes, each = 300, 8 // of a job: most end soon in a state that none leaves
	here, there := newLedger(t), d.open(t, 0)
	random := mathrand.New(mathrand.NewPCG(1, 2))
	states := append([]job.State{job.None}, job.States()...)
	pick := func() job.State { return states[random.IntN(len(states))] }
	leases := []time.Time{{}, time.Now().Add(time.Minute), time.Now().Add(time.Minute + time.Nanosecond)}
	lease := func() time.Time { return leases[random.IntN(len(leases))] }
	outcome := func(err error) string {
		switch {
		case err == nil:
			return "written"
		case errors.Is(err, job.ErrConflict):
			return "conflict"
		default:
			return "refused"
		}
	}
	count := map[string]int{}
	for i := range writes {
		r := queued(fmt.Sprint(i / each))
		stored := mustGet(t, there, r.ID)
		r.State, r.Fence, r.LeaseUntil, r.Weight = pick(), stored.Fence+[]int64{0, 0, 0, 0, 1, -1}[random.IntN(6)], lease(), i
		c := job.Condition{Fence: stored.Fence + int64(random.IntN(5)/4), LeaseUntil: lease()}
		if random.IntN(3) > 0 {
			c.LeaseUntil = time.Time{}
		}
		for range random.IntN(4) {
			c.States = append(c.States, pick())
		}
		if random.IntN(2) > 0 {
			c.States = append(c.States, stored.State)
		}
		want, got := outcome(here.Put(t.Context(), r, c)), outcome(there.Put(t.Context(), r, c))
		if got != want {
			t.Fatalf("write %d of %s, fence %d, lease %s, when %s over %s, fence %d, lease %s: %s, embedded %s",
				i, r.State, r.Fence, r.LeaseUntil, c, stored.State, stored.Fence, stored.LeaseUntil, got, want)
		}
		count[want]++
		one, err := here.Get(t.Context(), r.ID)
		two := mustGet(t, there, r.ID)
		if err != nil || one.State != two.State || one.Fence != two.Fence || one.Weight != two.Weight || !one.LeaseUntil.Equal(two.LeaseUntil) {
			t.Fatalf("write %d left %+v, embedded %+v (%v)", i, two, one, err)
		}
	}
	if count["written"] < 20 || count["conflict"] < 20 || count["refused"] < 20 {
		t.Errorf("the writes were not of all sorts: %v", count)
	}
}
