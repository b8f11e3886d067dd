package notice

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motionmill/motionmill/job"
)

const hook, otherHook = "https://hooks.example.com/in/TOKEN", "https://other.example.com/hook"

func TestAWebhookIsDeliveredOnceAndGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, e := newMemory(), &endpoint{answer: always(204)}
		post(t, box, finished("one", job.Succeeded))
		during(t, deliverer(t, box, e, hook, otherHook), time.Hour)
		got := e.requests()
		if len(got) != 2 || got[0].delivery == got[1].delivery || got[0].body != `{"id":"one","state":"succeeded"}` {
			t.Fatalf("the endpoints got %+v", got)
		}
		if left := box.names(); len(left) != 0 {
			t.Errorf("the box still holds %q", left)
		}
	})
}

func TestAnEndpointThatHangsHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := newMemory()
		e := &endpoint{answer: func(r *http.Request) (int, error) {
			if r.URL.Host == "other.example.com" {
				return 200, nil
			}
			return hang(r)
		}}
		for i := range 20 {
			began := time.Now()
			post(t, box, finished(fmt.Sprintf("job%02d", i), job.Succeeded))
			if time.Since(began) > 0 {
				t.Fatal("announcing a job waits")
			}
		}
		during(t, deliverer(t, box, e, hook, otherHook), 40*time.Second)
		fine := slices.DeleteFunc(e.requests(), func(r received) bool { return r.host != "other.example.com" })
		if len(fine) != 20 {
			t.Errorf("the other endpoint got %d of 20 while one hangs", len(fine))
		}
		givenUp := 0
		for _, d := range listed(t, box, "") {
			if d.Dead || d.Tries > 0 && !strings.Contains(d.Error, "did not answer within 15s") {
				t.Errorf("what hangs is shown as %+v", d)
			}
			givenUp += min(d.Tries, 1)
		}
		if givenUp == 0 {
			t.Error("no try is given up")
		}
	})
}

func TestADeliveryIsTriedForADayThenDeadAndVisible(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, e := newMemory(), &endpoint{answer: always(500)}
		began := time.Now()
		post(t, box, finished("one", job.Dead), finished("two", job.Dead))
		d := deliverer(t, box, e, hook)
		d.cfg.Every = time.Minute // for the sake of the test's own time
		during(t, d, 25*time.Hour)
		got := e.requests()
		if last := got[len(got)-1].at.Sub(began); last < 22*time.Hour || last > 24*time.Hour {
			t.Errorf("the last try was after %v", last)
		}
		if len(got) < 2*25 || len(got) > 2*150 {
			t.Errorf("%d tries were made of two deliveries", len(got))
		}
		dead := listed(t, box, "one")
		if len(dead) != 1 || !dead[0].Dead || dead[0].Status != 500 || dead[0].Job != "one" || dead[0].JobState != job.Dead || dead[0].Tries < 25 {
			t.Fatalf("shown are %+v", dead)
		}
		if strings.Contains(dead[0].URL, "TOKEN") || !strings.Contains(dead[0].URL, "hooks.example.com") {
			t.Errorf("its endpoint is shown as %s", dead[0].URL)
		}

		e.answer = always(200)
		if ok, err := (Undelivered{box}).Redeliver(t.Context(), dead[0].ID); !ok || err != nil {
			t.Fatalf("redeliver: %v, %v", ok, err)
		}
		during(t, deliverer(t, box, e, hook), time.Minute)
		again := e.requests()
		if len(again) != len(got)+1 || again[len(again)-1].delivery != dead[0].ID {
			t.Errorf("redelivered %d times, under id %s, first %s", len(again)-len(got), again[len(again)-1].delivery, dead[0].ID)
		}
		if left := listed(t, box, ""); len(left) != 1 || left[0].Job != "two" {
			t.Errorf("what is not delivered is %+v", left)
		}
		if ok, err := (Undelivered{box}).Redeliver(t.Context(), dead[0].ID); ok || err != nil {
			t.Errorf("redeliver what was delivered: %v, %v", ok, err)
		}
	})
}

func TestTheDeadAreForgottenAfterAWeek(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, e := newMemory(), &endpoint{answer: always(410)}
		post(t, box, finished("one", job.Dead))
		d := deliverer(t, box, e, hook)
		d.cfg.Every = time.Hour
		during(t, d, 6*24*time.Hour)
		if left := box.names(); len(left) != 1 {
			t.Errorf("after 6 days the box holds %q", left)
		}
		during(t, deliverer(t, box, e, hook), 48*time.Hour)
		if left := box.names(); len(left) != 0 {
			t.Errorf("after 8 days the box holds %q", left)
		}
	})
}

func TestGoneMeansNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, e := newMemory(), &endpoint{answer: always(410)}
		post(t, box, finished("one", job.Succeeded))
		during(t, deliverer(t, box, e, hook), time.Hour)
		if n := len(e.requests()); n != 1 {
			t.Errorf("an endpoint that is gone was asked %d times", n)
		}
		if dead := listed(t, box, ""); len(dead) != 1 || !dead[0].Dead || dead[0].Status != 410 {
			t.Errorf("shown are %+v", dead)
		}
	})
}

func TestARestartInABackoffTriesWhenItIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, e := newMemory(), &endpoint{answer: always(503)}
		post(t, box, finished("one", job.Succeeded))
		during(t, deliverer(t, box, e, hook), 10*time.Minute+2*time.Second) // between two looks: no try is cut off
		before := listed(t, box, "")[0]
		for time.Until(before.DueAt) < 10*time.Second { // pauses are drawn by lot, and this one is as good as over
			during(t, deliverer(t, box, e, hook), 12*time.Second)
			before = listed(t, box, "")[0]
		}
		during(t, deliverer(t, box, e, hook), time.Until(before.DueAt)-time.Second)
		if n := len(e.requests()); n != before.Tries {
			t.Errorf("a new process tried at once: %d tries after %d", n, before.Tries)
		}
		e.answer = always(200)
		during(t, deliverer(t, box, e, hook), 10*time.Second)
		got := e.requests()
		if len(got) != before.Tries+1 || got[0].delivery != got[len(got)-1].delivery || len(box.names()) != 0 {
			t.Errorf("%d requests, ids %s and %s, left %q", len(got), got[0].delivery, got[len(got)-1].delivery, box.names())
		}
	})
}

func TestATryThatIsCutOffIsMadeAgainAndNotCharged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, e := newMemory(), &endpoint{answer: hang}
		post(t, box, finished("one", job.Succeeded))
		during(t, deliverer(t, box, e, hook), 7*time.Second)
		if d := listed(t, box, "")[0]; d.Tries != 0 || d.Dead {
			t.Errorf("it is shown as %+v", d)
		}
		e.answer = always(200)
		during(t, deliverer(t, box, e, hook), 2*time.Minute)
		if got := e.requests(); len(got) != 2 || got[0].delivery != got[1].delivery || len(box.names()) != 0 {
			t.Errorf("the endpoint got %+v, left is %q", got, box.names())
		}
	})
}

func TestAnEndpointThatNobodyHasIsGivenUpAfterADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, e := newMemory(), &endpoint{answer: always(500)}
		post(t, box, finished("one", job.Succeeded))
		during(t, deliverer(t, box, e, hook), time.Minute)
		e.answer = always(200)
		d := deliverer(t, box, e, otherHook)
		d.cfg.Every = time.Minute
		during(t, d, 23*time.Hour)
		if d := listed(t, box, ""); len(d) != 1 || d[0].Dead {
			t.Errorf("within the day it is %+v", d)
		}
		during(t, deliverer(t, box, e, otherHook), 2*time.Hour)
		if d := listed(t, box, ""); len(d) != 1 || !d[0].Dead || !strings.Contains(d[0].Error, "none of those") {
			t.Errorf("after the day it is %+v", d)
		}
	})
}

func TestProcessesShareTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, e := newMemory(), &endpoint{answer: always(200)}
		for i := range 30 {
			post(t, box, finished(fmt.Sprintf("job%02d", i), job.Succeeded))
		}
		var group sync.WaitGroup
		for range 3 {
			d := deliverer(t, box, e, hook)
			group.Go(func() { during(t, d, 10*time.Minute) })
		}
		group.Wait()
		if got := e.requests(); len(got) != 30 || len(box.names()) != 0 {
			t.Errorf("30 webhooks were sent %d times by three processes, left is %q", len(got), box.names())
		}
	})
}

func TestAnEndpointIsAskedAtMostSomeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		now, most := 0, 0
		e := &endpoint{answer: func(*http.Request) (int, error) {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			now--
			mu.Unlock()
			return 200, nil
		}}
		box := newMemory()
		for i := range 20 {
			post(t, box, finished(fmt.Sprintf("job%02d", i), job.Succeeded))
		}
		during(t, deliverer(t, box, e, hook), time.Hour)
		if most != 4 || len(e.requests()) != 20 {
			t.Errorf("%d requests, at most %d at once", len(e.requests()), most)
		}
	})
}

func TestAPanicOfATryIsReportedAndTheOthersGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, e := newMemory(), &endpoint{answer: always(200)}
		d := deliverer(t, box, e, hook)
		var mu sync.Mutex
		var reports []job.Report
		d.cfg.Report = func(r job.Report) { mu.Lock(); defer mu.Unlock(); reports = append(reports, r) }
		d.cfg.Render = func(ctx context.Context, rec job.Record) ([]byte, error) {
			if rec.ID == "bad" {
				panic("no view")
			}
			return render(ctx, rec)
		}
		post(t, box, finished("bad", job.Succeeded), finished("good", job.Succeeded))
		during(t, d, 30*time.Second)
		if got := e.requests(); len(got) != 1 || !strings.Contains(got[0].body, "good") {
			t.Errorf("the endpoint got %+v", got)
		}
		if len(reports) == 0 || !reports[0].Panic || !strings.Contains(reports[0].Message, "no view") || reports[0].Stack == "" {
			t.Errorf("reported is %+v", reports)
		}
	})
}

func TestPausesDoubleWithFullJitter(t *testing.T) {
	for tries, ceiling := range map[int]time.Duration{1: 10 * time.Second, 3: 40 * time.Second, 20: time.Hour, 100: time.Hour} {
		longest := time.Duration(0)
		for range 2000 {
			p := pauseAfter(tries)
			if p < time.Second || p > ceiling {
				t.Fatalf("after %d tries the pause is %v", tries, p)
			}
			longest = max(longest, p)
		}
		if longest < ceiling*9/10 {
			t.Errorf("after %d tries the longest of 2000 pauses is %v", tries, longest)
		}
	}
}

func TestListsAreInPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, e := newMemory(), &endpoint{answer: func(r *http.Request) (int, error) {
			if r.URL.Host == "other.example.com" {
				return 410, nil
			}
			return 500, nil
		}}
		for i := range 5 {
			post(t, box, finished(fmt.Sprintf("job%d", i), job.Succeeded))
		}
		during(t, deliverer(t, box, e, hook, otherHook), time.Minute)
		all, cursor := []Delivery{}, ""
		for page := 0; page == 0 || cursor != ""; page++ {
			var some []Delivery
			var err error
			if some, cursor, err = (Undelivered{box}).List(t.Context(), "", 3, cursor); err != nil {
				t.Fatal(err)
			}
			all = append(all, some...)
		}
		dead := slices.IndexFunc(all, func(d Delivery) bool { return !d.Dead })
		if len(all) != 10 || dead != 5 {
			t.Errorf("%d deliveries, the first that is not dead is number %d", len(all), dead)
		}
	})
}
