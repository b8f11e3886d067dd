package fleet

import (
	"strings"
	"testing"
	"time"
)

// TestProtectionFollowsTheWorker looks at every call of a day's work.
func TestProtectionFollowsTheWorker(t *testing.T) {
	inBubble(t, Config{}, nil, func(v *visit) {
		v.wait(10500 * time.Millisecond)
		v.worker.busy.Store(true)
		v.wait(10 * time.Second) // 20
		// Jobs with short breaks between them: no call.
		for range 20 {
			v.worker.busy.Store(false)
			v.wait(20 * time.Second)
			v.worker.busy.Store(true)
			v.wait(10 * time.Second)
		} // 620
		v.worker.busy.Store(false)
		v.wait(time.Hour)
		v.want("calls", v.scaling.did(), "11s protect, 10m50s unprotect")
		v.worker.busy.Store(true)
		v.wait(2 * time.Second)
		v.worker.busy.Store(false)
		v.signal()
		v.wait(0)
		v.want("over", v.over(), true)
		if !strings.HasSuffix(v.scaling.did(), " unprotect") {
			t.Errorf("not given back: %s", v.scaling.did())
		}
	})
}

// TestProtectionOfAKilledProcessIsTakenOff has nothing to do and does not know
// what the group was told before.
func TestProtectionOfAKilledProcessIsTakenOff(t *testing.T) {
	inBubble(t, Config{}, nil, func(v *visit) {
		v.wait(time.Hour)
		v.want("calls", v.scaling.did(), "30s unprotect")
		v.signal()
		<-v.ended
		v.want("calls", v.scaling.did(), "30s unprotect")
	})
}

// TestThrottledProtectionIsTriedAgain refuses every call for ten minutes; the
// worker goes on, stops in time and is not held up.
func TestThrottledProtectionIsTriedAgain(t *testing.T) {
	inBubble(t, Config{}, func(v *visit) {
		v.scaling.refuse = func(string) error {
			if time.Since(v.scaling.began) < 10*time.Minute {
				return errThrottled
			}
			return nil
		}
	}, func(v *visit) {
		v.worker.busy.Store(true)
		v.wait(9*time.Minute + 59*time.Second)
		refused := strings.Count(v.scaling.did(), "refused")
		if refused < 10 || refused > 25 {
			t.Errorf("%d tries in ten minutes: %s", refused, v.scaling.did())
		}
		v.want("warnings", strings.Count(v.log.String(), "could not be set"), 1)
		v.wait(2 * time.Minute)
		if !strings.HasSuffix(v.scaling.did(), " protect") || strings.Count(v.scaling.did(), " protect") != refused+1 {
			t.Errorf("not protected once it could be: %s", v.scaling.did())
		}
	})
	// A call that cannot be made at the end is told of and keeps nobody.
	inBubble(t, Config{}, func(v *visit) { v.scaling.refuse = func(string) error { return errThrottled } }, func(v *visit) {
		v.wait(time.Second)
		v.signal()
		<-v.ended
		if took := time.Since(v.worker.began); took > 7*time.Second {
			t.Errorf("it kept the process for %s", took)
		}
		v.want("told", strings.Count(v.log.String(), "is left on"), 1)
	})
}
