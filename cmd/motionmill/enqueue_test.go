package main

import (
	"log/slog"
	"testing"

	"github.com/motionmill/motionmill/job"
)

// TestAnEventThatWasSentRefusesNoUpload loses the ledger behind the event: the
// upload stands, because its message is out.
func TestAnEventThatWasSentRefusesNoUpload(t *testing.T) {
	url := "sqlite://" + t.TempDir() + "/stage.db"
	flags := stageFlags{
		stage: "x", uploadsBucket: "u", outputsBucket: "o", work: url + "?queue=work",
		inProgress: url + "?queue=in-progress", deadLetter: url + "?queue=dead-letter", ledger: url,
	}
	s, err := flags.open(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	for _, db := range s.parts.databases {
		if _, err := db.Exec("DROP TABLE ledger_records"); err != nil {
			t.Fatal(err)
		}
	}
	src := job.Source{Bucket: "u", Key: "k", ETag: "e", Sequencer: "1"}
	if err := s.enqueue(t.Context(), slog.New(slog.DiscardHandler), []byte("{}"), src); err != nil {
		t.Errorf("the upload is refused: %v", err)
	}
	depth, err := s.work.Depth(t.Context())
	if err != nil || depth.Visible != 1 {
		t.Errorf("the work queue holds %+v (%v)", depth, err)
	}
}
