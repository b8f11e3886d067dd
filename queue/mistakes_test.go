package queue_test

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/motionmill/motionmill/queue"
)

// Mistakes of an older service in reading notifications, each with its number
// there (see worker/mistakes_test.go).

// created is the notification of a new object; the key as S3 writes it.
func created(key string) []byte {
	return fmt.Appendf(nil, `{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":%q,"eTag":"e"}}}]}`, key)
}

// Its own results came back as uploads for ever: there was no filter.
func TestMistake01OurResultsAreNoUploads(t *testing.T) {
	reader := queue.NewReader(queue.ReaderConfig{})
	eventBridge := func(key string) []byte {
		return fmt.Appendf(nil, `{"source":"aws.s3","detail-type":"Object Created","detail":{"bucket":{"name":"b"},"object":{"key":%q,"etag":"e"}}}`, key)
	}
	sns := func(key string) []byte {
		return fmt.Appendf(nil, `{"Type":"Notification","Message":%q}`, created(key))
	}
	for form, write := range map[string]func(string) []byte{"S3": created, "EventBridge": eventBridge, "SNS": sns} {
		for key, orders := range map[string]int{
			"outputs/job/3/video.mp4": 0, "outputs/job/manifest.json": 0, "uploads/x/a.mp4": 1, "my-outputs/a.mp4": 1,
		} {
			n, err := reader.Read(write(key))
			if err != nil || len(n.Orders) != orders || (orders == 0) == (n.Ignored == "") {
				t.Errorf("%s of %s gives %d orders, ignored %q (%v)", form, key, len(n.Orders), n.Ignored, err)
			}
		}
	}
}

// Keys were not decoded, so that names with spaces were never found.
func TestMistake11KeysAreDecodedOnce(t *testing.T) {
	reader := queue.NewReader(queue.ReaderConfig{})
	for _, key := range []string{
		"uploads/Knie beuge.mp4", "uploads/1+1.mp4", "uploads/50%.mp4", "uploads/100%25.mp4", "uploads/Übung/深蹲.mp4", "a&b=c?d#e.mp4",
	} {
		n, err := reader.Read(created(url.QueryEscape(key)))
		if err != nil || len(n.Orders) != 1 || n.Orders[0].Source.Key != key {
			t.Errorf("%q comes back as %+v (%v)", key, n.Orders, err)
		}
	}
}
