package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
)

// fakeMetadata is what the metadata of an instance say now.
type fakeMetadata struct {
	mu    sync.Mutex
	texts map[string]string
	err   error
	asked int
}

func onInstance() *fakeMetadata {
	return &fakeMetadata{texts: map[string]string{
		pathInstance: "i-0abc", pathRegion: "eu-central-1", pathGroup: "workers", pathLifecycle: "InService",
	}}
}

func (m *fakeMetadata) get(_ context.Context, path string) (string, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	text, found := m.texts[path]
	return text, found && m.err == nil, m.err
}

func (m *fakeMetadata) say(path, text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.texts[path] = text
}

func (m *fakeMetadata) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// interrupt says that the instance is taken after d.
func (m *fakeMetadata) interrupt(d time.Duration) {
	m.say(pathSpot, fmt.Sprintf(`{"action": "terminate", "time": %q}`, time.Now().Add(d).UTC().Format(time.RFC3339)))
}

// fakeScaling notes the calls with their time since it was made.
type fakeScaling struct {
	began time.Time
	mu    sync.Mutex
	calls []string
	// refuse, when set, decides what each call returns.
	refuse func(call string) error
}

func (f *fakeScaling) note(call string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := error(nil)
	if f.refuse != nil {
		err = f.refuse(call)
	}
	if err != nil {
		call += " refused"
	}
	f.calls = append(f.calls, fmt.Sprintf("%s %s", time.Since(f.began).Round(time.Second), call))
	return err
}

func (f *fakeScaling) SetInstanceProtection(_ context.Context, in *autoscaling.SetInstanceProtectionInput, _ ...func(*autoscaling.Options)) (*autoscaling.SetInstanceProtectionOutput, error) {
	call := "unprotect"
	if *in.ProtectedFromScaleIn {
		call = "protect"
	}
	return &autoscaling.SetInstanceProtectionOutput{}, f.note(call)
}

func (f *fakeScaling) RecordLifecycleActionHeartbeat(context.Context, *autoscaling.RecordLifecycleActionHeartbeatInput, ...func(*autoscaling.Options)) (*autoscaling.RecordLifecycleActionHeartbeatOutput, error) {
	return &autoscaling.RecordLifecycleActionHeartbeatOutput{}, f.note("heartbeat")
}

func (f *fakeScaling) CompleteLifecycleAction(context.Context, *autoscaling.CompleteLifecycleActionInput, ...func(*autoscaling.Options)) (*autoscaling.CompleteLifecycleActionOutput, error) {
	return &autoscaling.CompleteLifecycleActionOutput{}, f.note("complete")
}

func (f *fakeScaling) did() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.calls, ", ")
}

// fakeWorker is a worker whose jobs end when they are told, or when hurried.
type fakeWorker struct {
	began time.Time
	busy  atomic.Bool
	// stopped and hurried are when its claims ended and it was hurried, a
	// nanosecond late; 0 is never.
	stopped, hurried atomic.Int64
	done             chan struct{}
	once             sync.Once
}

func (w *fakeWorker) work() Work { return Work{Run: w.run, Hurry: w.hurry, Busy: w.busy.Load} }

func (w *fakeWorker) run(ctx context.Context) error {
	<-ctx.Done()
	w.stopped.Store(int64(time.Since(w.began)) + 1)
	if w.busy.Load() {
		<-w.done
	}
	w.busy.Store(false)
	return nil
}

func (w *fakeWorker) hurry() {
	w.hurried.CompareAndSwap(0, int64(time.Since(w.began))+1)
	w.finish()
}

// finish ends the jobs.
func (w *fakeWorker) finish() { w.once.Do(func() { close(w.done) }) }

// logText keeps what is logged, for reading meanwhile.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
	// written, when set, has something in it after each line; it has room for one.
	written chan struct{}
}

func (l *logText) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.written <- struct{}{}:
	default:
	}
	return l.text.Write(line)
}

// await returns once a text was logged, or ctx has ended.
func (l *logText) await(ctx context.Context, text string) error {
	for !strings.Contains(l.String(), text) {
		select {
		case <-l.written:
		case <-ctx.Done():
			return fmt.Errorf("wait for %q to be logged: %w", text, ctx.Err())
		}
	}
	return nil
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// visit is a guest in a bubble of fake time.
type visit struct {
	t       *testing.T
	meta    *fakeMetadata
	scaling *fakeScaling
	worker  *fakeWorker
	log     *logText
	signal  context.CancelFunc // as SIGTERM
	ended   chan struct{}
	err     error
}

// inBubble lets a test visit EC2 for as long as it likes.
func inBubble(t *testing.T, cfg Config, prepare func(*visit), story func(*visit)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		v := &visit{t: t, meta: onInstance(), scaling: &fakeScaling{began: time.Now()}, log: &logText{}, ended: make(chan struct{})}
		v.worker = &fakeWorker{began: time.Now(), done: make(chan struct{})}
		if prepare != nil {
			prepare(v)
		}
		ctx, cancel := context.WithCancel(t.Context())
		v.signal = cancel
		cfg.Hook = "drain"
		cfg.Logger = slog.New(slog.NewTextHandler(v.log, nil))
		g := arrive(ctx, cfg.withDefaults(), v.meta, func(string) scaling { return v.scaling })
		go func() {
			defer close(v.ended)
			v.err = g.Run(ctx, v.worker.work())
		}()
		story(v)
		v.worker.finish()
		cancel()
		<-v.ended
	})
}

func (v *visit) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// over reports whether Run has returned.
func (v *visit) over() bool {
	select {
	case <-v.ended:
		return true
	default:
		return false
	}
}

func (v *visit) want(what string, got, want any) {
	v.t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		v.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// never stands for what did not happen.
const never = -1

func seconds(n *atomic.Int64) float64 {
	if n.Load() == 0 {
		return never
	}
	return time.Duration(n.Load()).Round(time.Second).Seconds()
}

var errThrottled = errors.New("throttled")
