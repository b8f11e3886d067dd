package notice

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/motionmill/motionmill/job"
)

// deadKept is how long what was not delivered is kept. The bucket of a stage on
// AWS forgets all notes after eight days, whoever lives.
const deadKept = 7 * 24 * time.Hour

// Delivery is a webhook that has not been delivered, for people.
type Delivery struct {
	ID  string
	Job string
	// JobState is the state that it tells of.
	JobState job.State
	// URL is the endpoint, without what may be secret in it.
	URL string
	// Dead tells that it is tried no more.
	Dead  bool
	Tries int
	Since time.Time
	// TriedAt, Status and Error tell of the last try; zero before the first.
	// Status is 0 when there was no answer.
	TriedAt time.Time
	Status  int
	Error   string
	// DueAt is when it is tried again, unless it is dead.
	DueAt time.Time
}

// Undelivered shows what lies in a box, the dead before those that are tried.
type Undelivered struct{ Box Box }

// List gives up to limit deliveries, of one job or, with "", of all, and the
// cursor of what follows; an empty cursor is the first or the last page.
func (u Undelivered) List(ctx context.Context, jobID string, limit int, cursor string) ([]Delivery, string, error) {
	prefix := jobID
	if jobID != "" {
		prefix += "-"
	}
	var found []Delivery
	last := ""
	for _, folder := range []string{deadFolder, dueFolder} {
		if cursor != "" && strings.HasPrefix(cursor, dueFolder) && folder == deadFolder {
			continue
		}
		entries, err := u.Box.List(ctx, folder+prefix)
		if err != nil {
			return nil, "", fmt.Errorf("list the webhooks: %w", err)
		}
		for _, e := range entries {
			if strings.HasPrefix(cursor, folder) && e.Name <= cursor || strings.HasSuffix(e.Name, "-"+everyone) {
				continue
			}
			if len(found) == limit {
				return found, last, nil
			}
			text, err := u.Box.Read(ctx, e.Name)
			if err != nil && job.KindOf(err) == job.SourceGone {
				continue // It has just been delivered.
			}
			var doc document
			if err == nil {
				doc, err = decode(e.Name, text)
			}
			if err != nil {
				return nil, "", err
			}
			found = append(found, doc.view(folder == deadFolder))
			last = e.Name
		}
	}
	return found, "", nil
}

func (d document) view(dead bool) Delivery {
	v := Delivery{
		ID: d.ID, Job: d.Record.ID, JobState: d.Record.State, URL: d.Shown, Dead: dead, Tries: d.Tries, Since: d.Since,
		TriedAt: d.TriedAt, Status: d.Status, Error: d.Error, DueAt: d.DueAt,
	}
	if dead {
		v.DueAt = time.Time{}
	}
	return v
}

// Redeliver has a dead delivery tried for another day, under its old id. It
// reports whether there is one of the id.
func (u Undelivered) Redeliver(ctx context.Context, id string) (bool, error) {
	if id == "" || strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyz-") != "" {
		return false, nil
	}
	name := deadFolder + id
	entries, err := u.Box.List(ctx, name)
	if err != nil {
		return false, fmt.Errorf("find delivery %s: %w", id, err)
	}
	if !slices.ContainsFunc(entries, func(e Entry) bool { return e.Name == name }) {
		return false, nil
	}
	text, err := u.Box.Read(ctx, name)
	if err != nil {
		return false, fmt.Errorf("read delivery %s: %w", id, err)
	}
	doc, err := decode(name, text)
	if err != nil {
		return false, err
	}
	again := newDocument(doc.Record, doc.Endpoint, time.Now().UTC())
	again.Shown, again.Again = doc.Shown, true
	if _, _, err := u.Box.Write(ctx, dueFolder+id, "", again.encode()); err != nil {
		return false, fmt.Errorf("redeliver %s: %w", id, err)
	}
	return true, u.Box.Remove(ctx, name)
}

// tidy removes what has been dead for long.
func tidy(ctx context.Context, box Box) error {
	entries, err := box.List(ctx, deadFolder)
	if err != nil {
		return fmt.Errorf("list the dead webhooks: %w", err)
	}
	for _, e := range entries {
		text, err := box.Read(ctx, e.Name)
		if err != nil && job.KindOf(err) == job.SourceGone {
			continue
		}
		if err != nil {
			return err
		}
		doc, err := decode(e.Name, text)
		if err == nil && time.Since(cmp.Or(doc.TriedAt, doc.Since)) < deadKept {
			continue
		}
		if err := box.Remove(ctx, e.Name); err != nil {
			return err
		}
	}
	return nil
}
