package notice

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/motionmill/motionmill/job"
)

const (
	// giveUpAfter is how long a delivery is tried.
	giveUpAfter = 24 * time.Hour
	// tryWithin bounds one try: connecting, sending, and the answer.
	tryWithin = 15 * time.Second
	// holdFor is how long a try keeps others from the delivery; a process that
	// dies in it leaves the delivery to them after that.
	holdFor = time.Minute
	// The pauses between tries have full jitter below a ceiling that doubles.
	firstPause, longestPause = 10 * time.Second, time.Hour
	// leastPause is between any two tries.
	leastPause = time.Second
	// maxAnswer is how much of an answer is read, in bytes; it is thrown away.
	maxAnswer = 64 << 10
)

// Outcomes of a try.
const (
	outcomeDelivered = "delivered"
	outcomeFailed    = "failed"
	outcomeDead      = "dead"
)

// answer is what came of a try.
type answer struct {
	status int // 0 without an answer
	// after is the least pause that the endpoint asks for.
	after time.Duration
	err   error // nil when it was taken
}

// deliver tries one delivery once: it holds it, sends it, and writes what came
// of that. A document that is not as it was listed is another process's.
func (d *Deliverer) deliver(ctx context.Context, to Endpoint, name, tag string) error {
	text, err := d.cfg.Box.Read(ctx, name)
	if err != nil {
		if job.KindOf(err) == job.SourceGone {
			return nil
		}
		return err
	}
	doc, err := decode(name, text)
	if err != nil {
		return err
	}
	if time.Now().Before(doc.DueAt) {
		return nil
	}
	doc.DueAt = time.Now().UTC().Add(holdFor)
	tag, ok, err := d.cfg.Box.Write(ctx, name, tag, doc.encode())
	if err != nil || !ok {
		return err
	}
	got := d.send(ctx, to, doc)
	if ctx.Err() != nil && got.err != nil {
		return ctx.Err() // Nobody knows whether it came; it is sent again.
	}
	// What came of it is written although the process is to end.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tryWithin)
	defer cancel()
	if got.err == nil {
		return d.delivered(ctx, name, doc)
	}
	return d.failed(ctx, name, tag, doc, got)
}

// delivered removes a delivery, and what tells that it was dead once.
func (d *Deliverer) delivered(ctx context.Context, name string, doc document) error {
	d.count(outcomeDelivered)
	d.cfg.Logger.InfoContext(ctx, "webhook delivered", "delivery", doc.ID, "job", doc.Record.ID, "tries", doc.Tries+1)
	if doc.Again {
		if err := d.cfg.Box.Remove(ctx, deadFolder+doc.ID); err != nil {
			return err
		}
	}
	return d.cfg.Box.Remove(ctx, name)
}

// failed puts a delivery off, or buries it when its day is over or its
// endpoint wants no more.
func (d *Deliverer) failed(ctx context.Context, name, tag string, doc document, got answer) error {
	now := time.Now().UTC()
	doc.Tries++
	doc.TriedAt, doc.Status, doc.Error = now, got.status, got.err.Error()
	doc.DueAt = now.Add(max(pauseAfter(doc.Tries), min(got.after, longestPause)))
	if got.status == http.StatusGone || doc.DueAt.Sub(doc.Since) >= giveUpAfter {
		return d.bury(ctx, name, doc)
	}
	d.count(outcomeFailed)
	d.cfg.Logger.InfoContext(ctx, "webhook not delivered", "delivery", doc.ID, "job", doc.Record.ID, "tries", doc.Tries, "due", doc.DueAt, "error", got.err)
	_, ok, err := d.cfg.Box.Write(ctx, name, tag, doc.encode())
	if err == nil && !ok {
		return fmt.Errorf("note the try of %s: another process holds it: the endpoint took longer than %v", doc.ID, holdFor)
	}
	return err
}

// bury leaves a delivery to people.
func (d *Deliverer) bury(ctx context.Context, name string, doc document) error {
	d.count(outcomeDead)
	d.cfg.Logger.ErrorContext(ctx, "webhook given up", "delivery", doc.ID, "job", doc.Record.ID, "tries", doc.Tries, "status", doc.Status, "error", doc.Error)
	if doc.Again { // What it was dead of before is told no more.
		if err := d.cfg.Box.Remove(ctx, deadFolder+doc.ID); err != nil {
			return err
		}
	}
	if _, _, err := d.cfg.Box.Write(ctx, deadFolder+doc.ID, "", doc.encode()); err != nil {
		return err
	}
	return d.cfg.Box.Remove(ctx, name)
}

// orphaned buries a delivery whose endpoint is no setting of anybody.
func (d *Deliverer) orphaned(ctx context.Context, name string) error {
	text, err := d.cfg.Box.Read(ctx, name)
	if err != nil {
		return err
	}
	doc, err := decode(name, text)
	if err != nil {
		return err
	}
	doc.Error = "the endpoint is none of those that are set"
	return d.bury(ctx, name, doc)
}

func (d *Deliverer) count(outcome string) {
	if d.cfg.Tried != nil {
		d.cfg.Tried(outcome)
	}
}

// pauseAfter gives the pause after some tries: full jitter, as the worker's.
func pauseAfter(tries int) time.Duration {
	ceiling := longestPause
	if shift := max(tries-1, 0); shift < 16 {
		ceiling = min(firstPause<<shift, longestPause)
	}
	return max(rand.N(ceiling), leastPause)
}

// send makes the request.
func (d *Deliverer) send(ctx context.Context, to Endpoint, doc document) answer {
	ctx, cancel := context.WithTimeout(ctx, tryWithin)
	defer cancel()
	body, err := d.cfg.Render(ctx, doc.Record)
	if err != nil {
		return answer{err: fmt.Errorf("show the job: %w", err)}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL.String(), bytes.NewReader(body))
	if err != nil {
		return answer{err: errors.New("make the request: the address cannot be used")}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Motionmill")
	req.Header.Set(DeliveryHeader, doc.ID)
	req.Header.Set(SignatureHeader, Sign(d.cfg.Secrets, time.Now(), body))
	resp, err := d.client.Do(req)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err // Its text repeats the whole address, tokens included.
		}
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("the endpoint did not answer within %v", tryWithin)
		}
		return answer{err: err}
	}
	defer func() { _ = resp.Body.Close() }()                         // It was only read.
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)) // Its status has said all.
	return judge(resp)
}

// judge reads an answer: any of the 200s is a receipt.
func judge(resp *http.Response) answer {
	got := answer{status: resp.StatusCode}
	switch {
	case resp.StatusCode/100 == 2:
		return got
	case resp.StatusCode/100 == 3:
		got.err = fmt.Errorf("the endpoint answered %s; redirects are not followed: set the address that it leads to", resp.Status)
	case resp.StatusCode == http.StatusGone:
		got.err = fmt.Errorf("the endpoint answered %s: it wants no more", resp.Status)
	default:
		got.err = fmt.Errorf("the endpoint answered %s", resp.Status)
	}
	got.after = retryAfter(resp.Header)
	return got
}

// retryAfter is the pause that an answer asks for, in seconds or as the time
// when it ends (RFC 9110, 10.2.3); 0 where it asks for none.
func retryAfter(head http.Header) time.Duration {
	text := head.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil {
		return min(time.Duration(max(seconds, 0)), longestPause/time.Second) * time.Second
	}
	ends, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(time.Until(ends), 0), longestPause)
}
