package gateway_test

import "testing"

// A mistake of an older service, with its number there (see worker/mistakes_test.go).

// Results came back as uploads for ever. Nobody is told of what is written to
// the outputs bucket, nor of results in the uploads bucket.
func TestMistake01NobodyIsToldOfResults(t *testing.T) {
	s := newStage(t)
	client := s.store("")
	for _, object := range []struct{ bucket, key string }{
		{outputs, "outputs/j/1/video.mp4"}, {outputs, "video.mp4"}, {uploads, "outputs/j/1/video.mp4"}, {uploads, "video.mp4"},
	} {
		if err := client.Put(t.Context(), object.bucket, object.key, []byte("video"), "video/mp4"); err != nil {
			t.Fatal(err)
		}
	}
	// Events are told before a PUT is answered, so the others would have come first.
	if event := s.next(); event.Source.Bucket != uploads || event.Source.Key != "video.mp4" {
		t.Errorf("told of %s", event.Source.URI())
	}
	if n := len(s.arrived); n != 0 {
		t.Errorf("told of %d objects more", n)
	}
}
