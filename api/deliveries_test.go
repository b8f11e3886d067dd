package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/job"
)

// deliveries are webhooks in memory.
type deliveries struct {
	mu   sync.Mutex
	all  []api.Delivery
	fail error
}

func someDeliveries(n int) []api.Delivery {
	all := make([]api.Delivery, n)
	for i := range all {
		all[i] = api.Delivery{
			ID: fmt.Sprintf("j%d-3-abc", i), Job: fmt.Sprintf("j%d", i), JobState: "dead", URL: "https://hooks.example.com/in/…", State: "dead",
			Tries: 50, Status: 500, Error: "the endpoint answered 500", Since: created, TriedAt: created.Add(time.Hour),
		}
	}
	return all
}

func (d *deliveries) ListDeliveries(_ context.Context, jobID string, limit int, cursor string) ([]api.Delivery, string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	from, err := strconv.Atoi(cursor)
	if err != nil {
		from = 0
	}
	var found []api.Delivery
	for i, one := range d.all {
		if i < from || jobID != "" && one.Job != jobID {
			continue
		}
		if len(found) == limit {
			return found, strconv.Itoa(i), d.fail
		}
		found = append(found, one)
	}
	return found, "", d.fail
}

func (d *deliveries) Redeliver(_ context.Context, id string) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.all, func(one api.Delivery) bool { return one.ID == id })
	if i >= 0 {
		d.all[i].State = "waiting"
	}
	return i >= 0, d.fail
}

func TestUndeliveredWebhooksAreShownAndRedelivered(t *testing.T) {
	hooks := &deliveries{all: someDeliveries(5)}
	s := newStage(t, func(c *api.Config) { c.Deliveries = hooks })
	seen, cursor := 0, ""
	for page := 0; page == 0 || cursor != ""; page++ {
		a := s.call(t, "GET", "/v1/deliveries?limit=2&cursor="+cursor, nil)
		wantStatus(t, a, 200)
		seen += len(a.body["deliveries"].([]any))
		cursor, _ = a.body["cursor"].(string)
	}
	if seen != 5 {
		t.Errorf("%d of 5 are shown", seen)
	}
	a := s.call(t, "GET", "/v1/deliveries?job=j3", nil)
	if list := a.body["deliveries"].([]any); len(list) != 1 || list[0].(map[string]any)["error"] != "the endpoint answered 500" {
		t.Errorf("of one job it shows %s", a.raw)
	}
	wantStatus(t, s.call(t, "POST", "/v1/deliveries/j3-3-abc/redeliver", nil), 202)
	if hooks.all[3].State != "waiting" {
		t.Error("it is not tried again")
	}
	wantProblem(t, s.call(t, "POST", "/v1/deliveries/nobody/redeliver", nil), 404, "no-such-delivery")
	wantProblem(t, s.call(t, "GET", "/v1/deliveries?job=..%2F", nil), 422, "invalid")
	hooks.fail = errors.New("secret")
	wantProblem(t, s.call(t, "GET", "/v1/deliveries", nil), 503, "storage")
	none := newStage(t)
	if a := none.call(t, "GET", "/v1/deliveries", nil); a.status != 200 || !strings.Contains(a.raw, `"deliveries":[]`) {
		t.Errorf("without webhooks it answers %d %s", a.status, a.raw)
	}
	wantProblem(t, none.call(t, "POST", "/v1/deliveries/j3-3-abc/redeliver", nil), 404, "no-such-delivery")
}

// The body of a webhook is what a client reads of the same job.
func TestAWebhookCarriesTheJobAsItIsRead(t *testing.T) {
	s := newStage(t)
	s.succeed("j1")
	rec, err := s.ledger.Get(t.Context(), "j1")
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.api.Render(t.Context(), rec)
	if err != nil {
		t.Fatal(err)
	}
	var sent map[string]any
	if err := json.Unmarshal(text, &sent); err != nil {
		t.Fatal(err)
	}
	read := s.call(t, "GET", "/v1/jobs/j1", nil)
	if fmt.Sprint(sent) != fmt.Sprint(read.body) || len(sent["outputs"].([]any)) == 0 {
		t.Errorf("sent is %s\nread is %s", text, read.raw)
	}
}

func TestRequestsThatCancelAndRetryAreNoted(t *testing.T) {
	s := newStage(t)
	s.ledger.Set(record("j1", job.Running))
	s.ledger.Set(record("j2", job.Dead))
	wantStatus(t, s.call(t, "POST", "/v1/jobs/j1/cancel", nil, "X-Request-Id", "cancel-7"), 202)
	if a := s.call(t, "GET", "/v1/jobs/j1", nil); a.body["asked"] != "cancel-7" {
		t.Errorf("the cancelled job is %s", a.raw)
	}
	wantStatus(t, s.call(t, "POST", "/v1/jobs/j2/retry", nil, "X-Request-Id", "retry-8"), 202)
	wantStatus(t, s.call(t, "POST", "/v1/redrive", map[string]any{"all": true}, "X-Request-Id", "redrive-9"), 202)
	var asked []string
	bodies, _ := s.queue.Sent()
	for _, body := range bodies {
		var letter job.Letter
		if err := json.Unmarshal([]byte(body), &letter); err != nil {
			t.Fatal(err)
		}
		asked = append(asked, letter.Request)
	}
	if !slices.Equal(asked, []string{"retry-8", "redrive-9"}) {
		t.Errorf("the letters name %q", asked)
	}
}

// panicking is a part of a stage that has a mistake in it.
type panicking struct{ api.Deliveries }

func (panicking) ListDeliveries(context.Context, string, int, string) ([]api.Delivery, string, error) {
	panic("no list")
}

func TestAPanicOfACallIsReportedAndTheAPIGoesOn(t *testing.T) {
	reports := make(chan job.Report, 1)
	s := newStage(t, func(c *api.Config) {
		c.Deliveries = panicking{}
		c.Report = func(r job.Report) { reports <- r }
	})
	wantProblem(t, s.call(t, "GET", "/v1/deliveries", nil, "X-Request-Id", "req-5"), 500, "internal")
	r := <-reports
	if !r.Panic || r.Kind != job.Internal || r.Request != "req-5" || r.Where != "GET /v1/deliveries" || !strings.Contains(r.Stack, "deliveries_test.go") {
		t.Errorf("reported is %+v", r)
	}
	wantStatus(t, s.call(t, "GET", "/healthz", nil), 200)
}
