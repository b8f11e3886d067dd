package job

import "testing"

// Two uploads of the same bytes to a bucket with versions are two jobs.
func TestTheVersionIsPartOfTheIdentity(t *testing.T) {
	first := Source{Bucket: "b", Key: "k", ETag: "e", Version: "v1"}
	second := first
	second.Version = "v2"
	if ID(first, "trainer") == ID(second, "trainer") {
		t.Error("the second version is taken for the first")
	}
}
