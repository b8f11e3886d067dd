package job

import "slices"

// State is where a job stands in the ledger.
type State string

// The states. None stands for "the ledger has no record" and is never stored.
const (
	None       State = ""
	Queued     State = "queued"
	Running    State = "running"
	Failed     State = "failed" // will be tried again
	Succeeded  State = "succeeded"
	Dead       State = "dead" // attempts used up, or an error that no retry can mend
	Cancelled  State = "cancelled"
	Superseded State = "superseded" // a newer object under the same key came first
)

// States lists every state that a record can have.
func States() []State {
	return []State{Queued, Running, Failed, Succeeded, Dead, Cancelled, Superseded}
}

// Final tells whether nothing more happens in this state by itself.
func (s State) Final() bool {
	switch s {
	case Succeeded, Dead, Cancelled, Superseded:
		return true
	default:
		return false
	}
}

// Revivable tells whether a retry can put a job in this state back to queued.
func (s State) Revivable() bool { return s == Dead || s == Cancelled }

var moves = map[State][]State{
	None:      {Queued, Running, Cancelled},
	Queued:    {Running, Cancelled},
	Running:   {Running, Queued, Failed, Succeeded, Dead, Cancelled, Superseded},
	Failed:    {Queued, Dead, Cancelled},
	Dead:      {Queued},
	Cancelled: {Queued},
}

// CanMove tells whether a record may go from one state to another. Renewing a
// lease is Running to Running.
func CanMove(from, to State) bool { return slices.Contains(moves[from], to) }
