package ledger

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// dateResolution is what the Date of a reply is cut to.
const dateResolution = time.Second

// serverClock tells the server's time by the Dates of its replies, and between
// them by the process's monotonic clock.
//
// A reply made at the server's time t carries a Date in (t - 1 s, t]. So each
// Date, with what has passed since its reply came, is a lower bound of the time
// now; the highest bound is the best, and is never ahead. A reply is also an
// upper bound, a second and its round trip later, which keeps a process whose
// own clock runs fast from gathering the error.
type serverClock struct {
	log *slog.Logger

	mu     sync.Mutex
	base   time.Time // the server's time at
	at     time.Time // this reading of our own clock; zero before the first reply
	told   bool      // a reply had a Date
	warned bool
}

// observe takes in a reply that was asked for at sent and came at received,
// and returns the server's time as it came. A zero date is none.
func (c *serverClock) observe(date, sent, received time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	estimate := c.base.Add(received.Sub(c.at))
	latest := date.Add(dateResolution + received.Sub(sent))
	switch {
	case date.IsZero() && c.told: // What was told before still counts.
	case date.IsZero():
		estimate = received.Round(0).UTC()
		if !c.warned {
			c.log.Warn("the ledger's replies carry no Date: leases are compared with this machine's clock, which must be right")
			c.warned = true
		}
	case !c.told || estimate.Before(date):
		estimate, c.told = date, true
	case estimate.After(latest):
		estimate = latest
	}
	c.base, c.at = estimate, received
	return estimate
}

// now is the server's time, in UTC; before any reply, that of our own clock.
func (c *serverClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() {
		return time.Now().Round(0).UTC()
	}
	return c.base.Add(time.Since(c.at))
}

// known tells whether any reply has come.
func (c *serverClock) known() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.at.IsZero()
}

// answeredKey finds, in the metadata of a result, the server's time of its reply.
type answeredKey struct{}

// answered tells the server's time of the reply that a result came by.
func (c *serverClock) answered(metadata middleware.Metadata) time.Time {
	if at, ok := metadata.Get(answeredKey{}).(time.Time); ok {
		return at
	}
	return c.now()
}

// attach has the clock see every reply of a client, tries that fail as well.
func (c *serverClock) attach(stack *middleware.Stack) error {
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("LedgerClock", c.see), middleware.After)
}

func (c *serverClock) see(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
	middleware.DeserializeOutput, middleware.Metadata, error,
) {
	sent := time.Now()
	out, metadata, err := next.HandleDeserialize(ctx, in)
	reply, ok := out.RawResponse.(*smithyhttp.Response)
	if !ok || reply == nil || reply.Response == nil || reply.StatusCode == 0 {
		return out, metadata, err // None came. The SDK puts an empty one in the place of none.
	}
	// A Date that cannot be read is zero, hence as good as none.
	date, _ := http.ParseTime(reply.Header.Get("Date"))
	metadata.Set(answeredKey{}, c.observe(date.UTC(), sent, time.Now()))
	return out, metadata, err
}
