package ledger_test

import (
	"testing"

	"github.com/motionmill/motionmill/cloudtest"
	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/ledger"
)

// An answer that begins before the request is quite sent is read all the same,
// and the request is made once.
func TestDynamoAnswerFasterThanTheWriter(t *testing.T) {
	settings, requests := cloudtest.Hasty(t, `{"ConsumedCapacity":{"CapacityUnits":1,"TableName":"ledger"}}`)
	l, err := ledger.NewDynamo(t.Context(), ledger.DynamoConfig{Table: "ledger", AWS: &settings})
	if err != nil {
		t.Fatal(err)
	}
	rec, err := l.Get(t.Context(), "a")
	if err != nil || rec.State != job.None {
		t.Errorf("read %+v, error %v", rec, err)
	}
	if n := requests.Load(); n != 1 {
		t.Errorf("it took %d requests", n)
	}
}
