package main

import (
	"errors"
	"log/slog"
	"net/url"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
)

func TestAQueueURLSaysHowLongMessagesStayHidden(t *testing.T) {
	for query, want := range map[string]time.Duration{"queue=work": 0, "queue=work&visibility=90s": 90 * time.Second, "visibility=1m30s": 90 * time.Second} {
		got, err := visibilityOf(&url.URL{Scheme: "sqlite", Path: "/x.db", RawQuery: query})
		if err != nil || got != want {
			t.Errorf("%s gives %s, %v", query, got, err)
		}
	}
	for _, query := range []string{"visibility=90", "visibility=-3s", "visibility=0s", "visibility=soon"} {
		_, err := visibilityOf(&url.URL{Scheme: "sqlite", Path: "/x.db", RawQuery: query})
		var usage usageError
		if !errors.As(err, &usage) {
			t.Errorf("%s gives %v", query, err)
		}
	}
}

// TestReceivedMessagesComeBackAsTheURLSays receives a message and leaves it.
func TestReceivedMessagesComeBackAsTheURLSays(t *testing.T) {
	database := "sqlite://" + t.TempDir() + "/stage.db"
	flags := stageFlags{
		stage: "x", uploadsBucket: "u", outputsBucket: "o", work: database + "?queue=work&visibility=100ms",
		inProgress: database + "?queue=in-progress", deadLetter: database + "?queue=dead-letter", ledger: database,
	}
	s, err := flags.open(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if err := s.work.Send(t.Context(), job.Outgoing{Body: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	for received := 1; received <= 2; received++ {
		messages, err := s.work.Receive(t.Context(), 1, 10*time.Second)
		if err != nil || len(messages) != 1 || messages[0].Received != received {
			t.Fatalf("receive %d gives %+v (%v)", received, messages, err)
		}
	}
}
