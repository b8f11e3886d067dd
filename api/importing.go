package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/motionmill/motionmill/job"
)

const (
	importNotes = "imports/"
	// importsWaiting is how many imports may wait for a free place, and
	// importsOfOwner how many of them may be one owner's.
	importsWaiting = 1000
	importsOfOwner = 100
	// importTries is how often a fetch is begun, importPause the first wait in between.
	importTries = 3
	importPause = 2 * time.Second
	// importQuiet is how long a server may send nothing.
	importQuiet = 30 * time.Second
)

// errStopping ends the imports of a process that ends; the next one takes them up.
var errStopping = errors.New("the API is stopping")

// importTask is an import as it is noted until it is done. An authorization is
// not in the note: it is a secret of the client's.
type importTask struct {
	ID         string            `json:"id"`
	Owner      string            `json:"owner,omitempty"`
	URL        string            `json:"url"`
	Request    string            `json:"request,omitempty"`
	Trace      string            `json:"trace,omitempty"`
	Metadata   map[string]string `json:"metadata,omitempty"`
	Authorized bool              `json:"authorized,omitempty"`
	CreatedAt  time.Time         `json:"created_at"`

	authorization string
}

// failedImport is the note of an import that failed.
type failedImport struct {
	job.Failure
	At time.Time `json:"at"`
}

// shown returns the address without what may be secret in it.
func (t importTask) shown() string {
	u, err := url.Parse(t.URL)
	if err != nil {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// imports fetches videos, some at a time.
type imports struct {
	api    *API
	client *http.Client
	places chan struct{}
	ctx    context.Context //nolint:containedctx // of the imports, which outlive the requests that ask for them
	stop   context.CancelCauseFunc
	group  sync.WaitGroup

	mu      sync.Mutex
	current map[string]Import
	owned   map[string]chan struct{} // of an owner: the places that it may take
	ended   bool
}

func newImports(a *API) *imports {
	ctx, stop := context.WithCancelCause(context.Background())
	return &imports{
		api: a, client: a.guard.Client(), places: make(chan struct{}, a.cfg.ImportsAtOnce),
		ctx: ctx, stop: stop, current: map[string]Import{}, owned: map[string]chan struct{}{},
	}
}

// close ends what runs and waits for it. What was not done stays noted.
func (i *imports) close() {
	i.mu.Lock()
	i.ended = true
	i.mu.Unlock()
	i.stop(errStopping)
	i.group.Wait()
}

// live returns an import of this process that is not over.
func (i *imports) live(id string) (Import, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	view, ok := i.current[id]
	return view, ok
}

func (i *imports) show(id string, change func(*Import)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	view := i.current[id]
	change(&view)
	i.current[id] = view
}

// accept notes an import, then begins it: the answer to the client promises it.
func (i *imports) accept(ctx context.Context, u upload, task importTask) *Problem {
	if p := i.room(u.owner); p != nil {
		return p
	}
	text, err := json.Marshal(task)
	if err == nil {
		_, err = i.api.cfg.Notes.CreateNote(ctx, pendingNote(u), text)
	}
	if err != nil {
		return i.api.broken(ctx, "note the import", err)
	}
	i.begin(u, task)
	return nil
}

// room says why no import more of an owner's is taken, if so.
func (i *imports) room(owner string) *Problem {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.current) >= importsWaiting {
		return problem(http.StatusServiceUnavailable, problemBusy, fmt.Sprintf("%d imports are waiting. Try again later.", importsWaiting))
	}
	own := 0
	for _, view := range i.current {
		if owner != "" && OwnerOfKey(view.Key) == owner {
			own++
		}
	}
	if own >= importsOfOwner {
		return problem(http.StatusTooManyRequests, problemQuota, fmt.Sprintf("%d imports of yours are waiting, which is the limit. Wait until some have ended.", own))
	}
	return nil
}

// ownPlaces are the places that an owner may take: half of them, so that nobody
// holds up the others with servers that take their time.
func (i *imports) ownPlaces(owner string) chan struct{} {
	if owner == "" {
		return i.places
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.owned[owner] == nil {
		i.owned[owner] = make(chan struct{}, max(1, cap(i.places)/2))
	}
	return i.owned[owner]
}

// begin runs an import beside the requests, unless it runs here already.
func (i *imports) begin(u upload, task importTask) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if _, known := i.current[task.ID]; known || i.ended {
		return
	}
	i.current[task.ID] = Import{ID: task.ID, State: ImportWaiting, URL: task.shown(), Key: u.key()}
	i.group.Add(1)
	go func() {
		defer i.group.Done()
		ctx := context.WithValue(i.ctx, requestKey{}, task.Request)
		err := i.api.guarded(ctx, "import", func() error { return i.run(ctx, u, task) })
		_ = i.api.guarded(ctx, "end of an import", func() error { i.finish(ctx, u, task, err); return nil }) // It was told.
	}()
}

// run waits for a place and fetches, again where that may help.
func (i *imports) run(ctx context.Context, u upload, task importTask) error {
	for _, places := range slices.Compact([]chan struct{}{i.ownPlaces(u.owner), i.places}) { // Without an owner they are the same.
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if task.Authorized && task.authorization == "" {
		return job.Fail(job.SourceGone, "import", task.shown(), "the API was started anew, and did not keep the authorization", "Ask for the import again.", nil)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, i.api.cfg.ImportWithin,
		job.Fail(job.Timeout, "import", task.shown(), fmt.Sprintf("it took longer than %v", i.api.cfg.ImportWithin), "", nil))
	defer cancel()
	for try := 1; ; try++ {
		err := i.fetch(ctx, u, task)
		if err == nil || ctx.Err() != nil || job.KindOf(err).Permanent() || try == importTries {
			return because(context.Cause(ctx), err)
		}
		i.api.log.WarnContext(ctx, "import is tried again", "import", task.ID, "error", err)
		timer := time.NewTimer(importPause << (try - 1))
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// because prefers why something went wrong to what came of that; no error stays none.
func because(cause, err error) error {
	if err != nil && cause != nil {
		return cause
	}
	return err
}

// finish notes how an import ended. One that was stopped stays as it was noted.
func (i *imports) finish(ctx context.Context, u upload, task importTask, err error) {
	log := i.api.log.With("import", task.ID, "key", u.key())
	ctx = context.WithoutCancel(ctx)
	if errors.Is(err, errStopping) {
		log.InfoContext(ctx, "import will be taken up by the next process")
	} else if noteErr := i.settle(ctx, u, err); noteErr != nil {
		log.WarnContext(ctx, "the end of an import could not be noted", "error", errors.Join(err, noteErr))
	} else if err != nil {
		log.LogAttrs(ctx, slog.LevelWarn, "import failed", slog.Any("kind", job.KindOf(err)), slog.Any("error", err))
	} else {
		log.InfoContext(ctx, "imported")
	}
	if err != nil && !errors.Is(err, errStopping) {
		i.api.quotas.release(u.key(), "")
	}
	i.mu.Lock()
	delete(i.current, task.ID)
	i.mu.Unlock()
}

// settle notes a failure, and that nobody has to take the import up.
func (i *imports) settle(ctx context.Context, u upload, err error) error {
	if err != nil {
		text, marshalErr := json.Marshal(failedImport{Failure: job.Failure{Kind: job.KindOf(err), Message: err.Error()}, At: time.Now().UTC()})
		if marshalErr != nil {
			return fmt.Errorf("encode the failure: %w", marshalErr)
		}
		if _, noteErr := i.api.cfg.Notes.CreateNote(ctx, failedNote(u), text); noteErr != nil {
			return noteErr
		}
	}
	return i.api.cfg.Notes.RemoveNote(ctx, pendingNote(u))
}

// noted reads what is known of an import that does not run here.
func (i *imports) noted(ctx context.Context, u upload) (importTask, *job.Failure, error) {
	var task importTask
	var failed failedImport
	text, err := i.api.cfg.Notes.ReadNote(ctx, failedNote(u))
	if err == nil {
		err = json.Unmarshal(text, &failed)
		return task, &failed.Failure, err
	}
	if job.KindOf(err) != job.SourceGone {
		return task, nil, err
	}
	if text, err = i.api.cfg.Notes.ReadNote(ctx, pendingNote(u)); err != nil {
		return task, nil, err
	}
	err = json.Unmarshal(text, &task)
	return task, nil, err
}

// resume begins the imports noted before a time that have not ended and do not
// run here. That another process may be at them does no harm: an object is
// never written twice.
func (i *imports) resume(ctx context.Context, notedBefore time.Time) error {
	names, err := i.api.cfg.Notes.ListNotes(ctx, importNotes+"pending/")
	if err != nil {
		return fmt.Errorf("list the imports to take up: %w", err)
	}
	for _, name := range names {
		text, err := i.api.cfg.Notes.ReadNote(ctx, name)
		if err != nil && job.KindOf(err) == job.SourceGone {
			continue // It has just ended elsewhere.
		}
		var task importTask
		if err == nil {
			err = json.Unmarshal(text, &task)
		}
		if err != nil {
			return fmt.Errorf("read note %s: %w", name, err)
		}
		u, ok := parseUpload(task.ID, task.Owner, i.api.cfg.Profiles)
		if ok && task.CreatedAt.Before(notedBefore) {
			i.begin(u, task)
		}
	}
	return nil
}

// The notes of an import are its owner's: whoever else asks for its id finds none.
func pendingNote(u upload) string { return importNotes + "pending/" + u.token + ownerNote(u) }

func failedNote(u upload) string { return importNotes + "failed/" + u.token + ownerNote(u) }

func ownerNote(u upload) string { return "-" + hashOf([]byte(u.owner))[:16] }
