package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/motionmill/motionmill/job"
)

// The attributes of items. What they are for stands at EnsureTable.
const (
	attrKey        = "pk"
	attrState      = "state"
	attrFence      = "fence"
	attrLeaseUntil = "lease_until"
	attrProfile    = "profile"
	attrBucket     = "bucket"
	attrObjectKey  = "object_key"
	attrCreatedAt  = "created_at"
	attrUpdatedAt  = "updated_at"
	attrDocument   = "document"
	attrWriteID    = "write_id"
	attrExpiresAt  = "expires_at"
	attrListAll    = "list_all"
	attrListAt     = "list_at"
	attrListOwner  = "list_owner"
	attrSequencer  = "sequencer"
	attrJob        = "job"
)

const (
	recordPrefix  = "job#"
	versionPrefix = "version#"
	// everyRecord is the value of list_all.
	everyRecord = "all"
	// timeLayout is of one length, in UTC, so that times compare as strings do.
	timeLayout = "2006-01-02T15:04:05.000000000Z"
	day        = 24 * time.Hour
)

func recordKey(id string) string { return recordPrefix + id }

func versionKey(bucket, key string) string { return versionPrefix + bucket + "/" + key }

func keyOf(key string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{attrKey: str(key)}
}

func str(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

// text gives a string attribute, empty when the item has none.
func text(item map[string]types.AttributeValue, attr string) string {
	value, ok := item[attr].(*types.AttributeValueMemberS)
	if !ok {
		return ""
	}
	return value.Value
}

// epoch gives a number attribute, 0 when the item has none.
func epoch(item map[string]types.AttributeValue, attr string) (int64, error) {
	value, ok := item[attr].(*types.AttributeValueMemberN)
	if !ok {
		return 0, nil
	}
	return strconv.ParseInt(value.Value, 10, 64)
}

func instant(t time.Time) string { return t.UTC().Format(timeLayout) }

// listAt is the place of a record in lists.
func listAt(p position) string { return instant(time.Unix(0, p.createdAt)) + "#" + p.id }

// expression gathers the parts of an update. Every name is given by an alias,
// since many words are reserved.
type expression struct {
	names  map[string]string
	values map[string]types.AttributeValue
	set    []string
	remove []string
}

func newExpression() *expression {
	return &expression{names: map[string]string{}, values: map[string]types.AttributeValue{}}
}

func (e *expression) name(attr string) string {
	e.names["#"+attr] = attr
	return "#" + attr
}

func (e *expression) value(v types.AttributeValue) string {
	alias := fmt.Sprintf(":v%d", len(e.values))
	e.values[alias] = v
	return alias
}

func (e *expression) assign(attr string, v types.AttributeValue) {
	e.set = append(e.set, e.name(attr)+" = "+e.value(v))
}

// assignOnce sets an attribute of a new item only.
func (e *expression) assignOnce(attr string, v types.AttributeValue) {
	name := e.name(attr)
	e.set = append(e.set, name+" = if_not_exists("+name+", "+e.value(v)+")")
}

// assignText sets an attribute, or removes it for an empty value.
func (e *expression) assignText(attr, value string) {
	if value == "" {
		e.remove = append(e.remove, e.name(attr))
		return
	}
	e.assign(attr, str(value))
}

func (e *expression) update() *string {
	update := "SET " + strings.Join(e.set, ", ")
	if len(e.remove) > 0 {
		update += " REMOVE " + strings.Join(e.remove, ", ")
	}
	return &update
}

// condition gives what must hold of the stored item; it names at least one state.
func (e *expression) condition(when job.Condition) *string {
	var ways []string
	if slices.Contains(when.States, job.None) {
		ways = append(ways, "attribute_not_exists("+e.name(attrKey)+")")
	}
	var states []string
	for _, state := range when.States {
		if state != job.None {
			states = append(states, e.value(str(string(state))))
		}
	}
	if len(states) > 0 {
		stored := e.name(attrFence) + " = " + e.value(number(when.Fence)) + " AND " + e.name(attrState) + " IN (" + strings.Join(states, ", ") + ")"
		if !when.LeaseUntil.IsZero() {
			stored += " AND " + e.name(attrLeaseUntil) + " = " + e.value(str(instant(when.LeaseUntil)))
		}
		ways = append(ways, "("+stored+")")
	}
	return aws.String(strings.Join(ways, " OR "))
}

// update is the write of next under a condition. Attributes that it does not
// name stay as they are: the time of creation and the place in lists among them.
func (l *Dynamo) update(next job.Record, when job.Condition, token string) (*dynamodb.UpdateItemInput, error) {
	next = inUTC(next)
	next.CreatedAt, next.UpdatedAt = time.Time{}, time.Time{}
	document, err := fit(next, documentLimit)
	if err != nil {
		return nil, err
	}
	now := l.clock.now()
	e := newExpression()
	e.assign(attrDocument, str(string(document)))
	e.assign(attrState, str(string(next.State)))
	e.assign(attrFence, number(next.Fence))
	e.assign(attrUpdatedAt, str(instant(now)))
	e.assign(attrWriteID, str(token))
	e.assignOnce(attrCreatedAt, str(instant(now)))
	e.assignOnce(attrListAt, str(listAt(position{now.UnixNano(), next.ID})))
	e.assignOnce(attrListAll, str(everyRecord))
	e.assignText(attrProfile, next.Profile)
	e.assignText(attrBucket, next.Source.Bucket)
	e.assignText(attrObjectKey, next.Source.Key)
	lease := ""
	if !next.LeaseUntil.IsZero() {
		lease = instant(next.LeaseUntil)
	}
	e.assignText(attrLeaseUntil, lease)
	if l.keepDays > 0 && next.State.Final() && next.Announced {
		e.assign(attrExpiresAt, number(now.Add(time.Duration(l.keepDays)*day).Unix()))
	} else {
		e.remove = append(e.remove, e.name(attrExpiresAt))
	}
	condition := e.condition(when)
	return &dynamodb.UpdateItemInput{
		TableName: &l.table, Key: keyOf(recordKey(next.ID)),
		UpdateExpression: e.update(), ConditionExpression: condition,
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}, nil
}

var errNoDocument = errors.New("the item holds no record")

// decodeItem reads the item of a record; nil is the zero Record.
func decodeItem(item map[string]types.AttributeValue) (job.Record, error) {
	if len(item) == 0 {
		return job.Record{}, nil
	}
	document := text(item, attrDocument)
	if document == "" {
		return job.Record{}, errNoDocument
	}
	var record job.Record
	if err := json.Unmarshal([]byte(document), &record); err != nil {
		return job.Record{}, fmt.Errorf("decode record: %w", err)
	}
	for _, at := range []struct {
		attr string
		to   *time.Time
	}{{attrCreatedAt, &record.CreatedAt}, {attrUpdatedAt, &record.UpdatedAt}} {
		var err error
		if *at.to, err = time.Parse(timeLayout, text(item, at.attr)); err != nil {
			return job.Record{}, fmt.Errorf("decode record: %s: %w", at.attr, err)
		}
	}
	return record, nil
}
