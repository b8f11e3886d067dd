package worker_test

import (
	"fmt"
	"slices"

	"github.com/motionmill/motionmill/job"
)

// The sides of a point.
const (
	before = "before"
	after  = "after"
	// meanwhile is before, with the other worker still running the job when the
	// stopped one goes on: the fence alone tells the two apart then.
	meanwhile = "meanwhile"
)

// outcome is how the jobs of a lane must end after a crash.
type outcome struct {
	state job.State
	// attempts is what each job was charged in the end.
	attempts []int
	// letters is the number of messages in the dead-letter queue.
	letters int
}

func (o outcome) String() string {
	if len(o.attempts) == 0 {
		return fmt.Sprintf("set aside ×%d", o.letters)
	}
	text := fmt.Sprintf("%s, charged", o.state)
	if !slices.ContainsFunc(o.attempts, func(n int) bool { return n != o.attempts[0] }) {
		text += fmt.Sprintf(" %d", o.attempts[0])
	} else {
		text += fmt.Sprintf(" %v", o.attempts)
	}
	if o.letters > 0 {
		text += fmt.Sprintf(", letters %d", o.letters)
	}
	return text
}

// point is one step of the protocol: the call that makes it, the story in which
// it is reached, and how the story must end when the process dies there.
type point struct {
	name, does string
	call       string
	nth        int // which of these calls it is; 0 and 1 are the first
	story      string
	before     outcome
	after      outcome
	// frozen is how it ends when the process is stopped before the step, goes on
	// after another worker has finished the job, and then makes the step; nil
	// where that is not tried.
	frozen *outcome
	// refused is the write that a process which was stopped must fail with.
	refused string
	// contested points are tried once more with the other worker still at it.
	contested bool
}

func (p point) side(s string) outcome {
	if s == before {
		return p.before
	}
	return p.after
}

func done(attempts ...int) outcome { return outcome{state: job.Succeeded, attempts: attempts} }

func dead(attempt, letters int) outcome {
	return outcome{state: job.Dead, attempts: []int{attempt}, letters: letters}
}

func ended(state job.State, attempt int) outcome {
	return outcome{state: state, attempts: []int{attempt}}
}

func aside(letters int) outcome { return outcome{letters: letters} }

func also(o outcome) *outcome { return &o }

// points lists the steps of the protocol in the order of the design: the
// claim, the run, the commit, the failure, the release, the sweep.
func points() []point {
	return slices.Concat(claimPoints(), runPoints(), sweepPoints())
}

func claimPoints() []point {
	return []point{
		{name: "claim.receive", does: "1. receive from the work queue", call: "claim work receive", story: "upload", before: done(1), after: done(1)},
		{name: "claim.read", does: "3. read the ledger", call: "claim get", story: "upload", before: done(1), after: done(1), frozen: also(done(1))},
		{name: "claim.timer", does: "4. send the timer", call: "claim in-progress send", story: "upload", before: done(1), after: done(1), frozen: also(done(1))},
		{name: "claim.write", does: "5. claim by a conditional write", call: "claim put running", story: "upload", before: done(1), after: done(2),
			frozen: also(done(1)), refused: "running"},
		{name: "claim.delete", does: "6. delete the message", call: "claim work delete", story: "long", before: done(2), after: done(2), frozen: also(done(2))},
		{name: "batch.timer", does: "4. send the timers of three", call: "claim in-progress send", story: "batch", before: done(1, 1, 1), after: done(1, 1, 1)},
		{name: "batch.write", does: "5. claim the second of three", call: "claim put running", nth: 2, story: "batch", before: done(2, 1, 1), after: done(2, 2, 1)},
		{name: "batch.delete", does: "6. delete the messages of three", call: "claim work delete", story: "batch", before: done(2, 2, 2), after: done(2, 2, 2)},
		{name: "split.send", does: "2. a message for each of three records", call: "claim work send", story: "split", before: done(1, 1, 1), after: done(1, 1, 1),
			frozen: also(done(1, 1, 1))},
		{name: "split.delete", does: "2. delete the notification", call: "claim work delete", story: "split", before: done(1, 1, 1), after: done(1, 1, 1)},
		{name: "aside.send", does: "2. set aside what cannot be read", call: "claim dead-letter send", story: "unreadable", before: aside(1), after: aside(2)},
		{name: "aside.delete", does: "2. delete what cannot be read", call: "claim work delete", story: "unreadable", before: aside(2), after: aside(1)},
		{name: "poison.send", does: "2. received 50 times: set it aside", call: "claim dead-letter send", story: "poison", before: aside(1), after: aside(2)},
		{name: "poison.delete", does: "2. received 50 times: delete it", call: "claim work delete", story: "poison", before: aside(2), after: aside(1)},
		{name: "giveback.hide", does: "2. give back what has no room", call: "claim work hide", story: "no room", before: done(1, 1), after: done(1, 1)},
		{name: "giveback.send", does: "2. given back for the 25th time: send it anew", call: "claim work send", story: "no room again", before: done(1, 1), after: done(1, 1)},
		{name: "giveback.delete", does: "2. … delete the old one", call: "claim work delete", story: "no room again", before: done(1, 1), after: done(1, 1)},
		{name: "requeue.delete", does: "3. row queued at a newer fence than the requeue's: delete it", call: "claim work delete", story: "older requeue",
			before: done(1), after: done(1)},
		{name: "retry.revive", does: "3. row dead: write queued, fence + 1", call: "claim put queued", story: "retry", before: done(1), after: done(1),
			frozen: also(done(1)), refused: "queued"},
		{name: "retry.cancelled", does: "3. row cancelled: write queued, fence + 1", call: "claim put queued", story: "retry cancelled", before: done(1), after: done(1)},
		{name: "retry.write", does: "5. claim the revived job", call: "claim put running", story: "retry", before: done(1), after: done(2)},
		{name: "final.announce", does: "3. row final: announce", call: "claim announce", story: "unannounced message", before: done(1), after: done(1)},
		{name: "final.mark", does: "3. row final: mark announced", call: "claim put announced", story: "unannounced message", before: done(1), after: done(1)},
		{name: "final.delete", does: "3. row final: delete the message", call: "claim work delete", story: "unannounced message", before: done(1), after: done(1)},
		{name: "duplicate.delete", does: "3. row running: delete the message", call: "claim work delete", story: "duplicate", before: done(2), after: done(2)},
	}
}

func runPoints() []point {
	return []point{
		{name: "run.high-water", does: "note the version of the key", call: "run high-water", story: "upload", before: done(2), after: done(2)},
		{name: "run.renew", does: "renew the lease", call: "run put running", story: "long", before: done(2), after: done(2), frozen: also(done(2)),
			contested: true},
		{name: "run.work", does: "the work itself", call: "run work", story: "upload", before: done(2), after: done(2), frozen: also(done(2))},
		{name: "run.manifest", does: "write the attempt's manifest", call: "run manifest", story: "upload", before: done(2), after: done(2), frozen: also(done(2))},
		{name: "commit.write", does: "write succeeded", call: "run put succeeded", story: "upload", before: done(2), after: done(1),
			frozen: also(done(2)), refused: "succeeded", contested: true},
		{name: "commit.read", does: "read what was written", call: "run get", story: "upload", before: done(1), after: done(1)},
		{name: "commit.announce", does: "announce", call: "run announce", story: "upload", before: done(1), after: done(1), frozen: also(done(1))},
		{name: "commit.publish", does: "the stable manifest appears", call: "run publish", story: "upload", before: done(1), after: done(1), frozen: also(done(1))},
		{name: "commit.mark", does: "mark announced", call: "run put announced", story: "upload", before: done(1), after: done(1), frozen: also(done(1))},
		{name: "failure.write", does: "write failed", call: "run put failed", story: "fails once", before: done(2), after: done(2),
			frozen: also(done(2)), refused: "failed", contested: true},
		{name: "dead.write", does: "permanent: write dead", call: "run put dead", story: "hopeless", before: dead(2, 1), after: dead(1, 1),
			frozen: also(dead(2, 1)), refused: "dead", contested: true},
		{name: "dead.announce", does: "permanent: announce", call: "run announce", story: "hopeless", before: dead(1, 1), after: dead(1, 1)},
		{name: "dead.letter", does: "permanent: send to the dead-letter queue", call: "run dead-letter send", story: "hopeless", before: dead(1, 1), after: dead(1, 2),
			frozen: also(dead(1, 2))},
		{name: "dead.mark", does: "permanent: mark announced", call: "run put announced", story: "hopeless", before: dead(1, 2), after: dead(1, 1)},
		{name: "superseded.write", does: "a newer version is known: write superseded", call: "run put superseded", story: "superseded",
			before: ended(job.Superseded, 2), after: ended(job.Superseded, 1)},
		{name: "superseded.mark", does: "mark announced", call: "run put announced", story: "superseded", before: ended(job.Superseded, 1), after: ended(job.Superseded, 1)},
		{name: "cancel.announce", does: "cancelled while it runs: announce", call: "run announce", story: "cancelled",
			before: ended(job.Cancelled, 1), after: ended(job.Cancelled, 1)},
		{name: "cancel.mark", does: "cancelled while it runs: mark announced", call: "run put announced", story: "cancelled",
			before: ended(job.Cancelled, 1), after: ended(job.Cancelled, 1)},
		{name: "release.write", does: "SIGTERM: write queued, uncharged", call: "run put queued", story: "stopping", before: done(2), after: done(1),
			frozen: also(done(2)), refused: "queued", contested: true},
		{name: "release.send", does: "SIGTERM: send the message", call: "run work send", story: "stopping", before: done(1), after: done(1), frozen: also(done(1))},
	}
}

func sweepPoints() []point {
	return []point{
		{name: "sweep.receive", does: "receive timers", call: "sweep in-progress receive", story: "lease over", before: done(2), after: done(2)},
		{name: "sweep.read", does: "read the ledger", call: "sweep get", story: "lease over", before: done(2), after: done(2), frozen: also(done(2))},
		{name: "sweep.own", does: "a job of this process: hide the timer", call: "sweep in-progress hide", story: "long", before: done(2), after: done(2)},
		{name: "sweep.newer", does: "row newer fence: delete the timer", call: "sweep in-progress delete", story: "newer fence", before: done(2), after: done(2)},
		{name: "sweep.unclaimed", does: "row claim not made: hide", call: "sweep in-progress hide", story: "unclaimed", before: done(1), after: done(1)},
		{name: "sweep.live", does: "row lease live: hide", call: "sweep in-progress hide", story: "lease live", before: done(2), after: done(2)},
		{name: "sweep.end", does: "row lease over: write failed", call: "sweep put failed", story: "lease over", before: done(2), after: done(2),
			frozen: also(done(2)), refused: "failed"},
		{name: "sweep.dead", does: "row attempts used up: write dead", call: "sweep put dead", story: "last attempt lost", before: dead(3, 1), after: dead(3, 1),
			frozen: also(dead(3, 1)), refused: "dead"},
		{name: "sweep.dead-announce", does: "… announce", call: "sweep announce", story: "last attempt lost", before: dead(3, 1), after: dead(3, 1)},
		{name: "sweep.dead-letter", does: "… send to the dead-letter queue", call: "sweep dead-letter send", story: "last attempt lost", before: dead(3, 1), after: dead(3, 2)},
		{name: "sweep.dead-mark", does: "… mark announced", call: "sweep put announced", story: "last attempt lost", before: dead(3, 2), after: dead(3, 1)},
		{name: "sweep.dead-delete", does: "… delete the timer", call: "sweep in-progress delete", story: "last attempt lost", before: dead(3, 1), after: dead(3, 1)},
		{name: "sweep.waits", does: "row failed, not due: hide", call: "sweep in-progress hide", story: "not due", before: done(2), after: done(2)},
		{name: "sweep.requeue", does: "row failed and due: write queued", call: "sweep put queued", story: "due", before: done(2), after: done(2),
			frozen: also(done(2)), refused: "queued"},
		{name: "sweep.requeue-send", does: "… send the message", call: "sweep work send", story: "due", before: done(2), after: done(2), frozen: also(done(2))},
		{name: "sweep.requeue-delete", does: "… delete the timer", call: "sweep in-progress delete", story: "due", before: done(2), after: done(2), frozen: also(done(2))},
		{name: "sweep.queued-send", does: "row queued: send the message", call: "sweep work send", story: "queued", before: done(1), after: done(1), frozen: also(done(1))},
		{name: "sweep.queued-delete", does: "… delete the timer", call: "sweep in-progress delete", story: "queued", before: done(1), after: done(1)},
		{name: "sweep.announce", does: "row final, not announced: announce", call: "sweep announce", story: "unannounced timer", before: done(1), after: done(1),
			frozen: also(done(1))},
		{name: "sweep.publish", does: "… the stable manifest appears", call: "sweep publish", story: "unannounced timer", before: done(1), after: done(1)},
		{name: "sweep.mark", does: "… mark announced", call: "sweep put announced", story: "unannounced timer", before: done(1), after: done(1)},
		{name: "sweep.announced-delete", does: "… delete the timer", call: "sweep in-progress delete", story: "unannounced timer", before: done(1), after: done(1)},
		{name: "sweep.final", does: "row final: delete the timer", call: "sweep in-progress delete", story: "announced", before: done(1), after: done(1)},
		{name: "sweep.aside-send", does: "not a timer: set it aside", call: "sweep dead-letter send", story: "not a timer", before: aside(1), after: aside(2)},
		{name: "sweep.aside-delete", does: "… delete it", call: "sweep in-progress delete", story: "not a timer", before: aside(2), after: aside(1)},
		{name: "sweep.anew-send", does: "a timer older than a week: send it anew", call: "sweep in-progress send", story: "old timer", before: done(2), after: done(2)},
		{name: "sweep.anew-delete", does: "… delete the old one", call: "sweep in-progress delete", story: "old timer", before: done(2), after: done(2)},
	}
}

func pointNamed(name string) (point, error) {
	for _, p := range points() {
		if p.name == name {
			return p, nil
		}
	}
	return point{}, fmt.Errorf("there is no crash point %q", name)
}
