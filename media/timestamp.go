package media

import (
	"bufio"
	"io"
	"math/big"
	"strconv"
	"strings"
	"sync"
)

// Timestamp is when a frame is shown, counted from the first frame: exactly
// Ticks x Num / Den seconds.
type Timestamp struct{ Ticks, Num, Den int64 }

// Seconds returns the time in seconds.
func (t Timestamp) Seconds() float64 {
	if t.Den == 0 {
		return 0
	}
	return float64(t.Ticks*t.Num) / float64(t.Den)
}

// nanoseconds returns the time rounded to the nearest nanosecond.
func (t Timestamp) nanoseconds() int64 {
	if t.Den == 0 {
		return 0
	}
	n := new(big.Int).Mul(big.NewInt(t.Ticks), big.NewInt(t.Num))
	n.Mul(n, big.NewInt(2_000_000_000))
	n.Add(n, big.NewInt(t.Den))
	n.Div(n, new(big.Int).Mul(big.NewInt(t.Den), big.NewInt(2)))
	return n.Int64()
}

// stamps collects the timestamps that ffmpeg's framecrc output prints: one
// line a frame, with its exact presentation time. It never makes ffmpeg wait.
type stamps struct {
	mu    sync.Mutex
	grown *sync.Cond
	unit  Ratio   // of a tick, in seconds
	ticks []int64 // alone, since a long video has many frames
	over  bool
}

func newStamps() *stamps {
	s := &stamps{unit: Ratio{1, 1}}
	s.grown = sync.NewCond(&s.mu)
	return s
}

// read takes lines until the end of r. For every frame it calls check, if
// there is one.
func (s *stamps) read(r io.Reader, check func(count int64, at Timestamp)) {
	defer func() {
		s.mu.Lock()
		s.over = true
		s.grown.Broadcast()
		s.mu.Unlock()
	}()
	count := int64(0)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		if unit, ok := strings.CutPrefix(line, "#tb 0: "); ok {
			if ratio, ok := readRatio(unit); ok && count == 0 {
				s.unit = ratio // Nobody has asked for a time yet that could be given.
			}
			continue
		}
		fields := strings.Split(line, ",") // stream, dts, pts, duration, size, checksum
		if strings.HasPrefix(line, "#") || len(fields) < 4 {
			continue
		}
		pts, err := strconv.ParseInt(strings.TrimSpace(fields[2]), 10, 64)
		if err != nil {
			return // the count will not match, and say so
		}
		count++
		s.add(pts)
		if check != nil {
			check(count, s.at(pts))
		}
	}
}

func (s *stamps) at(ticks int64) Timestamp {
	return Timestamp{Ticks: ticks, Num: s.unit.Num, Den: s.unit.Den}
}

func (s *stamps) add(ticks int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ticks = append(s.ticks, ticks)
	s.grown.Broadcast()
}

// get waits for the timestamp of frame i; ok is false when there is none.
func (s *stamps) get(i int) (at Timestamp, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.ticks) <= i && !s.over {
		s.grown.Wait()
	}
	if len(s.ticks) <= i {
		return Timestamp{}, false
	}
	return s.at(s.ticks[i]), true
}

// wait returns all timestamps once there will be no more.
func (s *stamps) wait() []Timestamp {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.over {
		s.grown.Wait()
	}
	all := make([]Timestamp, len(s.ticks))
	for i, ticks := range s.ticks {
		all[i] = s.at(ticks)
	}
	return all
}
