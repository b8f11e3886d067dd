package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

func TestIdentityIsThatOfTheVersion(t *testing.T) {
	base := Source{Bucket: "b", Key: "k", ETag: "e", Sequencer: "0A"}
	id := ID(base, "trainer")
	if len(id) != 26 || strings.ToLower(id) != id {
		t.Errorf("the ID is %q", id)
	}
	change := func(f func(*Source)) Source { s := base; f(&s); return s }
	same := []Source{
		change(func(s *Source) { s.ETag = `"e"` }),
		change(func(s *Source) { s.Version = "null" }),
		change(func(s *Source) { s.Sequencer = "0a" }),
		change(func(s *Source) { s.Bytes = 5 }),
	}
	for _, s := range same {
		if ID(s, "trainer") != id {
			t.Errorf("%+v is another job", s)
		}
	}
	other := []string{
		ID(base, "pose"), ID(change(func(s *Source) { s.Sequencer = "0B" }), "trainer"),
		ID(change(func(s *Source) { s.Version = "v1" }), "trainer"), ID(change(func(s *Source) { s.ETag = "f" }), "trainer"),
		ID(Source{Bucket: "bk", Key: "", ETag: "e", Sequencer: "0A"}, "trainer"),
	}
	for i, o := range other {
		if o == id {
			t.Errorf("case %d is the same job", i)
		}
	}
	versioned := change(func(s *Source) { s.Version = "v1" })
	later := versioned
	later.Sequencer = "FF"
	if ID(versioned, "trainer") != ID(later, "trainer") {
		t.Error("a sequencer counts beside a version")
	}
}

func TestSequencersArePaddedOnTheRight(t *testing.T) {
	cases := []struct {
		a, b string
		want int
	}{{"0055AED6DCD90281E5", "0055AED6DCD90281E6", -1}, {"01", "0100", 0}, {"0a", "0A", 0}, {"1", "01", 1}, {"", "00", 0}, {"", "01", -1}}
	for _, c := range cases {
		if got := CompareSequencers(c.a, c.b); got != c.want {
			t.Errorf("%q against %q gives %d, want %d", c.a, c.b, got, c.want)
		}
		if got := CompareSequencers(c.b, c.a); got != -c.want {
			t.Errorf("%q against %q gives %d, want %d", c.b, c.a, got, -c.want)
		}
	}
}

func TestKinds(t *testing.T) {
	inner := Fail(Corrupt, "decode", "x.mp4", "the index is missing", "Export it again.", nil)
	cases := map[Kind]error{
		Corrupt:   fmt.Errorf("run: %w", inner),
		OutOfDisk: fmt.Errorf("write: %w", syscall.ENOSPC),
		Internal:  errors.New("surprise"),
	}
	for want, err := range cases {
		if got := KindOf(err); got != want {
			t.Errorf("%v is %s, want %s", err, got, want)
		}
	}
	if got, want := inner.Error(), "decode x.mp4: the index is missing. Export it again."; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	if !Corrupt.Permanent() || Storage.Permanent() {
		t.Error("the decision between dead and retried is wrong")
	}
}

func TestFinalStatesLeadNowhereButByRetry(t *testing.T) {
	for _, from := range States() {
		for _, to := range States() {
			allowed := CanMove(from, to)
			if from.Final() && allowed && (to != Queued || !from.Revivable()) {
				t.Errorf("%s may become %s", from, to)
			}
		}
	}
}

func TestLettersCarryEveryKey(t *testing.T) {
	source := Source{Bucket: "b", Key: "a\uFFFE\uFFFFü+ .mp4"}
	body := Letter{Type: TimerLetter, Job: "j", Source: &source}.Encode()
	if strings.ContainsAny(string(body), "\uFFFE\uFFFF") {
		t.Errorf("the body holds what a queue cannot carry: %q", body)
	}
	var back Letter
	if err := json.Unmarshal(body, &back); err != nil || back.Source.Key != source.Key {
		t.Errorf("it comes back as %+v (%v)", back.Source, err)
	}
}
