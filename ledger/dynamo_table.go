package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/motionmill/motionmill/job"
)

// The global secondary indexes.
const (
	indexCreated = "by_created"
	indexState   = "by_state"
	indexOwner   = "by_owner"
)

// indexes gives the hash key of each index; the range key of all is list_at.
func indexes() map[string]string {
	return map[string]string{indexCreated: attrListAll, indexState: attrState, indexOwner: attrListOwner}
}

// projected gives the attributes that the indexes hold beside keys.
func projected() []string { return []string{attrProfile, attrBucket, attrObjectKey} }

// EnsureTable makes the table if there is none, waits until it can be used, and
// checks it as CheckTable does. Stages on AWS have theirs from terraform, in the
// same shape; this is for tests and for tools of one machine.
//
// The table is on demand. Its hash key is pk (S), without a range key:
//
//	job#ID               the record of a job
//	version#BUCKET/KEY   the newest version of an object that is known, of one key
//
// Attributes of a record: document (S), the record as JSON, and beside it what
// conditions and lists need: state (S), fence (N), lease_until (S, a time),
// created_at and updated_at (S, times), write_id (S, of the call that wrote it),
// profile, bucket, object_key (S), list_all (S, always "all"), list_at (S, the
// time of creation, "#" and the id), and expires_at (N, epoch seconds), by which
// TTL removes it. list_owner (S) is kept free for the user who uploaded: no
// record knows that yet. Attributes of a version: sequencer, job (S), expires_at.
//
// Three global secondary indexes, of projection INCLUDE with profile, bucket
// and object_key, all with the range key list_at (S):
//
//	by_created   hash key list_all     lists over all states
//	by_state     hash key state        lists by state, stale records
//	by_owner     hash key list_owner   empty until records have owners
//
// What they hold never changes, save for the state: so a renewal of a lease
// writes to the table only, a new job costs a write in each of two indexes and
// a change of state two in one. Versions have no such attributes and are in none. An
// index by creation, and one partition a state, take 1,000 writes a second
// each: 1,000 new jobs, or 500 changes of state, a second, which is far above
// what workers that take seconds for a job can reach, so that there is no
// spreading over several partitions, which every list would have to read. Of
// each job, the items of the table lie in partitions of their own.
func (l *Dynamo) EnsureTable(ctx context.Context) error {
	const op = "create ledger table"
	_, err := l.client.CreateTable(ctx, l.creation())
	var exists *types.ResourceInUseException
	if err != nil && !errors.As(err, &exists) {
		return l.failed(ctx, op, l.table, err)
	}
	wait := dynamodb.NewTableExistsWaiter(l.client, func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = 100*time.Millisecond, 5*time.Second
	})
	if err := wait.Wait(ctx, &dynamodb.DescribeTableInput{TableName: &l.table}, 5*time.Minute); err != nil {
		return l.failed(ctx, op, l.table, err)
	}
	if err := l.enableTTL(ctx); err != nil {
		return l.failed(ctx, op, l.table, err)
	}
	return l.CheckTable(ctx)
}

// creation describes the table.
func (l *Dynamo) creation() *dynamodb.CreateTableInput {
	input := &dynamodb.CreateTableInput{TableName: &l.table, BillingMode: types.BillingModePayPerRequest, KeySchema: hashAndRange(attrKey, "")}
	attributes := []string{attrKey, attrListAt}
	hashes := indexes()
	for _, name := range slices.Sorted(maps.Keys(hashes)) {
		attributes = append(attributes, hashes[name])
		input.GlobalSecondaryIndexes = append(input.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
			IndexName: &name, KeySchema: hashAndRange(hashes[name], attrListAt),
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeInclude, NonKeyAttributes: projected()},
		})
	}
	for _, attr := range attributes {
		input.AttributeDefinitions = append(input.AttributeDefinitions,
			types.AttributeDefinition{AttributeName: &attr, AttributeType: types.ScalarAttributeTypeS})
	}
	return input
}

func hashAndRange(hash, sort string) []types.KeySchemaElement {
	schema := []types.KeySchemaElement{{AttributeName: &hash, KeyType: types.KeyTypeHash}}
	if sort != "" {
		schema = append(schema, types.KeySchemaElement{AttributeName: &sort, KeyType: types.KeyTypeRange})
	}
	return schema
}

// CheckTable tells whether the table is there and of the shape that this
// version needs: an error of kind job.Storage names all that differs.
func (l *Dynamo) CheckTable(ctx context.Context) error {
	const op = "check ledger table"
	out, err := l.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &l.table})
	if err != nil {
		return l.failed(ctx, op, l.table, err)
	}
	found := map[string]types.GlobalSecondaryIndexDescription{}
	for _, index := range out.Table.GlobalSecondaryIndexes {
		found[*index.IndexName] = index
	}
	var wrong []string
	differs := func(what, got, want string) {
		if got != want {
			wrong = append(wrong, fmt.Sprintf("%s is %s, not %s", what, got, want))
		}
	}
	typeOf := map[string]types.ScalarAttributeType{}
	for _, attribute := range out.Table.AttributeDefinitions {
		typeOf[*attribute.AttributeName] = attribute.AttributeType
	}
	differs("its key", describe(out.Table.KeySchema, typeOf), attrKey+" (S)")
	hashes := indexes()
	for _, name := range slices.Sorted(maps.Keys(hashes)) {
		index, ok := found[name]
		if !ok {
			wrong = append(wrong, "index "+name+" is missing")
			continue
		}
		differs("the key of index "+name, describe(index.KeySchema, typeOf), hashes[name]+" (S), "+attrListAt+" (S)")
		if !projects(index.Projection) {
			wrong = append(wrong, "index "+name+" does not hold "+strings.Join(projected(), ", "))
		}
	}
	finding, err := l.checkTTL(ctx)
	if err != nil {
		return l.failed(ctx, op, l.table, err)
	}
	if finding != "" {
		wrong = append(wrong, finding)
	}
	if len(wrong) == 0 {
		return nil
	}
	return job.Fail(job.Storage, op, l.table, strings.Join(wrong, "; "), "Apply the terraform of this version, or name another table.", nil)
}

// describe writes a key as "name (type), name (type)".
func describe(schema []types.KeySchemaElement, typeOf map[string]types.ScalarAttributeType) string {
	parts := make([]string, len(schema))
	for i, element := range schema {
		parts[i] = fmt.Sprintf("%s (%s)", *element.AttributeName, typeOf[*element.AttributeName])
	}
	return strings.Join(parts, ", ")
}

// projects tells whether an index holds what lists filter by.
func projects(p *types.Projection) bool {
	if p == nil || p.ProjectionType == types.ProjectionTypeAll {
		return p != nil
	}
	return !slices.ContainsFunc(projected(), func(attr string) bool { return !slices.Contains(p.NonKeyAttributes, attr) })
}

// enableTTL has DynamoDB remove items by expires_at.
func (l *Dynamo) enableTTL(ctx context.Context) error {
	finding, err := l.checkTTL(ctx)
	if err != nil || finding == "" {
		return err
	}
	attr, yes := attrExpiresAt, true
	_, err = l.client.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName: &l.table, TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: &attr, Enabled: &yes},
	})
	return err
}

// checkTTL tells what is wrong with the TTL of the table; it need not be
// right when nothing is ever to be removed.
func (l *Dynamo) checkTTL(ctx context.Context) (finding string, err error) {
	if l.keepDays == 0 {
		return "", nil
	}
	out, err := l.client.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &l.table})
	if err != nil {
		return "", err
	}
	ttl := out.TimeToLiveDescription
	on := ttl != nil && (ttl.TimeToLiveStatus == types.TimeToLiveStatusEnabled || ttl.TimeToLiveStatus == types.TimeToLiveStatusEnabling)
	if !on || ttl.AttributeName == nil || *ttl.AttributeName != attrExpiresAt {
		return "TTL by " + attrExpiresAt + " is not on", nil
	}
	return "", nil
}
