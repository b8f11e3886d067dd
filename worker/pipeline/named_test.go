package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/job"
)

func TestErrorsNameTheObjectAndNotThePrivateFile(t *testing.T) {
	source := job.Source{Bucket: "up", Key: "a/dance.mp4"}
	inner := job.Fail(job.Corrupt, "decode", "source.mp4", "the program ended with status 1: source.mp4: Invalid data", "Export it again.", context.Canceled)
	inner.Stderr = []string{"source.mp4: Invalid data"}
	var typed *job.Error
	err := named(inner, source)
	if !errors.As(err, &typed) || typed.Kind != job.Corrupt || typed.Stderr[0] != "dance.mp4: Invalid data" || !errors.Is(err, context.Canceled) {
		t.Errorf("it became %#v", err)
	}
	if got := err.Error(); strings.Contains(got, "source.mp4") || !strings.HasPrefix(got, "decode s3://up/a/dance.mp4: ") {
		t.Errorf("it says %q", got)
	}
	if inner.Subject != "source.mp4" || inner.Stderr[0] != "source.mp4: Invalid data" {
		t.Errorf("the error itself was changed: %+v", inner)
	}
	err = named(fmt.Errorf("analyse: %w", job.Fail(job.OutOfDisk, "write", "overlay.mp4", "the disk is full", "", nil)), source)
	if got := err.Error(); got != "s3://up/a/dance.mp4: analyse: write overlay.mp4: the disk is full" || job.KindOf(err) != job.OutOfDisk {
		t.Errorf("one of another file says %q", got)
	}
}
