package pipeline

import "testing"

// A worker that lost its job writes on for a while: what it writes must lie
// where no other attempt's results do.
func TestEachAttemptHasAFolderOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, job := range []string{"a", "b", "a/1"} {
		for fence := range int64(13) {
			folder := Folder(job, fence)
			if seen[folder] {
				t.Errorf("two attempts share %s", folder)
			}
			seen[folder] = true
		}
	}
	if got := Folder("a", 2); got != "outputs/a/2/" {
		t.Errorf("the second attempt at job a writes to %s", got)
	}
}
