package ledger_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/ledger"
)

// canned gives a ledger whose requests are all answered by reply.
func canned(t *testing.T, log io.Writer, reply wire) *ledger.Dynamo {
	t.Helper()
	return newDynamo(t, ledger.DynamoConfig{Table: "ledger-of-prod", Logger: slog.New(slog.NewTextHandler(log, nil)), AWS: &aws.Config{
		Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""), HTTPClient: reply,
	}})
}

// empty is the reply to a read that finds nothing; a zero date is left out.
func empty(r *http.Request, date time.Time) *http.Response {
	reply := answer(r, http.StatusOK, "", "")
	reply.Body, reply.ContentLength = io.NopCloser(strings.NewReader("{}")), 2
	reply.Header.Del("Date")
	if !date.IsZero() {
		reply.Header.Set("Date", date.UTC().Format(http.TimeFormat))
	}
	return reply
}

// TestDynamoClockIsTheServers lets a server be half an hour ahead of us, which
// answers at any moments of its seconds: what the ledger tells is never ahead of
// it, at most a second behind, and never goes back.
func TestDynamoClockIsTheServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		const ahead = 30*time.Minute + 700*time.Millisecond
		l := canned(t, &log, func(r *http.Request) (*http.Response, error) {
			time.Sleep(20 * time.Millisecond)
			return empty(r, time.Now().Add(ahead)), nil
		})
		var last time.Time
		var worst time.Duration
		for i := range 200 {
			r := mustGet(t, l, "a")
			behind := time.Now().Add(ahead).Sub(r.ReadAt)
			if behind < 0 || behind > time.Second {
				t.Fatalf("read %d: the ledger is %s behind the server", i, behind)
			}
			if r.ReadAt.Before(last) {
				t.Fatalf("read %d: the clock went from %s back to %s", i, last, r.ReadAt)
			}
			if r.ReadAt.Location() != time.UTC {
				t.Fatalf("read %d: the time is not in UTC: %s", i, r.ReadAt)
			}
			last, worst = r.ReadAt, behind
			time.Sleep(time.Duration(i*37%1100) * time.Millisecond)
		}
		if worst > 200*time.Millisecond {
			t.Errorf("after 200 replies it is still %s behind", worst)
		}
		if log.Len() > 0 {
			t.Errorf("it complained: %s", &log)
		}
	})
}

// TestDynamoClockFollowsTheServer lets our own clock run twice as fast as the
// server's, and the server's be set back: neither stays with us.
func TestDynamoClockFollowsTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, offset := time.Now(), time.Hour
		server := func() time.Time { return start.Add(offset + time.Since(start)/2) }
		l := canned(t, io.Discard, func(r *http.Request) (*http.Response, error) { return empty(r, server()), nil })
		for i := range 100 {
			if i == 50 {
				offset = 10 * time.Minute
			}
			if off := mustGet(t, l, "a").ReadAt.Sub(server()); off.Abs() > time.Second {
				t.Fatalf("read %d: the ledger differs from the server by %s", i, off)
			}
			time.Sleep(time.Minute + 300*time.Millisecond)
		}
	})
}

func TestDynamoClockWithoutADate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		date := time.Time{}
		l := canned(t, &log, func(r *http.Request) (*http.Response, error) { return empty(r, date), nil })
		for range 3 {
			if got := mustGet(t, l, "a").ReadAt; !got.Equal(time.Now()) {
				t.Errorf("read at %s, want our own time %s", got, time.Now())
			}
			time.Sleep(time.Hour)
		}
		if n := strings.Count(log.String(), "no Date"); n != 1 {
			t.Errorf("it was said %d times: %s", n, &log)
		}
		date = time.Now().Add(5 * time.Minute).Truncate(time.Second) // A reply with a date is believed from then on.
		if got := mustGet(t, l, "a").ReadAt; !got.Equal(date) {
			t.Errorf("read at %s, want the server's %s", got, date)
		}
		time.Sleep(time.Hour)
		want := date.Add(time.Hour)
		date = time.Time{}
		if got := mustGet(t, l, "a").ReadAt; !got.Equal(want) {
			t.Errorf("read at %s by a reply without a date, want %s", got, want)
		}
	})
}

// TestDynamoClockHearsNothingInSilence: no reply is not a reply without a Date,
// and a write still waits until the server's time is known.
func TestDynamoClockHearsNothingInSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		const ahead = time.Hour
		away := true
		var stamped string
		l := canned(t, &log, func(r *http.Request) (*http.Response, error) {
			if away {
				return nil, &lostReplyError{}
			}
			if operation(r) == "UpdateItem" {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					return nil, err
				}
				stamped = string(body)
			}
			return empty(r, time.Now().Add(ahead)), nil
		})
		if _, err := l.Get(t.Context(), "a"); err == nil {
			t.Error("a read succeeded while the server was away")
		}
		away = false
		mustPut(t, l, queued("a"), when(0, job.None))
		if hour := time.Now().Add(ahead).UTC().Format("2006-01-02T15:"); !strings.Contains(stamped, hour) {
			t.Errorf("it was written at another time than the server's, %s: %s", hour, stamped)
		}
		if log.Len() > 0 {
			t.Errorf("it complained: %s", &log)
		}
	})
}

// TestDynamoStampsByTheServersClock lets time pass between a read and a write.
func TestDynamoStampsByTheServersClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ahead = time.Hour
		var sent string
		l := canned(t, io.Discard, func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			sent = string(body)
			return empty(r, time.Now().Add(ahead)), err
		})
		mustGet(t, l, "a")
		if !strings.Contains(sent, `"ConsistentRead":true`) {
			t.Errorf("a read is not strongly consistent: %s", sent)
		}
		time.Sleep(90*time.Second + time.Nanosecond)
		at := time.Now().Add(ahead).UTC().Format(time.RFC3339Nano)
		mustPut(t, l, queued("a"), when(0, job.None))
		if n := strings.Count(sent, at); n != 3 { // Created, updated, and the place in lists.
			t.Errorf("%s stands %d times in %s, want 3", at, n, sent)
		}
	})
}
