package job

import (
	"fmt"
	"time"
)

// Record is a job as the ledger holds it: the one truth about its state.
type Record struct {
	ID      string `json:"id"`
	Profile string `json:"profile"`
	Source  Source `json:"source"`
	State   State  `json:"state"`
	// Fence grows by one with every claim; whoever holds an older one has lost.
	Fence int64 `json:"fence"`
	// Attempt counts the tries that were charged, from 1 in the first run.
	Attempt int `json:"attempt"`
	// Owner is the token of the claim that holds the job.
	Owner string `json:"owner,omitempty"`
	// LeaseUntil is when the claim ends unless renewed, by the ledger's clock.
	LeaseUntil time.Time `json:"lease_until,omitzero"`
	// DueAt is when a failed job may be tried again, by the ledger's clock.
	DueAt time.Time `json:"due_at,omitzero"`
	// Weight is the number of units that the last probe asked for; 0 is unknown.
	Weight   int       `json:"weight,omitempty"`
	Progress Progress  `json:"progress,omitzero"`
	Error    *Failure  `json:"error,omitempty"`
	History  []Attempt `json:"history,omitempty"`
	// Manifest is the key of the committed attempt's manifest in the outputs bucket.
	Manifest string `json:"manifest,omitempty"`
	// Request is the id of the API's request that brought the source, once an
	// attempt has read it; Asked that of the one that last cancelled or retried
	// the job. Sources that came another way have none.
	Request string `json:"request,omitempty"`
	Asked   string `json:"asked,omitempty"`
	// Announced tells that everyone who is to learn of the final state has.
	Announced bool      `json:"announced,omitempty"`
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
	// ReadAt is the ledger's own clock when it answered; it is not stored.
	ReadAt time.Time `json:"-"`
}

// Progress tells how far the running attempt is.
type Progress struct {
	Step  string `json:"step,omitempty"`
	Done  int64  `json:"done"`
	Total int64  `json:"total"`
	// FPS is frames a second, averaged since the step began.
	FPS float64 `json:"fps"`
	// ETASeconds is the estimated rest of the whole attempt; negative is unknown.
	ETASeconds float64 `json:"eta_s"`
	// Fraction is the part of the whole attempt that is done, 0 to 1; it never
	// goes back.
	Fraction float64 `json:"fraction"`
}

// Failure is why an attempt ended badly.
type Failure struct {
	Kind    Kind   `json:"kind"`
	Message string `json:"message"`
	// Stderr holds the last lines of the child process that failed.
	Stderr []string `json:"stderr,omitempty"`
	// Stack is the Go stack of a panic.
	Stack string `json:"stack,omitempty"`
}

// Attempt is one try in a job's history.
type Attempt struct {
	Fence     int64     `json:"fence"`
	Worker    string    `json:"worker"`
	StartedAt time.Time `json:"started_at,omitzero"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
	// Outcome is the state that the attempt led to, "released" when its worker
	// gave it back uncharged, or "lost" when its lease ran out; empty while it runs.
	Outcome string   `json:"outcome,omitempty"`
	Error   *Failure `json:"error,omitempty"`
}

// Condition is what must hold of the stored record for a write to happen.
type Condition struct {
	// Fence must equal the stored fence; no record counts as 0.
	Fence int64
	// States holds the allowed stored states; None allows that there is no record.
	States []State
	// LeaseUntil, when not zero, must equal the stored end of the lease.
	LeaseUntil time.Time
}

// String describes c in errors and logs.
func (c Condition) String() string {
	text := fmt.Sprintf("fence=%d state in %q", c.Fence, c.States)
	if !c.LeaseUntil.IsZero() {
		text += " lease_until=" + c.LeaseUntil.Format(time.RFC3339Nano)
	}
	return text
}

// Met tells whether stored (the zero Record for none) satisfies c. Ledgers
// that cannot express a condition in their own language use it in a transaction.
func (c Condition) Met(stored Record) bool {
	if stored.Fence != c.Fence {
		return false
	}
	if !c.LeaseUntil.IsZero() && !c.LeaseUntil.Equal(stored.LeaseUntil) {
		return false
	}
	for _, s := range c.States {
		if s == stored.State {
			return true
		}
	}
	return false
}

// HighWater is the newest version of a key that anyone has told the ledger of.
type HighWater struct {
	Sequencer string `json:"sequencer"`
	// Job is the ID of the job of that version, under the profile it came with.
	Job string `json:"job"`
}

// Filter selects records for a list; empty fields select all.
type Filter struct {
	States  []State
	Profile string
	Bucket  string
	Key     string
	// KeyPrefix is what the object's key begins with.
	KeyPrefix string
}

// Hooks is what a running attempt may call back.
type Hooks struct {
	// Weigh tells the number of units that the job needs, once the probe knows.
	// It returns when they are held, or with an error when the attempt is to
	// stop: ErrNoRoom when another worker is to have the job.
	Weigh func(units int) error
	// Report tells the progress; it is cheap and may be called for each frame.
	Report func(Progress)
	// Trace, which may be nil, tells the id of the request that brought the
	// source, once that is known, and the traceparent of its span, if it has one.
	Trace func(request, parent string)
}
