package pipeline

import (
	"sync"

	"github.com/motionmill/motionmill/media"
)

// times keeps the exact timestamps of the frames that are under way, from when
// they are decoded until they are composed.
type times struct {
	mu sync.Mutex
	at map[int]media.Timestamp
}

func (t *times) put(index int, at media.Timestamp) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.at == nil {
		t.at = map[int]media.Timestamp{}
	}
	t.at[index] = at
}

func (t *times) take(index int) media.Timestamp {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := t.at[index]
	delete(t.at, index)
	return at
}

// nextFrame returns what feeds the analysis with decoded frames.
func (w *work) nextFrame() func(pix []byte) (int, float64, error) {
	return func(pix []byte) (int, float64, error) {
		frame, err := w.decode.Next(pix)
		if err != nil {
			return 0, 0, err
		}
		if err := w.showSteps(pix, frame); err != nil {
			return 0, 0, err
		}
		if w.composes() {
			w.times.put(frame.Index, frame.Time)
		}
		return frame.Index, frame.Time.Seconds(), nil
	}
}
