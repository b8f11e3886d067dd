package inference

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/picture"
	"github.com/motionmill/motionmill/inference/track"
	"github.com/motionmill/motionmill/job"
)

// stage is a made-up scene: where the person is in each frame, in frame px;
// frames in which there is none; and how long models take, in fake time.
type stage struct {
	person func(frame int) (picture.Rect, bool)
	delay  func(model, frame int) time.Duration

	detections, poses, mattes atomic.Int64
	busy, busiest             atomic.Int64
	poseFails                 error
}

// number reads the frame's number, which the test wrote into its first bytes.
func number(pic picture.Picture) int { return int(binary.LittleEndian.Uint32(pic.Pix)) }

func (s *stage) work(model int, pic picture.Picture) {
	now := s.busy.Add(1)
	for {
		most := s.busiest.Load()
		if now <= most || s.busiest.CompareAndSwap(most, now) {
			break
		}
	}
	if s.delay != nil {
		time.Sleep(s.delay(model, number(pic))) // in a synctest bubble
	}
	s.busy.Add(-1)
}

func (s *stage) Detect(pic picture.Picture) ([]picture.Detection, error) {
	s.detections.Add(1)
	s.work(meterDetect, pic)
	if at, ok := s.person(number(pic)); ok {
		return []picture.Detection{{Box: at, Score: 0.9}}, nil
	}
	return nil, nil
}

func (s *stage) Minimum() float64 { return 0.2 }

// Estimate finds the person when the box is on it; what it finds depends a
// little on the box, as a real model's answer does.
func (s *stage) Estimate(pic picture.Picture, box picture.Rect, points []picture.Keypoint) error {
	s.poses.Add(1)
	s.work(meterPose, pic)
	at, ok := s.person(number(pic))
	score := 0.9
	if !ok || picture.Overlap(at, box) < 0.1 {
		score = 0.05
	}
	for i := range points {
		points[i] = picture.Keypoint{
			X: at.X + at.W*float64(i%2) + 0.01*box.X, Y: at.Y + at.H*float64(i/2%2) + 0.01*box.H, Score: score,
		}
	}
	return s.poseFails
}

func (s *stage) Size(picture.Picture) (w, h int) { return 8, 8 }

func (s *stage) Cut(pic picture.Picture, dst []byte) error {
	s.mattes.Add(1)
	s.work(meterMatte, pic)
	clear(dst)
	if at, ok := s.person(number(pic)); ok {
		for y := range 8 {
			for x := range 8 {
				if cx, cy := float64(x*10+5), float64(y*10+5); cx > at.X && cx < at.X+at.W && cy > at.Y && cy < at.Y+at.H {
					dst[y*8+x] = byte(200 + number(pic)%50)
				}
			}
		}
	}
	return nil
}

func standing(int) (picture.Rect, bool) { return picture.Rect{X: 20, Y: 20, W: 20, H: 40}, true }

func dancing(frame int) (picture.Rect, bool) {
	swing := math.Sin(float64(frame) / 8)
	return picture.Rect{X: 25 + 20*swing, Y: 15, W: 20 + 5*swing, H: 50}, frame < 40 || frame > 55
}

// analyser uses the stage as detector (when asked), pose model and matte model.
func (s *stage) analyser(withDetector, wantMatte bool) *Analyser {
	a := &Analyser{pose: s, matte: s, choice: models.Choice{
		Pose: &models.Model{Manifest: models.Manifest{Points: models.KeypointSet{Names: []string{"a", "b", "c", "d"}}}}, WantMatte: wantMatte,
	}}
	if withDetector {
		a.detect = s
	}
	return a
}

// frames gives n frames at 30 a second, each with its number in its first bytes.
func frames(n int) func([]byte) (int, float64, error) {
	i := -1
	return func(pix []byte) (int, float64, error) {
		if i++; i == n {
			return 0, 0, io.EOF
		}
		binary.LittleEndian.PutUint32(pix, uint32(i))
		return i, float64(i) / 30, nil
	}
}

func testVideo(parallel int) Video {
	return Video{Width: 80, Height: 80, FrameWidth: 80, FrameHeight: 80, Parallel: parallel}
}

// watch runs n frames in a bubble of fake time and returns the results.
func (s *stage) watch(t *testing.T, a *Analyser, v Video, n int) (results []Result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		stats, err := a.Analyse(t.Context(), v, frames(n), func(r Result) error {
			r.Matte = append([]byte(nil), r.Matte...)
			results = append(results, r)
			return nil
		})
		if err != nil || stats.Frames != n || len(results) != n {
			t.Errorf("%d frames, %d results of %d, error %v", stats.Frames, len(results), n, err)
		}
	})
	for i, r := range results {
		if r.Index != i || r.Time != float64(i)/30 {
			t.Fatalf("result %d is of frame %d at %v", i, r.Index, r.Time)
		}
	}
	return results
}

// scramble makes models take very different times, other ones for each seed.
func scramble(seed int) func(model, frame int) time.Duration {
	return func(model, frame int) time.Duration {
		x := uint64(seed*1_000_003 + model*7919 + frame*104_729)
		x ^= x >> 13
		x *= 0x9E3779B97F4A7C15
		return time.Duration(x>>40) % (50 * time.Millisecond)
	}
}

func TestResultsDoNotDependOnParallelismOrSpeed(t *testing.T) {
	for _, withDetector := range []bool{true, false} {
		var want []Result
		for i, parallel := range []int{1, 2, 3, 4, 8, 32} {
			s := &stage{person: dancing, delay: scramble(i)}
			got := s.watch(t, s.analyser(withDetector, true), testVideo(parallel), 120)
			if i == 0 {
				want = got
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("detector %v, %d at once: %s", withDetector, parallel, diff)
			}
		}
		for i, r := range want {
			if _, there := dancing(i); there != (len(r.People) == 1) {
				t.Errorf("detector %v, frame %d: person there %v, found %d", withDetector, i, there, len(r.People))
			}
			if sum := inferencetest.SumOf(r.Matte); (sum > 0) != (len(r.People) == 1) {
				t.Errorf("frame %d: the matte adds up to %d", i, sum)
			}
		}
	}
}

func TestDetectorRunsSeldom(t *testing.T) {
	s := &stage{person: standing}
	s.watch(t, s.analyser(true, false), testVideo(2), 100)
	// The first two frames, for nothing is known before them, and every thirty-first.
	if n := s.detections.Load(); n != 5 {
		t.Errorf("%d detections in 100 frames, want 5", n)
	}
	if s.poses.Load() != 100 || s.mattes.Load() != 0 {
		t.Errorf("%d poses and %d mattes, want 100 and 0", s.poses.Load(), s.mattes.Load())
	}
}

func TestMatteStandsInForTheDetector(t *testing.T) {
	s := &stage{person: standing}
	results := s.watch(t, s.analyser(false, false), testVideo(2), 50)
	if s.mattes.Load() != 2 || results[49].Matte != nil {
		t.Errorf("%d mattes, want 2 and none in the results", s.mattes.Load())
	}
	// A matte without the person: the whole frame is tried, in the same frame.
	s = &stage{person: standing}
	a := s.analyser(false, false)
	a.matte = wrongMatte{s}
	for i, r := range s.watch(t, a, testVideo(2), 5) {
		if len(r.People) != 1 {
			t.Errorf("frame %d: nobody found", i)
		}
	}
}

// wrongMatte takes a corner for the person.
type wrongMatte struct{ *stage }

func (wrongMatte) Cut(_ picture.Picture, dst []byte) error {
	clear(dst)
	dst[len(dst)-1], dst[len(dst)-2], dst[len(dst)-9], dst[len(dst)-10] = 255, 255, 255, 255
	return nil
}

func TestIDs(t *testing.T) {
	for _, c := range []struct {
		name     string
		person   func(int) (picture.Rect, bool)
		from, to int // the frames without anyone
		last     int
	}{
		{"away for a while, back elsewhere", func(i int) (picture.Rect, bool) {
			if i < 30 {
				return picture.Rect{X: 0, Y: 0, W: 20, H: 40}, true
			}
			return picture.Rect{X: 50, Y: 30, W: 20, H: 40}, i >= 75
		}, 30, 75, 2},
		{"away for a while, back at the same place", func(i int) (picture.Rect, bool) { return picture.Rect{X: 0, Y: 0, W: 20, H: 40}, i < 30 || i >= 75 }, 30, 75, 1},
		{"a cut in the film", func(i int) (picture.Rect, bool) {
			if i < track.DetectEvery(track.PeopleLargest) { // the detector looks just then
				return picture.Rect{X: 0, Y: 0, W: 20, H: 40}, true
			}
			return picture.Rect{X: 50, Y: 30, W: 20, H: 40}, true
		}, 0, 0, 1},
		{"another cut", func(i int) (picture.Rect, bool) {
			if i < 20 {
				return picture.Rect{X: 0, Y: 0, W: 20, H: 40}, true
			}
			return picture.Rect{X: 50, Y: 30, W: 20, H: 40}, true
		}, 0, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &stage{person: c.person, delay: scramble(1)}
			for i, r := range s.watch(t, s.analyser(true, false), testVideo(3), 90) {
				want := 1
				if i >= c.to && c.to > 0 {
					want = c.last
				}
				if i >= c.from && i < c.to {
					if len(r.People) != 0 {
						t.Errorf("frame %d: found somebody", i)
					}
				} else if len(r.People) != 1 || r.People[0].ID != want {
					t.Errorf("frame %d: %+v, want id %d", i, r.People, want)
				}
			}
		})
	}
}

func TestResultsAreInSourcePixels(t *testing.T) {
	s := &stage{person: standing}
	v := testVideo(1)
	v.Width, v.Height = 160, 240
	p := s.watch(t, s.analyser(true, false), v, 1)[0].People[0]
	// The person's corner at 20,20, moved by the hundredth of the box (20; 40).
	// Distances are kept from the picture's edge, half a pixel before the middle of the first.
	if want := [3]float64{2*20.7 - 0.5, 3*20.9 - 0.5, 0.9}; !closeTo(p.Raw[0][:], want[:]) || p.Keypoints[0] != p.Raw[0] {
		t.Errorf("the first point is %v raw and %v, want %v", p.Raw[0], p.Keypoints[0], want)
	}
	if want := [4]float64{2 * 17.2, 3 * 14.4, 2 * 26, 3 * 52}; !closeTo(p.Box[:], want[:]) {
		t.Errorf("the box is %v, want %v", p.Box, want)
	}
}

func closeTo(a, b []float64) bool {
	for i := range a {
		if math.Abs(a[i]-b[i]) > 1e-9 {
			return false
		}
	}
	return len(a) == len(b)
}

func TestAsManyAtOnceAsAllowed(t *testing.T) {
	for _, parallel := range []int{1, 2, 5} {
		s := &stage{person: standing, delay: func(int, int) time.Duration { return time.Second }}
		s.watch(t, s.analyser(true, true), testVideo(parallel), 40)
		if n := s.busiest.Load(); n != int64(parallel) {
			t.Errorf("at most %d inferences at once, want %d", n, parallel)
		}
	}
}

func TestSlowEmitHoldsNextBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{person: standing}
		source, read := frames(100), 0
		stop, ended := make(chan struct{}), make(chan error)
		go func() {
			_, err := s.analyser(true, true).Analyse(t.Context(), testVideo(4), func(pix []byte) (int, float64, error) {
				read++
				return source(pix)
			}, func(Result) error { <-stop; return nil })
			ended <- err
		}()
		synctest.Wait()
		if read > 4+2*track.Lag {
			t.Errorf("%d frames were read while nothing was taken", read)
		}
		close(stop)
		if err := <-ended; err != nil || read != 101 {
			t.Errorf("%d reads, error %v", read, err)
		}
	})
}

func TestErrorsEndTheAnalysis(t *testing.T) {
	broken := errors.New("broken")
	ok := func(Result) error { return nil }
	for _, c := range []struct {
		name string
		next func([]byte) (int, float64, error)
		emit func(Result) error
		pose error
	}{
		{"next", func([]byte) (int, float64, error) { return 0, 0, broken }, ok, nil},
		{"emit", frames(50), func(Result) error { return broken }, nil},
		{"pose", frames(50), ok, broken},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stage{person: standing, delay: scramble(2), poseFails: c.pose}
				if _, err := s.analyser(true, true).Analyse(t.Context(), testVideo(3), c.next, c.emit); !errors.Is(err, broken) {
					t.Errorf("got error %v", err)
				}
			})
		})
	}
}

func TestAnalyseEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		stopped := errors.New("stopped")
		s := &stage{person: standing, delay: scramble(5)}
		n := 0
		stats, err := s.analyser(true, true).Analyse(ctx, testVideo(3), frames(1_000_000), func(Result) error {
			if n++; n == 20 {
				cancel(stopped)
			}
			return nil
		})
		if !errors.Is(err, stopped) || stats.Frames < 20 || stats.Frames > 30 {
			t.Errorf("got error %v after %d frames", err, stats.Frames)
		}
	})
}

func TestAnalyseWithoutFrames(t *testing.T) {
	s := &stage{person: standing}
	s.watch(t, s.analyser(true, true), testVideo(3), 0)
}

func TestAnalyseRefuses(t *testing.T) {
	s := &stage{person: standing}
	v := testVideo(1)
	v.People = "some"
	_, err := s.analyser(true, true).Analyse(t.Context(), v, frames(1), nil)
	inferencetest.WantKind(t, err, job.Unsupported)
	for _, people := range []string{track.PeopleAll, track.PeopleCentre} {
		v.People = people
		_, err = s.analyser(false, true).Analyse(t.Context(), v, frames(1), nil)
		inferencetest.WantKind(t, err, job.ModelMissing)
	}
	v.People, v.DetectEvery = track.PeopleAll, -1
	_, err = s.analyser(true, true).Analyse(t.Context(), v, frames(1), nil)
	inferencetest.WantKind(t, err, job.Unsupported)
	_, err = s.analyser(true, true).Analyse(t.Context(), Video{Width: 10, Height: 10}, frames(1), nil)
	inferencetest.WantKind(t, err, job.Internal)
	if w, h := s.analyser(true, false).MatteSize(testVideo(1)); w != 0 || h != 0 {
		t.Errorf("a matte that nobody wants is %dx%d", w, h)
	}
}
