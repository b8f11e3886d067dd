package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/motionmill/motionmill/awsclient"
	"github.com/motionmill/motionmill/job"
)

const (
	// DefaultKeepDays is how long commands keep the records of jobs that are over.
	DefaultKeepDays = 90
	// MinKeepDays is the shortest that KeepDays may be. An event lies in a queue
	// for up to 14 days and, set aside, 14 more in the dead-letter queue; if it
	// came back to find no record, its job would be done again.
	MinKeepDays = 29
)

// DynamoConfig holds the settings of a ledger in DynamoDB.
type DynamoConfig struct {
	// Table is the name of the table. Its schema is described at EnsureTable.
	Table string
	// KeepDays is how many days after the last write the record of a job that is
	// final and announced is kept; DynamoDB then removes it within some days, at
	// no cost. 0 keeps records for ever, at about a dollar a year for 130,000 of
	// them. Less than MinKeepDays is refused.
	//
	// Objects must not outlive the records of their jobs: whoever enqueues
	// objects that have no record would take such an object for a new one. Let
	// the uploads bucket drop them sooner, or pass over objects of that age.
	KeepDays int
	// AttemptTimeout bounds one try of a request, after which the SDK makes
	// another. Default 5 s; DynamoDB answers in milliseconds.
	AttemptTimeout time.Duration
	// Logger takes what the ledger cannot return: that the server tells no time,
	// and that a record was cut to fit. Default none.
	Logger *slog.Logger
	// AWS, when set, is used in place of the SDK's default chain. Programs
	// leave it nil; tests that talk to several servers do not.
	AWS *aws.Config
}

// Dynamo is a ledger in a table of DynamoDB. It may be used by several
// goroutines at once.
//
// Its clock is that of the server, by the Date of its replies. Date counts
// whole seconds, cut off; what the ledger makes of it is never ahead of the
// server and at most a second behind. So a lease seems to last longer than it
// does rather than shorter, and one that was computed from this clock ends up
// to a second early: whoever ends leases adds a margin of 2 s. Where the
// replies carry no Date, the clock is the machine's own, and a warning says so.
//
// An error that is no conflict leaves open whether a write has happened: the
// request may have arrived and the reply been lost. Where the SDK sent a write
// again and met its own first try, that is a success and not a conflict.
type Dynamo struct {
	client   *dynamodb.Client
	table    string
	keepDays int
	clock    *serverClock
	log      *slog.Logger
}

// NewDynamo returns a ledger. It reads the SDK's settings and sends nothing.
func NewDynamo(ctx context.Context, cfg DynamoConfig) (*Dynamo, error) {
	if cfg.AttemptTimeout == 0 {
		cfg.AttemptTimeout = 5 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	shared, err := awsclient.Settings(ctx, cfg.AWS)
	if err != nil {
		return nil, err
	}
	// DynamoDB throttles for moments only.
	retries := awsclient.Retries(shared, func(o *retry.StandardOptions) {
		o.MaxAttempts, o.Backoff = 5, retry.BackoffDelayerFunc(backoff)
	})
	refuse := func(finding, remedy string) (*Dynamo, error) {
		return nil, job.Fail(job.Internal, "open ledger", cfg.Table, finding, remedy, nil)
	}
	switch {
	case cfg.Table == "":
		return refuse("no table is named", "Set MOTIONMILL_LEDGER_TABLE.")
	case cfg.KeepDays < 0 || cfg.KeepDays > 0 && cfg.KeepDays < MinKeepDays:
		return refuse(fmt.Sprintf("records would be kept for %d days", cfg.KeepDays),
			fmt.Sprintf("Keep them for at least %d, so that no event of a queue outlives them, or 0 for ever.", MinKeepDays))
	case shared.Region == "":
		return refuse("no region is set", "Set AWS_REGION, or a region in the shared configuration of AWS.")
	}
	l := &Dynamo{table: cfg.Table, keepDays: cfg.KeepDays, clock: &serverClock{log: cfg.Logger}, log: cfg.Logger}
	l.client = dynamodb.NewFromConfig(shared, func(o *dynamodb.Options) {
		if client, ok := o.HTTPClient.(*awshttp.BuildableClient); ok {
			o.HTTPClient = client.WithTimeout(cfg.AttemptTimeout)
		}
		o.HTTPClient = awsclient.WholeBodies(o.HTTPClient)
		if retries != nil {
			o.Retryer = retries
		}
		o.APIOptions = append(o.APIOptions, l.clock.attach)
	})
	return l, nil
}

// backoff gives the pause before a try: full jitter up to 50 ms, and twice as
// much each time, to at most 2 s.
func backoff(attempt int, _ error) (time.Duration, error) {
	return mathrand.N(min(50*time.Millisecond<<min(attempt, 10), 2*time.Second)), nil
}

// Get returns the record of a job by one strongly consistent read. When there
// is none it returns the zero Record, whose state is None, and no error.
// ReadAt is set in both cases.
func (l *Dynamo) Get(ctx context.Context, id string) (job.Record, error) {
	item, readAt, err := l.getItem(ctx, recordKey(id))
	if err != nil {
		return job.Record{}, l.failed(ctx, "read job", id, err)
	}
	record, err := decodeItem(item)
	if err != nil {
		return job.Record{}, l.failed(ctx, "read job", id, err)
	}
	record.ReadAt = readAt
	return record, nil
}

// getItem reads an item, nil for none, and tells when the server answered.
func (l *Dynamo) getItem(ctx context.Context, key string) (map[string]types.AttributeValue, time.Time, error) {
	out, err := l.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &l.table, Key: keyOf(key), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	return out.Item, l.clock.answered(out.ResultMetadata), nil
}

// Put replaces the record of the job next.ID when the stored one meets the
// condition; else it writes nothing and returns an error that wraps
// job.ErrConflict. A change of state that is not legal, or a fence lower than
// the stored one, is an error that does not wrap it: asking again cannot help.
//
// It is one conditional write. A record that is larger than DynamoDB takes is
// cut to fit, the oldest attempts first, and says so where something is missing.
//
// The ledger sets UpdatedAt, and CreatedAt of a new record; what next holds
// there does not matter. Times are kept to the nanosecond, in UTC.
func (l *Dynamo) Put(ctx context.Context, next job.Record, when job.Condition) error {
	if err := checkPut(next, when); err != nil {
		return err
	}
	// The server holds the fence and the state to the condition, and does not
	// know of legal moves: only states that next may follow are allowed it.
	allowed := slices.DeleteFunc(slices.Clone(when.States), func(stored job.State) bool {
		return judge(witness(stored, when), next, when) != nil
	})
	if len(allowed) == 0 {
		return l.refusal(ctx, next, when)
	}
	if err := l.learnClock(ctx, next.ID); err != nil {
		return l.failed(ctx, "write job", next.ID, err)
	}
	token := rand.Text()
	input, err := l.update(next, job.Condition{Fence: when.Fence, States: allowed, LeaseUntil: when.LeaseUntil}, token)
	if err != nil {
		return l.failed(ctx, "write job", next.ID, err)
	}
	_, err = l.client.UpdateItem(ctx, input)
	stored, refused, err := l.afterWrite(ctx, recordKey(next.ID), err)
	if err != nil {
		return l.failed(ctx, "write job", next.ID, err)
	}
	if !refused || text(stored, attrWriteID) == token { // The first try was ours, and its reply was lost.
		return nil
	}
	record, err := decodeItem(stored)
	if err != nil {
		return l.failed(ctx, "write job", next.ID, err)
	}
	return verdict(record, next, when)
}

// witness is a stored record in a state that meets the condition; in state
// None there is no record, and it meets no condition on a fence or a lease.
func witness(state job.State, when job.Condition) job.Record {
	if state == job.None {
		return job.Record{}
	}
	return job.Record{State: state, Fence: when.Fence, LeaseUntil: when.LeaseUntil}
}

// refusal says what is wrong with a write that no stored record would allow.
func (l *Dynamo) refusal(ctx context.Context, next job.Record, when job.Condition) error {
	stored, err := l.Get(ctx, next.ID)
	if err != nil {
		return err
	}
	return verdict(stored, next, when)
}

// verdict is what judge says of a write that was refused.
func verdict(stored, next job.Record, when job.Condition) error {
	if err := judge(stored, next, when); err != nil {
		return err
	}
	return job.Conflict(next.ID, when) // It has changed once more since it was refused.
}

// afterWrite tells whether the condition of a write was refused, and what is
// stored then. Servers that do not send it along are asked for it.
func (l *Dynamo) afterWrite(ctx context.Context, key string, err error) (stored map[string]types.AttributeValue, refused bool, other error) {
	var failed *types.ConditionalCheckFailedException
	if !errors.As(err, &failed) {
		return nil, false, err
	}
	if len(failed.Item) > 0 {
		return failed.Item, true, nil
	}
	stored, _, err = l.getItem(ctx, key)
	return stored, true, err
}

// learnClock makes sure that the server's time is known before something is
// stamped with it. Only a process whose first request is a write needs a read.
func (l *Dynamo) learnClock(ctx context.Context, id string) error {
	if l.clock.known() {
		return nil
	}
	_, _, err := l.getItem(ctx, recordKey(id))
	return err
}
