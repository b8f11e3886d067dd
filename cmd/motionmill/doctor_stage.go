package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/motionmill/motionmill/job"
)

// stageDoctor looks at a stage. It asks, and changes nothing.
type stageDoctor struct {
	stageFlags
	lease time.Duration
}

func (d *stageDoctor) add(cmd *cobra.Command) {
	d.stageFlags.add(cmd)
	cmd.Flags().DurationVar(&d.lease, "lease", time.Minute, "how long a claim of the stage's workers is good without a renewal")
}

// checks are those of the stage that the settings name, or one that says that
// they name none.
func (d *stageDoctor) checks() []check {
	f := d.stageFlags
	all := []check{{name: "stage", look: d.lookAtSettings}}
	part := func(setting, name string, look func(context.Context) (string, error)) {
		if setting != "" {
			all = append(all, check{name: name, look: look})
		}
	}
	if d.onAWS() {
		all = append(all, check{name: "identity", look: d.lookAtIdentity})
		part(f.uploadsBucket, "clock", d.lookAtClock)
	}
	part(f.uploadsBucket, "uploads", d.lookAtUploads)
	part(f.outputsBucket, "outputs", d.lookAtOutputs)
	part(f.work, "work queue", d.lookAtQueue(f.work, true))
	part(f.inProgress, "in-progress", d.lookAtQueue(f.inProgress, true))
	part(f.deadLetter, "dead-letter", d.lookAtQueue(f.deadLetter, false))
	part(f.ledger, "ledger", d.lookAtLedger)
	return together(all)
}

// onAWS tells whether any queue or the ledger of the stage is not embedded.
func (d *stageDoctor) onAWS() bool {
	for _, name := range []string{d.work, d.inProgress, d.deadLetter, d.ledger} {
		if name != "" && !isEmbedded(name) {
			return true
		}
	}
	return false
}

func (d *stageDoctor) lookAtSettings(context.Context) (string, error) {
	f := d.stageFlags
	if f.uploadsBucket+f.outputsBucket+f.work+f.inProgress+f.deadLetter+f.ledger == "" {
		return "none is set; env.sh STAGE writes one to .env", nil
	}
	if err := f.check(); err != nil {
		return "", err
	}
	if !d.onAWS() {
		return f.stage + ", embedded", nil
	}
	return f.stage + ", on AWS", nil
}

// parts opens parts of the stage, for one check.
func (d *stageDoctor) parts() *parts { return newParts(slog.New(slog.DiscardHandler)) }

// lookAtEmbedded looks at the file of a part without opening it, since that
// would make one.
func lookAtEmbedded(name string) (string, error) {
	u, err := url.Parse(name)
	if err != nil {
		return "", usageError{fmt.Errorf("read %q: %w", name, err)}
	}
	info, err := os.Stat(u.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(filepath.Dir(u.Path)); err != nil {
			return "", job.Fail(job.Storage, "look at", u.Path, "", "Make its folder, or let `motionmill local` do so.", err)
		}
		return u.Path + " is made at the first start", nil
	case err != nil:
		return "", job.Fail(job.Storage, "look at", u.Path, "", "Choose another file, or mend its folder.", err)
	case !info.Mode().IsRegular():
		return "", job.Fail(job.Storage, "look at", u.Path, "it is not a plain file", "Choose another file.", nil)
	}
	file, err := os.OpenFile(u.Path, os.O_RDWR, 0)
	if err != nil {
		return "", job.Fail(job.Storage, "look at", u.Path, "it cannot be written", "Run as the user that it belongs to.", err)
	}
	defer file.Close()
	const magic = "SQLite format 3\x00"
	head := make([]byte, len(magic))
	if n, err := file.ReadAt(head, 0); n > 0 && string(head) != magic {
		return "", job.Fail(job.Storage, "look at", u.Path, "it is no database of SQLite", "Choose another file.", err)
	}
	return fmt.Sprintf("%s, %d bytes", u.Path, info.Size()), nil
}

// lookAtEmbeddedQueue also reads what the URL of a queue says beside its file.
func lookAtEmbeddedQueue(name string) (string, error) {
	u, err := url.Parse(name)
	if err != nil {
		return "", usageError{fmt.Errorf("read %q: %w", name, err)}
	}
	if u.Query().Get("queue") == "" {
		return "", usageError{fmt.Errorf("open queue %s: it names no queue; append ?queue=NAME", name)}
	}
	if _, err := visibilityOf(u); err != nil {
		return "", err
	}
	return lookAtEmbedded(name)
}

// together makes the looks of some checks begin all at once, when the first of
// them is asked for: what does not answer is then waited for once only.
func together(all []check) []check {
	type result struct {
		found string
		err   error
	}
	var once sync.Once
	results := make([]chan result, len(all))
	begun := make([]check, len(all))
	for i, c := range all {
		results[i] = make(chan result, 1)
		begun[i] = check{name: c.name, mend: c.mend, look: func(ctx context.Context) (string, error) {
			once.Do(func() {
				for i, c := range all {
					go func() {
						found, err := c.look(ctx)
						results[i] <- result{found, err}
					}()
				}
			})
			r := <-results[i]
			return r.found, r.err
		}}
	}
	return begun
}

// faults gathers what is wrong with one part of a stage, and what mends it.
type faults struct{ findings, remedies []string }

func (f *faults) add(finding, remedy string) {
	f.findings = append(f.findings, finding)
	if remedy != "" {
		f.remedies = append(f.remedies, remedy)
	}
}

// err is nil when nothing is wrong.
func (f *faults) err(op, subject string) error {
	if len(f.findings) == 0 {
		return nil
	}
	return job.Fail(job.Storage, op, subject, strings.Join(f.findings, "; "), strings.Join(f.remedies, "; "), nil)
}
