package ledger

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/motionmill/motionmill/job"
)

// readBatch is how many items one request reads: DynamoDB's own limit.
const readBatch = 100

// List gives up to limit records (1 to MaxList) that f selects, the newest
// created first, from the position cursor on: empty is the beginning. next is
// the cursor of the page that follows, empty after the last. Jobs that come in
// between two pages neither shift nor repeat what is on the second. A cursor
// goes with the filter that it came with.
//
// Which records there are is read from an index, which lags behind by some
// milliseconds, seldom more; what they say is read from the table itself. So a
// new job may be missing for a moment, and one whose state has just changed
// may be missing from lists by state, but none is shown in a state that it has left.
// A page takes a query of each state asked for, or one for all, and a read of
// each record. A filter of profile, bucket, key or its beginning reads past the entries that
// it does not select: some 4,000 of them a request.
//
// Errors about the arguments are of kind job.Unsupported.
func (l *Dynamo) List(ctx context.Context, f job.Filter, limit int, cursor string) (records []job.Record, next string, err error) {
	const op = "list jobs"
	if err := checkLimit(op, limit); err != nil {
		return nil, "", err
	}
	before := ""
	if cursor != "" {
		after, err := parseCursor(cursor)
		if err != nil {
			return nil, "", job.Fail(job.Unsupported, op, "cursor "+strconv.Quote(cursor), "", "Begin again without a cursor", err)
		}
		before = listAt(after)
	}
	// One more than asked for tells whether there is a next page.
	entries := l.newest(f, before, limit+1)
	for len(records) <= limit {
		ids, err := entries.take(ctx, min(limit+1-len(records), readBatch))
		if err != nil {
			return nil, "", l.failed(ctx, op, "", err)
		}
		if len(ids) == 0 {
			return records, "", nil
		}
		batch, err := l.readAll(ctx, ids)
		if err != nil {
			return nil, "", l.failed(ctx, op, "", err)
		}
		for _, id := range ids {
			if record, ok := batch[id]; ok && selects(f, record) {
				records = append(records, record)
			}
		}
	}
	records = records[:limit]
	last := records[limit-1]
	return records, position{last.CreatedAt.UnixNano(), last.ID}.cursor(), nil
}

// Stale gives up to limit records (1 to MaxList) that are not final and were
// last written before a time of the ledger's clock, those longest untouched
// first.
//
// It reads every record that is not final and was created before that time:
// an index by the last write would cost two writes more at each renewal of a
// lease, for something that is asked for once a day.
func (l *Dynamo) Stale(ctx context.Context, before time.Time, limit int) ([]job.Record, error) {
	const op = "list stale jobs"
	if err := checkLimit(op, limit); err != nil {
		return nil, err
	}
	open := job.Filter{States: slices.DeleteFunc(job.States(), job.State.Final)}
	entries := l.newest(open, instant(before), 0)
	var records []job.Record
	for {
		ids, err := entries.take(ctx, readBatch)
		if err != nil {
			return nil, l.failed(ctx, op, "", err)
		}
		if len(ids) == 0 {
			return records, nil
		}
		batch, err := l.readAll(ctx, ids)
		if err != nil {
			return nil, l.failed(ctx, op, "", err)
		}
		for _, record := range batch {
			if selects(open, record) && record.UpdatedAt.Before(before) {
				records = append(records, record)
			}
		}
		slices.SortFunc(records, func(a, b job.Record) int {
			return cmp.Or(a.UpdatedAt.Compare(b.UpdatedAt), strings.Compare(a.ID, b.ID))
		})
		records = records[:min(len(records), limit)]
	}
}

func checkLimit(op string, limit int) error {
	if limit < 1 || limit > MaxList {
		return job.Fail(job.Unsupported, op, "", fmt.Sprintf("the limit %d is not within 1 and %d", limit, MaxList), "", nil)
	}
	return nil
}

// selects tells whether a record is one of those that f asks for.
func selects(f job.Filter, r job.Record) bool {
	return (len(f.States) == 0 || slices.Contains(f.States, r.State)) &&
		(f.Profile == "" || f.Profile == r.Profile) &&
		(f.Bucket == "" || f.Bucket == r.Source.Bucket) &&
		(f.Key == "" || f.Key == r.Source.Key) &&
		strings.HasPrefix(r.Source.Key, f.KeyPrefix)
}

// readAll gives the records of up to readBatch different jobs, by strongly
// consistent reads. Those that are gone are missing.
func (l *Dynamo) readAll(ctx context.Context, ids []string) (map[string]job.Record, error) {
	wanted := types.KeysAndAttributes{ConsistentRead: aws.Bool(true)}
	for _, id := range ids {
		wanted.Keys = append(wanted.Keys, keyOf(recordKey(id)))
	}
	records := make(map[string]job.Record, len(ids))
	for tries := 0; len(wanted.Keys) > 0; {
		out, err := l.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{l.table: wanted}})
		if err != nil {
			return nil, err
		}
		for _, item := range out.Responses[l.table] {
			record, err := decodeItem(item)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", text(item, attrKey), err)
			}
			record.ReadAt = l.clock.answered(out.ResultMetadata)
			records[record.ID] = record
		}
		// It answers 16 MB at a time, and less where it is busy.
		left := out.UnprocessedKeys[l.table].Keys
		if len(left) == len(wanted.Keys) {
			tries++
			if err := rest(ctx, tries); err != nil {
				return nil, err
			}
		} else {
			tries = 0
		}
		wanted.Keys = left
	}
	return records, nil
}

// rest waits before a request is made for the nth time in vain.
func rest(ctx context.Context, n int) error {
	return job.Pause(ctx, 10*time.Millisecond+rand.N(min(50*time.Millisecond<<min(n, 10), 2*time.Second)))
}
