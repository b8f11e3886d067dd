package queue

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/motionmill/motionmill/job"
)

// s3Record is the part that we read of one record of an S3 notification. Test
// servers leave fields out.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
type s3Record struct {
	EventName string    `json:"eventName"`
	EventTime eventTime `json:"eventTime"`
	S3        *struct {
		Bucket struct {
			Name string `json:"name"`
		} `json:"bucket"`
		Object struct {
			Key       string `json:"key"`
			Size      int64  `json:"size"`
			ETag      string `json:"eTag"`
			VersionID string `json:"versionId"`
			Sequencer string `json:"sequencer"`
		} `json:"object"`
	} `json:"s3"`
}

// readRecords reads the records of an S3 notification.
func (r *Reader) readRecords(field json.RawMessage) (job.Notice, error) {
	var records []json.RawMessage
	if err := json.Unmarshal(field, &records); err != nil {
		return job.Notice{}, unreadable("Records", err)
	}
	if len(records) == 0 {
		return job.Notice{Ignored: "the notification holds no records"}, nil
	}
	all := make([]judged, len(records))
	for i, record := range records {
		var err error
		if all[i], err = r.readRecord(record); err != nil {
			return job.Notice{}, unreadable(fmt.Sprintf("Records[%d]", i), err)
		}
	}
	return notice(all), nil
}

func (r *Reader) readRecord(field json.RawMessage) (judged, error) {
	var record s3Record
	if err := json.Unmarshal(field, &record); err != nil {
		return judged{}, err
	}
	// MinIO writes the name with the prefix that others use in configurations only.
	event := strings.TrimPrefix(record.EventName, "s3:")
	switch {
	case record.S3 == nil:
		return judged{}, errors.New("it has no s3 part, so no object store sent it")
	case event == "":
		return judged{}, errors.New("eventName is missing")
	case !strings.HasPrefix(event, "ObjectCreated:"):
		return judged{ignored: "the event " + record.EventName + " creates no object"}, nil
	}
	object := record.S3.Object
	key, err := url.QueryUnescape(object.Key)
	if err != nil {
		return judged{}, fmt.Errorf("s3.object.key %q is not form-encoded: %w", object.Key, err)
	}
	source := job.Source{
		Bucket: record.S3.Bucket.Name, Key: key, Version: object.VersionID,
		ETag: object.ETag, Sequencer: object.Sequencer, Bytes: object.Size,
	}
	if err := checkSource(source); err != nil {
		return judged{}, fmt.Errorf("s3: %w", err)
	}
	read := r.judge(source)
	read.order.At = record.EventTime.Time
	return read, nil
}

// eventTime is when an event says that it happened. It is only for people to
// look at, so that one which cannot be read is zero and no error. moto leaves
// the zone out, and means UTC.
type eventTime struct{ time.Time }

// UnmarshalJSON reads what it can.
func (t *eventTime) UnmarshalJSON(text []byte) error {
	for _, layout := range []string{`"` + time.RFC3339 + `"`, `"2006-01-02T15:04:05"`} {
		if at, err := time.Parse(layout, string(text)); err == nil {
			t.Time = at
		}
	}
	return nil
}

// checkSource finds what no object can have.
func checkSource(s job.Source) error {
	switch {
	case s.Bucket == "":
		return errors.New("the name of the bucket is missing")
	case s.Key == "":
		return errors.New("the key of the object is missing")
	case !utf8.ValidString(s.Key):
		return fmt.Errorf("the key %q of the object is not UTF-8", s.Key)
	case s.Bytes < 0:
		return fmt.Errorf("the size of the object is negative: %d", s.Bytes)
	}
	return nil
}

// eventBridge is the part that we read of an event of EventBridge. Unlike in
// an S3 notification, the key is as it is. Field names match in any case:
// moto writes eTag.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
type eventBridge struct {
	Source string    `json:"source"`
	Type   string    `json:"detail-type"`
	Time   eventTime `json:"time"`
	Detail struct {
		Bucket struct {
			Name string `json:"name"`
		} `json:"bucket"`
		Object struct {
			Key       string `json:"key"`
			Size      int64  `json:"size"`
			ETag      string `json:"etag"`
			VersionID string `json:"version-id"`
			Sequencer string `json:"sequencer"`
		} `json:"object"`
	} `json:"detail"`
}

// readEventBridge reads an event of EventBridge.
func (r *Reader) readEventBridge(body []byte) (job.Notice, error) {
	var event eventBridge
	if err := json.Unmarshal(body, &event); err != nil {
		return job.Notice{}, unreadable("event", err)
	}
	switch {
	case event.Source != "aws.s3":
		return job.Notice{}, unreadable("event", fmt.Errorf("its source is %q, not aws.s3", event.Source))
	case event.Type != "Object Created":
		return job.Notice{Ignored: fmt.Sprintf("the event %q creates no object", event.Type)}, nil
	}
	object := event.Detail.Object
	source := job.Source{
		Bucket: event.Detail.Bucket.Name, Key: object.Key, Version: object.VersionID,
		ETag: object.ETag, Sequencer: object.Sequencer, Bytes: object.Size,
	}
	if err := checkSource(source); err != nil {
		return job.Notice{}, unreadable("detail", err)
	}
	read := r.judge(source)
	read.order.At = event.Time.Time
	return notice([]judged{read}), nil
}

// readSNS reads what a topic passed on.
// https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
func (r *Reader) readSNS(body []byte, envelopes int) (job.Notice, error) {
	var envelope struct {
		Type     string
		TopicArn string
		Message  string
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return job.Notice{}, unreadable("SNS envelope", err)
	}
	if envelope.Type != "Notification" {
		return job.Notice{}, unreadable("SNS envelope", fmt.Errorf("the topic %q sent a %q; a subscription must be confirmed by hand", envelope.TopicArn, envelope.Type))
	}
	n, err := r.read([]byte(envelope.Message), envelopes-1)
	if err != nil {
		return job.Notice{}, unreadable("Message of the SNS envelope", err)
	}
	return n, nil
}

// readTest reads the event that S3 sends when a notification is set up.
func readTest(field json.RawMessage) (job.Notice, error) {
	var event string
	if err := json.Unmarshal(field, &event); err != nil || event != "s3:TestEvent" {
		return job.Notice{}, unreadable("Event", fmt.Errorf("it is %s, not s3:TestEvent", field))
	}
	return job.Notice{Ignored: "it is a test event of S3"}, nil
}
