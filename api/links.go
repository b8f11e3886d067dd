package api

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/motionmill/motionmill/auth"
	"github.com/motionmill/motionmill/job"
)

const (
	// linkNotes begins the names of the notes of share links: its job and its id
	// follow. A link is good while its note is there.
	linkNotes = "shares/"
	// linkSeenFor is how long a note that was seen is taken to be there still:
	// a player asks for many files.
	linkSeenFor = 5 * time.Second
	// linksSeen bounds how many are remembered.
	linksSeen = 10_000
)

// ShareNote is what is kept of a share link. Its token is not.
type ShareNote struct {
	ID        string    `json:"id"`
	By        string    `json:"by,omitempty" doc:"Who made it."`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// ShareList is the links to a job, the newest first.
type ShareList struct {
	Links []ShareNote `json:"links" nullable:"false"`
}

// links knows which share links are good.
type links struct {
	notes Notes

	mu   sync.Mutex
	seen map[string]time.Time // until when, by the note's name
}

func linkNote(id, link string) string { return linkNotes + id + "/" + link }

// note writes down a link that is given away.
func (l *links) note(ctx context.Context, grant auth.Grant) error {
	text, err := json.Marshal(ShareNote{ID: grant.Link, By: grant.By, CreatedAt: time.Now().UTC(), ExpiresAt: grant.Expires.UTC()})
	if err != nil {
		return fmt.Errorf("encode the note of a link: %w", err)
	}
	_, err = l.notes.CreateNote(ctx, linkNote(grant.Job, grant.Link), text)
	return err
}

// good fails with a *auth.Denied for a link that was called back.
func (l *links) good(ctx context.Context, grant auth.Grant) error {
	name := linkNote(grant.Job, grant.Link)
	l.mu.Lock()
	until := l.seen[name]
	l.mu.Unlock()
	if time.Now().Before(until) {
		return nil
	}
	_, err := l.notes.ReadNote(ctx, name)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil && job.KindOf(err) == job.SourceGone:
		delete(l.seen, name)
		return &auth.Denied{Reason: auth.Withdrawn}
	case err != nil:
		return fmt.Errorf("look for the link: %w", err)
	}
	if len(l.seen) >= linksSeen {
		clear(l.seen)
	}
	l.seen[name] = time.Now().Add(linkSeenFor)
	return nil
}

// of gives the links to a job.
func (l *links) of(ctx context.Context, id string) ([]ShareNote, error) {
	names, err := l.notes.ListNotes(ctx, linkNotes+id+"/")
	if err != nil {
		return nil, fmt.Errorf("list the links: %w", err)
	}
	found := []ShareNote{}
	for _, name := range names {
		text, err := l.notes.ReadNote(ctx, name)
		if err != nil && job.KindOf(err) == job.SourceGone {
			continue // It was called back a moment ago.
		}
		var note ShareNote
		if err == nil {
			err = json.Unmarshal(text, &note)
		}
		if err != nil {
			return nil, fmt.Errorf("read note %s: %w", name, err)
		}
		if time.Now().Before(note.ExpiresAt) {
			found = append(found, note)
		}
	}
	slices.SortFunc(found, func(a, b ShareNote) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return found, nil
}

// end calls a link back.
func (l *links) end(ctx context.Context, id, link string) error {
	name := linkNote(id, link)
	err := l.notes.RemoveNote(ctx, name)
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.seen, name)
	return err
}

type shareListOutput struct{ Body ShareList }

func (a *API) listShares(ctx context.Context, in *JobPath) (*shareListOutput, error) {
	rec, p := a.record(ctx, in.ID)
	if p != nil {
		return nil, p
	}
	if _, p := a.grants(); p != nil {
		return nil, p
	}
	found, err := a.links.of(ctx, rec.ID)
	if err != nil {
		return nil, a.broken(ctx, "list the links", err)
	}
	return &shareListOutput{ShareList{Links: found}}, nil
}

func (a *API) unshareJob(ctx context.Context, in *struct {
	JobPath
	Link string `path:"link" pattern:"^[A-Z2-7]{26,64}$" doc:"The id of the link."`
}) (*struct{}, error) {
	rec, p := a.record(ctx, in.ID)
	if p != nil {
		return nil, p
	}
	if _, p := a.grants(); p != nil {
		return nil, p
	}
	if err := a.links.end(ctx, rec.ID, in.Link); err != nil {
		return nil, a.broken(ctx, "call the link back", err)
	}
	return nil, nil
}
