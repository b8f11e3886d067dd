package ledger

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/motionmill/motionmill/job"
)

// versionSpare is how much longer than a record the version of its key is kept.
// It must not go first: a late event of an old version would no longer be
// told from one of the newest. Every attempt tells of its version, which
// renews it, and no attempt lasts for half of this.
const versionSpare = 30 * day

// version is the item of the newest version of a key; the zero version is none.
type version struct {
	job.HighWater
	found bool
	// expiresAt is in epoch seconds; 0 is never.
	expiresAt int64
}

// RaiseHighWater tells the ledger of one version of a key, and of its job. It
// remembers the one with the newest sequencer, in whatever order they come; a
// version without a sequencer counts as older than all. It returns what is in
// force afterwards.
//
// It takes a read, and a write when the version is the newest. The condition of
// the write is what was read: sequencers compare as if they were padded, which
// DynamoDB's own comparison of strings does not know.
func (l *Dynamo) RaiseHighWater(ctx context.Context, source job.Source, jobID string) (job.HighWater, error) {
	const op = "raise high water of"
	stored, err := l.version(ctx, source.Bucket, source.Key)
	for err == nil {
		now := l.clock.now()
		next := version{HighWater: stored.HighWater, found: true}
		if l.keepDays > 0 {
			next.expiresAt = now.Add(time.Duration(l.keepDays)*day + versionSpare).Unix()
		}
		if !stored.found || job.CompareSequencers(source.Sequencer, stored.Sequencer) > 0 {
			next.HighWater = job.HighWater{Sequencer: source.Sequencer, Job: jobID}
		} else if !l.aging(stored, now) {
			return stored.HighWater, nil
		}
		var won bool
		if stored, won, err = l.replaceVersion(ctx, source, stored, next); won {
			return next.HighWater, nil
		}
	}
	return job.HighWater{}, l.failed(ctx, op, source.URI(), err)
}

// aging tells whether the stored version may go before a record that is
// written in the next days.
func (l *Dynamo) aging(stored version, now time.Time) bool {
	if l.keepDays == 0 {
		return stored.expiresAt != 0
	}
	return stored.expiresAt < now.Add(time.Duration(l.keepDays)*day+versionSpare/2).Unix()
}

// replaceVersion writes next if stored is still what is stored. Else it gives
// what is stored now.
func (l *Dynamo) replaceVersion(ctx context.Context, source job.Source, stored, next version) (now version, won bool, err error) {
	e := newExpression()
	var condition string
	if stored.found { // The job goes with the sequencer. The end guards a renewal.
		condition = e.name(attrSequencer) + " = " + e.value(str(stored.Sequencer)) + " AND "
	}
	switch {
	case !stored.found:
		condition = "attribute_not_exists(" + e.name(attrKey) + ")"
	case stored.expiresAt == 0:
		condition += "attribute_not_exists(" + e.name(attrExpiresAt) + ")"
	default:
		condition += e.name(attrExpiresAt) + " = " + e.value(number(stored.expiresAt))
	}
	item := keyOf(versionKey(source.Bucket, source.Key))
	item[attrSequencer], item[attrJob] = str(next.Sequencer), str(next.Job)
	if next.expiresAt != 0 {
		item[attrExpiresAt] = number(next.expiresAt)
	}
	input := &dynamodb.PutItemInput{
		TableName: &l.table, Item: item, ConditionExpression: aws.String(condition), ExpressionAttributeNames: e.names,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	if len(e.values) > 0 {
		input.ExpressionAttributeValues = e.values
	}
	_, err = l.client.PutItem(ctx, input)
	item, refused, err := l.afterWrite(ctx, versionKey(source.Bucket, source.Key), err)
	if err != nil || !refused {
		return version{}, err == nil, err
	}
	now, err = decodeVersion(item) // Perhaps ours, whose reply was lost: then it is in force.
	return now, false, err
}

// HighWater returns the newest version of a key that the ledger was told of;
// the zero HighWater when it knows none.
func (l *Dynamo) HighWater(ctx context.Context, bucket, key string) (job.HighWater, error) {
	stored, err := l.version(ctx, bucket, key)
	if err != nil {
		return job.HighWater{}, l.failed(ctx, "read high water of", job.Source{Bucket: bucket, Key: key}.URI(), err)
	}
	return stored.HighWater, nil
}

func (l *Dynamo) version(ctx context.Context, bucket, key string) (version, error) {
	item, _, err := l.getItem(ctx, versionKey(bucket, key))
	if err != nil {
		return version{}, err
	}
	return decodeVersion(item)
}

func decodeVersion(item map[string]types.AttributeValue) (version, error) {
	if len(item) == 0 {
		return version{}, nil
	}
	expiresAt, err := epoch(item, attrExpiresAt)
	v := version{HighWater: job.HighWater{Sequencer: text(item, attrSequencer), Job: text(item, attrJob)}, found: true, expiresAt: expiresAt}
	return v, err
}
