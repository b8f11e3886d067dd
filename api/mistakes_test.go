package api_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/motionmill/motionmill/api"
)

// A mistake of an older service, with its number there (see worker/mistakes_test.go).

// signerSpy keeps what it is asked to sign.
type signerSpy struct {
	api.Signer
	asked []api.PutRequest
}

func (s *signerSpy) PresignPut(ctx context.Context, put api.PutRequest) (api.Signed, error) {
	s.asked = append(s.asked, put)
	return s.Signer.PresignPut(ctx, put)
}

// Every URL to upload to had the same key, and was good for 100 hours.
func TestMistake17UploadURLsHaveTheirOwnKeysAndShortLives(t *testing.T) {
	for path, body := range map[string]any{
		"/v1/uploads":           map[string]any{"name": "a.mp4", "bytes": 5, "type": "video/mp4"},
		"/video/pre-signed-url": map[string]any{"name": "a.mp4"},
	} {
		spy := &signerSpy{}
		s := newStage(t, func(c *api.Config) { spy.Signer, c.Signer = c.Signer, spy })
		var keys []string
		for range 20 {
			if a := s.call(t, "POST", path, body); a.status/100 != 2 {
				t.Fatalf("POST %s is answered %d: %s", path, a.status, a.raw)
			}
		}
		for _, put := range spy.asked {
			if slices.Contains(keys, put.Key) {
				t.Errorf("POST %s gave the key %s twice", path, put.Key)
			}
			keys = append(keys, put.Key)
			if put.Expires <= 0 || put.Expires > 15*time.Minute {
				t.Errorf("POST %s signed for %v", path, put.Expires)
			}
		}
		if len(keys) != 20 {
			t.Errorf("POST %s signed %d URLs, of 20", path, len(keys))
		}
	}
}
