package ledger

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/motionmill/motionmill/job"
)

// filteredPage is how many entries of an index a query looks at when it selects
// some of them only: about a megabyte, which is the most that it can.
const filteredPage = 4000

// merged walks several partitions of an index at once, the newest record first.
type merged struct {
	parts []*partition
	// seen keeps a record that moves from one partition to another meanwhile
	// from coming twice.
	seen map[string]bool
}

// partition is what is left of a walk through one partition of an index.
type partition struct {
	client *dynamodb.Client
	query  *dynamodb.QueryInput
	ready  []entry
	done   bool
}

// entry is what an index says of a record.
type entry struct{ at, id string }

// newest gives a walk through what f selects, from the place before on (empty
// is the newest). expect is how many records are likely to be taken; 0 is all.
func (l *Dynamo) newest(f job.Filter, before string, expect int) *merged {
	m := &merged{seen: map[string]bool{}}
	if len(f.States) == 0 {
		m.parts = append(m.parts, l.partition(indexCreated, attrListAll, everyRecord, f, before, expect))
	}
	asked := map[job.State]bool{}
	for _, state := range f.States {
		if state != job.None && !asked[state] {
			asked[state] = true
			m.parts = append(m.parts, l.partition(indexState, attrState, string(state), f, before, expect))
		}
	}
	return m
}

func (l *Dynamo) partition(index, hash, value string, f job.Filter, before string, expect int) *partition {
	e := newExpression()
	key := e.name(hash) + " = " + e.value(str(value))
	if before != "" {
		key += " AND " + e.name(attrListAt) + " < " + e.value(str(before))
	}
	var filters []string
	for _, field := range []struct{ attr, value string }{{attrProfile, f.Profile}, {attrBucket, f.Bucket}, {attrObjectKey, f.Key}} {
		if field.value != "" {
			filters = append(filters, e.name(field.attr)+" = "+e.value(str(field.value)))
		}
	}
	if f.KeyPrefix != "" {
		filters = append(filters, "begins_with("+e.name(attrObjectKey)+", "+e.value(str(f.KeyPrefix))+")")
	}
	query := &dynamodb.QueryInput{
		TableName: &l.table, IndexName: &index, KeyConditionExpression: &key, ScanIndexForward: aws.Bool(false),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
	}
	switch {
	case len(filters) > 0:
		query.FilterExpression = aws.String(strings.Join(filters, " AND "))
		query.Limit = aws.Int32(filteredPage)
	case expect > 0:
		query.Limit = aws.Int32(int32(expect))
	}
	return &partition{client: l.client, query: query}
}

// take gives the ids of the next records, n at most; none is the end.
func (m *merged) take(ctx context.Context, n int) ([]string, error) {
	var ids []string
	for len(ids) < n {
		var newest *partition
		for _, p := range m.parts {
			if err := p.fill(ctx); err != nil {
				return nil, err
			}
			if len(p.ready) > 0 && (newest == nil || p.ready[0].at > newest.ready[0].at) {
				newest = p
			}
		}
		if newest == nil {
			break
		}
		next := newest.ready[0]
		newest.ready = newest.ready[1:]
		if !m.seen[next.id] {
			m.seen[next.id] = true
			ids = append(ids, next.id)
		}
	}
	return ids, nil
}

// fill asks for more when nothing is ready, until something is or all is done.
func (p *partition) fill(ctx context.Context) error {
	for len(p.ready) == 0 && !p.done {
		out, err := p.client.Query(ctx, p.query)
		if err != nil {
			return err
		}
		for _, item := range out.Items {
			p.ready = append(p.ready, entry{text(item, attrListAt), strings.TrimPrefix(text(item, attrKey), recordPrefix)})
		}
		p.query.ExclusiveStartKey = out.LastEvaluatedKey
		p.done = len(out.LastEvaluatedKey) == 0
	}
	return nil
}
