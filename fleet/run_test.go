package fleet

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestASpotNoticeEndsTheWorkerInTime has a job that would never end.
func TestASpotNoticeEndsTheWorkerInTime(t *testing.T) {
	for name, test := range map[string]struct {
		grace     time.Duration
		say       func(*fakeMetadata)
		hurriedAt float64 // seconds; the notice is there after 2 and seen after 5
	}{
		"the grace is shorter":  {40 * time.Second, func(m *fakeMetadata) { m.interrupt(2 * time.Minute) }, 45},
		"the notice is shorter": {time.Hour, func(m *fakeMetadata) { m.interrupt(2 * time.Minute) }, 107},
		"it comes late":         {time.Hour, func(m *fakeMetadata) { m.interrupt(30 * time.Second) }, 17},
		"it comes too late":     {time.Hour, func(m *fakeMetadata) { m.interrupt(10 * time.Second) }, 5},
		"no time is told":       {time.Hour, func(m *fakeMetadata) { m.say(pathSpot, `{"action":"stop"}`) }, 110},
		"it cannot be read":     {time.Hour, func(m *fakeMetadata) { m.say(pathSpot, `<html>`) }, 110},
		"the clock is behind":   {time.Hour, func(m *fakeMetadata) { m.interrupt(time.Hour) }, 110},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{Grace: test.grace}, nil, func(v *visit) {
				v.worker.busy.Store(true)
				v.wait(2 * time.Second)
				test.say(v.meta)
				v.wait(4 * time.Second)
				v.want("claims ended after", seconds(&v.worker.stopped), 5)
				<-v.ended
				v.want("released after", seconds(&v.worker.hurried), test.hurriedAt)
				v.want("error", v.err, nil)
				if !strings.Contains(v.scaling.did(), "complete") {
					t.Errorf("the hook was not completed: %s", v.scaling.did())
				}
			})
		})
	}
}

// TestTheGroupEndsTheInstance has the hook wait for the worker, and no longer.
func TestTheGroupEndsTheInstance(t *testing.T) {
	inBubble(t, Config{Grace: 100 * time.Second}, nil, func(v *visit) {
		v.worker.busy.Store(true)
		v.wait(12 * time.Second)
		v.meta.say(pathLifecycle, "Terminated")
		v.wait(60 * time.Second) // It is seen after 15.
		v.worker.finish()        // Within the grace, after 72.
		v.wait(0)
		v.want("claims ended after", seconds(&v.worker.stopped), 15)
		v.want("hurried after", seconds(&v.worker.hurried), never)
		v.want("over", v.over(), true)
		v.want("calls", v.scaling.did(), "1s protect, 40s heartbeat, 1m5s heartbeat, 1m12s complete")
	})
	inBubble(t, Config{Grace: 100 * time.Second}, nil, func(v *visit) {
		v.worker.busy.Store(true)
		v.wait(2 * time.Second)
		v.meta.say(pathLifecycle, "Warmed:Terminated")
		<-v.ended
		v.want("released after", seconds(&v.worker.hurried), 105)
	})
	inBubble(t, Config{}, nil, func(v *visit) {
		for _, state := range []string{"Standby", "Detached", "Warmed:Stopped", "InService"} {
			v.meta.say(pathLifecycle, state)
			v.wait(10 * time.Second)
		}
		v.want("claims ended after", seconds(&v.worker.stopped), never)
	})
}

// TestARebalanceRecommendationLetsJobsFinish has a job of an hour.
func TestARebalanceRecommendationLetsJobsFinish(t *testing.T) {
	inBubble(t, Config{Grace: 100 * time.Second}, nil, func(v *visit) {
		v.worker.busy.Store(true)
		v.wait(2 * time.Second)
		v.meta.say(pathRebalance, `{"noticeTime": "2020-10-27T08:22:00Z"}`)
		v.wait(time.Hour)
		v.want("claims ended after", seconds(&v.worker.stopped), 5)
		v.want("hurried after", seconds(&v.worker.hurried), never)
		v.worker.finish()
		v.wait(time.Second)
		v.want("calls", v.scaling.did(), "1s protect, 1h0m2s unprotect")
		v.want("over before the group takes it", v.over(), false)
		v.meta.say(pathLifecycle, "Terminated")
		v.wait(5 * time.Second)
		v.want("over", v.over(), true)
		v.want("calls", v.scaling.did(), "1s protect, 1h0m2s unprotect, 1h0m5s complete")
		v.want("error", v.err, nil)
	})
}

func TestANoticeAfterARebalanceRecommendation(t *testing.T) {
	inBubble(t, Config{Grace: 100 * time.Second}, nil, func(v *visit) {
		v.worker.busy.Store(true)
		v.wait(2 * time.Second)
		v.meta.say(pathRebalance, `{}`)
		v.wait(10 * time.Minute)
		v.meta.interrupt(2 * time.Minute)
		<-v.ended
		v.want("released after", seconds(&v.worker.hurried), 605+100)
	})
}

// TestAnInstanceThatNobodyTakesGoesOnWorking starts the process anew, which
// then passes the same recommendation over.
func TestAnInstanceThatNobodyTakesGoesOnWorking(t *testing.T) {
	inBubble(t, Config{Patience: 10 * time.Minute}, nil, func(v *visit) {
		v.wait(2 * time.Second)
		v.meta.say(pathRebalance, `{}`)
		<-v.ended
		v.want("not taken", errors.Is(v.err, ErrNotTaken), true)
		v.want("ended after", time.Since(v.worker.began), 10*time.Minute+5*time.Second)
	})
	inBubble(t, Config{}, func(v *visit) { v.meta.say(pathRebalance, `{}`) }, func(v *visit) {
		v.wait(time.Hour)
		v.want("claims ended after", seconds(&v.worker.stopped), never)
	})
	// A signal ends the wait.
	inBubble(t, Config{}, nil, func(v *visit) {
		v.wait(2 * time.Second)
		v.meta.say(pathRebalance, `{}`)
		v.wait(10 * time.Second)
		v.signal()
		v.wait(0)
		v.want("over", v.over(), true)
		v.want("error", v.err, nil)
	})
}

// TestASignalHasTheGrace is SIGTERM on EC2, where the guest times the grace,
// and a notice that comes meanwhile.
func TestASignalHasTheGrace(t *testing.T) {
	inBubble(t, Config{Grace: 100 * time.Second}, nil, func(v *visit) {
		v.worker.busy.Store(true)
		v.wait(2 * time.Second)
		v.signal()
		<-v.ended
		v.want("released after", seconds(&v.worker.hurried), 102)
		v.want("calls", v.scaling.did(), "1s protect, 1m42s unprotect")
	})
	inBubble(t, Config{Grace: 100 * time.Second}, nil, func(v *visit) {
		v.worker.busy.Store(true)
		v.wait(2 * time.Second)
		v.signal()
		v.wait(2 * time.Second)
		v.meta.interrupt(40 * time.Second)
		<-v.ended
		v.want("released after", seconds(&v.worker.hurried), 4+40-15)
	})
	// The signal comes second, and its grace is longer than the instance has.
	inBubble(t, Config{Grace: time.Hour}, nil, func(v *visit) {
		v.worker.busy.Store(true)
		v.wait(2 * time.Second)
		v.meta.interrupt(60 * time.Second)
		v.wait(10 * time.Second)
		v.signal()
		<-v.ended
		v.want("released after", seconds(&v.worker.hurried), 2+60-15)
	})
}

// TestMetadataThatFail are a service that is away for a while.
func TestMetadataThatFail(t *testing.T) {
	inBubble(t, Config{Grace: 10 * time.Second}, nil, func(v *visit) {
		v.wait(2 * time.Second)
		v.meta.fail(errThrottled)
		v.meta.interrupt(2 * time.Minute)
		v.wait(time.Minute)
		v.want("claims ended after", seconds(&v.worker.stopped), never)
		v.want("warnings", strings.Count(v.log.String(), "cannot be read"), 1)
		v.meta.fail(nil)
		v.wait(5 * time.Second)
		v.want("claims ended after", seconds(&v.worker.stopped), 65)
		v.want("told", strings.Count(v.log.String(), "can be read again"), 1)
	})
}

// TestAHookThatCannotBeCompleted is tried for some seconds and told of.
func TestAHookThatCannotBeCompleted(t *testing.T) {
	tries := 0
	inBubble(t, Config{}, func(v *visit) {
		v.scaling.refuse = func(call string) error {
			if call != "complete" {
				return nil
			}
			tries++
			if tries < 3 {
				return errThrottled
			}
			return nil
		}
	}, func(v *visit) {
		v.wait(2 * time.Second)
		v.meta.say(pathLifecycle, "Terminated")
		<-v.ended
		v.want("tries", tries, 3)
	})
	inBubble(t, Config{}, func(v *visit) { v.scaling.refuse = func(string) error { return errThrottled } }, func(v *visit) {
		v.wait(2 * time.Second)
		v.meta.say(pathLifecycle, "Terminated")
		<-v.ended
		if took := time.Since(v.worker.began); took > 21*time.Second {
			t.Errorf("it kept the process for %s", took)
		}
		v.want("told", strings.Count(v.log.String(), "stays until it runs out"), 1)
	})
}
