package inference

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/motionmill/motionmill/inference/models"
)

// TrackSchema is the value of a pose track's schema field.
const TrackSchema = "motionmill.pose/1"

// TrackHeader is what a pose track says before its frames.
type TrackHeader struct {
	Width, Height int // display px of the upright source
	Keypoints     []string
	Skeleton      [][2]int // pairs of indices into Keypoints
	Models        []models.UsedModel
}

// TrackWriter writes a pose track (pose.json) frame by frame. The same results
// give the same bytes: positions have two decimals, scores four, times six.
type TrackWriter struct {
	out    *bufio.Writer
	buf    []byte
	frames int
	err    error
}

// NewTrackWriter starts a pose track on w. What fails is told by WriteFrame
// and Close.
func NewTrackWriter(w io.Writer, header TrackHeader) *TrackWriter {
	t := &TrackWriter{out: bufio.NewWriterSize(w, 64<<10)}
	text, err := encodeHeader(header)
	if err != nil {
		t.err = fmt.Errorf("write pose track: %w", err)
		return t
	}
	t.put(text)
	return t
}

// encodeHeader gives the track up to the opening bracket of its frames.
func encodeHeader(h TrackHeader) ([]byte, error) {
	type model struct { // Where it ran is no part of what was found.
		Name   string `json:"name"`
		Task   string `json:"task"`
		Family string `json:"family"`
		SHA256 string `json:"sha256"`
	}
	models := []model{}
	for _, m := range h.Models {
		models = append(models, model{m.Name, m.Task, m.Family, m.SHA256})
	}
	text, err := json.Marshal(struct {
		Schema    string   `json:"schema"`
		Width     int      `json:"width"`
		Height    int      `json:"height"`
		Keypoints []string `json:"keypoints"`
		Skeleton  [][2]int `json:"skeleton"`
		Models    []model  `json:"models"`
	}{TrackSchema, h.Width, h.Height, append([]string{}, h.Keypoints...), append([][2]int{}, h.Skeleton...), models})
	if err != nil {
		return nil, err
	}
	return append(text[:len(text)-1], ",\"frames\":["...), nil
}

// WriteFrame adds one frame; frames are to come in order.
func (t *TrackWriter) WriteFrame(r Result) error {
	if t.err != nil {
		return t.err
	}
	b := t.buf[:0]
	if t.frames > 0 {
		b = append(b, ',')
	}
	b = append(b, "\n{\"i\":"...)
	b = strconv.AppendInt(b, int64(r.Index), 10)
	b = append(b, ",\"t\":"...)
	b = t.number(b, r.Time, 6)
	b = append(b, ",\"people\":["...)
	for i, p := range r.People {
		if i > 0 {
			b = append(b, ',')
		}
		b = t.person(b, p)
	}
	b = append(b, "]}"...)
	t.buf = b
	t.frames++
	t.put(b)
	return t.err
}

func (t *TrackWriter) person(b []byte, p Person) []byte {
	b = append(b, "{\"id\":"...)
	b = strconv.AppendInt(b, int64(p.ID), 10)
	b = append(b, ",\"box\":["...)
	for i, v := range p.Box {
		if i > 0 {
			b = append(b, ',')
		}
		b = t.number(b, v, 2)
	}
	b = append(b, "],\"score\":"...)
	b = t.number(b, p.Score, 4)
	b = t.points(append(b, ",\"keypoints\":["...), p.Keypoints)
	b = t.points(append(b, ",\"raw\":["...), p.Raw)
	return append(b, '}')
}

func (t *TrackWriter) points(b []byte, points [][3]float64) []byte {
	for i, p := range points {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '[')
		b = append(t.number(b, p[0], 2), ',')
		b = append(t.number(b, p[1], 2), ',')
		b = append(t.number(b, p[2], 4), ']')
	}
	return append(b, ']')
}

// number writes v with a fixed number of decimals, and no negative zero.
func (t *TrackWriter) number(b []byte, v float64, decimals int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		t.err = errors.Join(t.err, fmt.Errorf("write pose track: frame %d holds %v", t.frames, v))
		return b
	}
	if math.Abs(v) < 0.5*math.Pow10(-decimals) {
		v = 0
	}
	return strconv.AppendFloat(b, v, 'f', decimals, 64)
}

func (t *TrackWriter) put(b []byte) {
	if t.err != nil {
		return
	}
	if _, err := t.out.Write(b); err != nil {
		t.err = fmt.Errorf("write pose track: %w", err)
	}
}

// Close ends the track and flushes it; it does not close the writer below.
func (t *TrackWriter) Close() error {
	t.put([]byte("\n]}\n"))
	if t.err != nil {
		return t.err
	}
	if err := t.out.Flush(); err != nil {
		t.err = fmt.Errorf("write pose track: %w", err)
	}
	return t.err
}
