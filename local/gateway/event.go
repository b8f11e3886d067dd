package gateway

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/versity/versitygw/s3event"

	"github.com/motionmill/motionmill/job"
)

// sequencer returns the order of an object among those of its key: its time
// of modification in nanoseconds since 1970, in hexadecimal of fixed width.
func sequencer(modified time.Time) string { return fmt.Sprintf("%016X", modified.UnixNano()) }

// The shape of a notification is that of S3 (Amazon S3 User Guide, "Event
// message structure", version 2.1).
type (
	eventMessage struct {
		Records []eventRecord
	}
	eventRecord struct {
		EventVersion      string            `json:"eventVersion"`
		EventSource       string            `json:"eventSource"`
		AWSRegion         string            `json:"awsRegion"`
		EventTime         string            `json:"eventTime"`
		EventName         string            `json:"eventName"`
		UserIdentity      eventIdentity     `json:"userIdentity"`
		RequestParameters map[string]string `json:"requestParameters"`
		ResponseElements  map[string]string `json:"responseElements"`
		S3                eventEntity       `json:"s3"`
	}
	eventIdentity struct {
		PrincipalID string `json:"principalId"`
	}
	eventEntity struct {
		SchemaVersion   string      `json:"s3SchemaVersion"`
		ConfigurationID string      `json:"configurationId"`
		Bucket          eventBucket `json:"bucket"`
		Object          eventObject `json:"object"`
	}
	eventBucket struct {
		Name          string        `json:"name"`
		OwnerIdentity eventIdentity `json:"ownerIdentity"`
		ARN           string        `json:"arn"`
	}
	eventObject struct {
		Key       string `json:"key"`
		Size      int64  `json:"size"`
		ETag      string `json:"eTag"`
		Sequencer string `json:"sequencer"`
	}
)

// notification returns what S3 would send of the object. Its bytes depend on
// nothing else than its arguments, so that the scan says what the upload said.
func notification(src job.Source, modified time.Time, event s3event.EventType, region string) []byte {
	body, err := json.Marshal(eventMessage{Records: []eventRecord{{
		EventVersion: "2.1", EventSource: "aws:s3", AWSRegion: region,
		EventTime:         modified.UTC().Format("2006-01-02T15:04:05.000Z"),
		EventName:         strings.TrimPrefix(string(event), "s3:"),
		UserIdentity:      eventIdentity{PrincipalID: "motionmill"},
		RequestParameters: map[string]string{"sourceIPAddress": "127.0.0.1"},
		ResponseElements:  map[string]string{},
		S3: eventEntity{
			SchemaVersion: "1.0", ConfigurationID: "motionmill-embedded",
			Bucket: eventBucket{Name: src.Bucket, OwnerIdentity: eventIdentity{PrincipalID: "motionmill"}, ARN: "arn:aws:s3:::" + src.Bucket},
			Object: eventObject{Key: formEncode(src.Key), Size: src.Bytes, ETag: src.ETag, Sequencer: src.Sequencer},
		},
	}}})
	if err != nil { // Every field is of a type that JSON can hold.
		panic(fmt.Sprintf("encode notification: %v", err))
	}
	return body
}

// formEncode writes a key as S3 does in notifications: as in a form, but with
// the slashes as they are.
func formEncode(key string) string {
	return strings.ReplaceAll(url.QueryEscape(key), "%2F", "/")
}
