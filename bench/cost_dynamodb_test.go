package bench

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// table is one table of DynamoDB. It takes the conditions and updates that the
// ledger writes, and counts the units that they cost.
type table struct {
	mu      sync.Mutex
	shape   map[string]any // as it was created
	indexes []index
	items   map[string]item
	units   units
	largest int // item, in bytes
}

// units are what DynamoDB bills: a write unit is one write of up to 1 KB, of
// the item before or after it, whichever is larger; a read unit one strongly
// consistent read of up to 4 KB. A write that an index takes part in costs
// units of the index beside: one entry removed, one put.
type units struct{ read, written, indexed int }

type item map[string]attr

// attr is a string or a number.
type attr struct {
	S *string `json:"S,omitempty"`
	N *string `json:"N,omitempty"`
}

func (a attr) text() string {
	switch {
	case a.S != nil:
		return "S" + *a.S
	case a.N != nil:
		return "N" + *a.N
	default:
		return ""
	}
}

// size is the length of an item as DynamoDB counts it: names and values, two
// digits of a number to a byte.
func (i item) size() (bytes int) {
	for name, a := range i {
		bytes += len(name)
		if a.N != nil {
			bytes += len(*a.N)/2 + 1
		} else {
			bytes += len(a.text()) - 1
		}
	}
	return bytes
}

func ceil(bytes, unit int) int { return max(1, (bytes+unit-1)/unit) }

// index is a global secondary index.
type index struct{ attributes, keys []string }

// entry is what an index holds of an item; nothing unless it has all keys.
func (x index) entry(i item) item {
	e := item{}
	for _, name := range x.attributes {
		if a, ok := i[name]; ok {
			e[name] = a
		} else if slices.Contains(x.keys, name) {
			return nil
		}
	}
	return e
}

// units is what a write of an item costs in the index.
func (x index) units(before, after item) int {
	was, is := x.entry(before), x.entry(after)
	if same(was, is, x.attributes) {
		return 0
	}
	if was != nil && is != nil && same(was, is, x.keys) {
		return ceil(max(was.size(), is.size()), 1<<10)
	}
	n := 0
	for _, e := range []item{was, is} {
		if e != nil {
			n += ceil(e.size(), 1<<10)
		}
	}
	return n
}

func same(a, b item, attributes []string) bool {
	return (a == nil) == (b == nil) && !slices.ContainsFunc(attributes, func(name string) bool { return a[name].text() != b[name].text() })
}

type dynamodbRequest struct {
	Key, Item                                                    item
	UpdateExpression, ConditionExpression                        string
	ExpressionAttributeNames                                     map[string]string
	ExpressionAttributeValues                                    map[string]attr
	ConsistentRead                                               bool
	TableName, ReturnValuesOnConditionCheckFailure, ReturnValues string
}

func (t *table) ask(operation string, body []byte) (any, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch operation {
	case "CreateTable":
		return struct{}{}, t.create(body)
	case "DescribeTable":
		return map[string]any{"Table": t.shape}, nil
	case "DescribeTimeToLive":
		return map[string]any{"TimeToLiveDescription": map[string]string{"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}}, nil
	}
	var in dynamodbRequest
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, unknown("%v", err)
	}
	switch operation {
	case "GetItem":
		return t.get(in)
	case "UpdateItem":
		next, err := in.updated(t.items[in.Key["pk"].text()])
		if err != nil {
			return nil, err
		}
		return struct{}{}, t.put(in, next)
	case "PutItem":
		return struct{}{}, t.put(in, in.Item)
	default:
		return nil, unknown("nobody answers %s here", operation)
	}
}

// create keeps the shape that the ledger asks for, with its indexes.
func (t *table) create(body []byte) error {
	var in struct {
		GlobalSecondaryIndexes []struct {
			KeySchema  []struct{ AttributeName string }
			Projection struct{ NonKeyAttributes []string }
		}
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return unknown("%v", err)
	}
	if err := json.Unmarshal(body, &t.shape); err != nil {
		return unknown("%v", err)
	}
	t.shape["TableStatus"] = "ACTIVE"
	for _, g := range in.GlobalSecondaryIndexes {
		var x index
		for _, k := range g.KeySchema {
			x.keys = append(x.keys, k.AttributeName)
		}
		x.attributes = append(append([]string{"pk"}, x.keys...), g.Projection.NonKeyAttributes...)
		t.indexes = append(t.indexes, x)
	}
	return nil
}

func (t *table) get(in dynamodbRequest) (any, error) {
	if !in.ConsistentRead {
		return nil, unknown("the ledger reads strongly")
	}
	found := t.items[in.Key["pk"].text()]
	t.units.read += ceil(found.size(), 4<<10)
	if found == nil {
		return struct{}{}, nil
	}
	return map[string]item{"Item": found}, nil
}

// put writes an item if the request's condition holds; a write that is refused
// costs as much.
func (t *table) put(in dynamodbRequest, next item) error {
	key := next["pk"].text()
	before := t.items[key]
	met, err := in.met(before)
	if err != nil {
		return err
	}
	if !met {
		t.units.written += ceil(before.size(), 1<<10)
		return &refusal{Code: "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", Message: "refused", Item: before}
	}
	t.units.written += ceil(max(before.size(), next.size()), 1<<10)
	for _, x := range t.indexes {
		t.units.indexed += x.units(before, next)
	}
	t.items[key] = next
	t.largest = max(t.largest, next.size())
	return nil
}

var (
	assignment = regexp.MustCompile(`(#\w+) = (?:(:\w+)|if_not_exists\((#\w+), (:\w+)\))`)
	term       = regexp.MustCompile(`^(?:attribute_not_exists\((#\w+)\)|(#\w+) (?:= |IN \()((?::\w+(?:, )?)+)\)?)$`)
)

// updated returns an item after an update: SET …, … REMOVE …, ….
func (r dynamodbRequest) updated(before item) (item, error) {
	next := item{}
	for name, a := range before {
		next[name] = a
	}
	for name, a := range r.Key {
		next[name] = a
	}
	set, remove, _ := strings.Cut(strings.TrimPrefix(r.UpdateExpression, "SET "), " REMOVE ")
	if rest := strings.Trim(assignment.ReplaceAllString(set, ""), ", "); rest != "" {
		return nil, unknown("nobody understands the update %s", rest)
	}
	for _, m := range assignment.FindAllStringSubmatch(set, -1) {
		name := r.ExpressionAttributeNames[m[1]]
		if _, there := next[name]; m[2] != "" {
			next[name] = r.ExpressionAttributeValues[m[2]]
		} else if !there {
			next[name] = r.ExpressionAttributeValues[m[4]]
		}
	}
	for name := range strings.SplitSeq(remove, ", ") {
		delete(next, r.ExpressionAttributeNames[name])
	}
	return next, nil
}

// met tells whether a stored item meets the request's condition: terms tied by
// AND, the ways tied by OR.
func (r dynamodbRequest) met(stored item) (bool, error) {
	for way := range strings.SplitSeq(r.ConditionExpression, " OR ") {
		if strings.HasPrefix(way, "(") {
			way = strings.TrimSuffix(way[1:], ")")
		}
		all := true
		for text := range strings.SplitSeq(way, " AND ") {
			m := term.FindStringSubmatch(text)
			if m == nil {
				return false, unknown("nobody understands the condition %q", text)
			}
			if m[1] != "" {
				_, there := stored[r.ExpressionAttributeNames[m[1]]]
				all = all && !there
				continue
			}
			value := stored[r.ExpressionAttributeNames[m[2]]].text()
			all = all && slices.ContainsFunc(strings.Split(m[3], ", "), func(alias string) bool { return value == r.ExpressionAttributeValues[alias].text() })
		}
		if all {
			return true, nil
		}
	}
	return false, nil
}
