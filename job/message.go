package job

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Message is one delivery of a queued message.
type Message struct {
	ID   string
	Body []byte
	// Receipt names this delivery; a later delivery of the message has another.
	Receipt string
	// Received counts the deliveries, this one included.
	Received int
}

// Outgoing is a message to send.
type Outgoing struct {
	Body []byte
	// Delay is how long the message stays hidden: 0 to 15 minutes.
	Delay time.Duration
}

// LetterType tells our own messages apart.
type LetterType string

// Our own messages. A timer lies in the in-progress queue; a requeue and a
// retry in the work queue; the dead-letter queue holds retries and, as they
// came, bodies that could not be read.
const (
	TimerLetter   LetterType = "timer"
	RequeueLetter LetterType = "requeue"
	RetryLetter   LetterType = "retry"
	// UnreadableLetter wraps, in the dead-letter queue, a body that nobody could read.
	UnreadableLetter LetterType = "unreadable"
)

// Letter is the body of our own messages, as JSON.
type Letter struct {
	Type    LetterType `json:"motionmill"`
	Job     string     `json:"job,omitempty"`
	Profile string     `json:"profile,omitempty"`
	Source  *Source    `json:"source,omitempty"`
	// Fence is, in a timer, that of its claim; in a retry, that of the final
	// record which it is to revive; in a requeue, that of the record when the
	// job was queued.
	Fence int64 `json:"fence,omitempty"`
	// Weight is the number of units that a requeued job is known to need.
	Weight int `json:"weight,omitempty"`
	// SentAt is when a timer was sent, for the limit of retention.
	SentAt time.Time `json:"sent_at,omitzero"`
	// Request is, in a retry, the id of the API's request that asks for it.
	Request string `json:"request,omitempty"`
	// Reason tells people why a message lies in the dead-letter queue.
	Reason string `json:"reason,omitempty"`
	// Body is, in an unreadable letter, the body as it came.
	Body string `json:"body,omitempty"`
}

// Encode returns the letter as a message body.
func (l Letter) Encode() []byte {
	body, err := json.Marshal(l)
	if err != nil { // Every field is of a type that JSON can hold.
		panic(fmt.Sprintf("encode letter: %v", err))
	}
	// JSON may hold these two as they are, a queue may not (XML 1.0 has no way to
	// write them); an object's key may have them.
	body = bytes.ReplaceAll(body, []byte("\uFFFE"), []byte(`\ufffe`))
	return bytes.ReplaceAll(body, []byte("\uFFFF"), []byte(`\uffff`))
}

// Notice is what a message on the work queue turned out to say.
type Notice struct {
	// Orders holds the sources that it announces, in order; several records of
	// one notification give several. A requeue gives one.
	Orders []Order
	// Retry is set for a retry message: the job and the fence that it revives.
	Retry *Letter
	// Ignored says why there is nothing to do (a test event, an object of our
	// own making); empty otherwise. The message is then deleted.
	Ignored string
}

// Order asks for one job.
type Order struct {
	Source  Source
	Profile string
	// Weight is known when the order was given back before; else 0.
	Weight int
	// Fence is, in a requeue, that of the record when the job was queued: the
	// order is of no use once the ledger is past it. 0 is unknown.
	Fence int64
	// At is when the event says that the object came; zero is unknown.
	At time.Time
}

// ID returns the identity of the job that the order asks for.
func (o Order) ID() string { return ID(o.Source, o.Profile) }
