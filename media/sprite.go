package media

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"math"
	"path/filepath"
	"strings"

	"github.com/motionmill/motionmill/job"
	ffmpeg "github.com/u2takey/ffmpeg-go"
)

// Thumbnails are at least thumbSpacing seconds apart, and mostThumbs of them
// when the container told the length right; never more than twice as many. The
// longer side has thumbSize pixels, and a row of the sprite thumbColumns.
const (
	thumbSpacing = 1.0
	mostThumbs   = 100
	thumbSize    = 160
	thumbColumns = 10
)

// thumbTicks is the distance between two thumbnails in units of the time base.
func thumbTicks(info Info) int64 {
	return ticks(info, math.Max(thumbSpacing, info.Duration/mostThumbs))
}

// thumbnails is the output of small pictures for the sprite, raw.
func (p *DecodePlan) thumbnails(s *ffmpeg.Stream) (*ffmpeg.Stream, error) {
	w, h := FrameSize(p.Info, thumbSize)
	s = s.Filter("select", nil, ffmpeg.KwArgs{"expr": inEach(thumbTicks(p.Info), 0)})
	s = s.Filter("scale", nil, ffmpeg.KwArgs{"w": w, "h": h, "flags": "area+full_chroma_int", "in_color_matrix": "bt709"})
	s = s.Filter("format", ffmpeg.Args{"rgb24"})
	return output([]*ffmpeg.Stream{s}, fmt.Sprintf("pipe:%d", thumbsPipe), timed(p.Info),
		ffmpeg.KwArgs{"f": "rawvideo", "c:v": "rawvideo", "pix_fmt": "rgb24"}), nil
}

// thumbs collects the pictures of a sprite while a decoding runs. Where they
// become too many, every second one goes, and later ones come half as often.
type thumbs struct {
	w, h   int
	stride int
	count  int
	kept   [][]byte
	done   chan struct{}
}

func newThumbs(w, h int) *thumbs { return &thumbs{w: w, h: h, stride: 1, done: make(chan struct{})} }

// read takes pictures until the end of r, so that ffmpeg never waits for long.
func (t *thumbs) read(r io.Reader) {
	defer close(t.done)
	pix := make([]byte, 3*t.w*t.h)
	for {
		if _, err := io.ReadFull(r, pix); err != nil {
			return // the end, or that of ffmpeg, which says why
		}
		if t.count%t.stride == 0 {
			t.kept = append(t.kept, bytes.Clone(pix))
		}
		t.count++
		if len(t.kept) > 2*mostThumbs {
			t.thin()
		}
	}
}

// thin lets every second picture go.
func (t *thumbs) thin() {
	half := (len(t.kept) + 1) / 2
	for i := range half {
		t.kept[i] = t.kept[2*i]
	}
	clear(t.kept[half:]) // Or they would be held until others come in their place.
	t.kept = t.kept[:half]
	t.stride *= 2
}

// writeSprite writes the sprite and the WebVTT file that says where in it the
// thumbnail of each moment lies.
func (p *DecodePlan) writeSprite(t *thumbs, all []Timestamp) error {
	subject := filepath.Base(p.Input)
	frames := chosen(all, thumbTicks(p.Info), 0)
	if len(frames) != t.count {
		return job.Fail(job.Internal, "make the sprite of", subject, fmt.Sprintf("%d thumbnails came for %d moments", t.count, len(frames)), "", nil)
	}
	var starts []float64
	for i := 0; i < len(frames); i += t.stride {
		starts = append(starts, all[frames[i]].Seconds())
	}
	end := lastUntil(p.Info, all[len(all)-1].Seconds())
	var sprite bytes.Buffer
	if err := jpeg.Encode(&sprite, t.tile(), &jpeg.Options{Quality: 90}); err != nil {
		return fmt.Errorf("encode the sprite of %s: %w", subject, err)
	}
	index := thumbIndex(filepath.Base(p.Sprite), starts, end, t.w, t.h)
	for path, content := range map[string][]byte{p.Sprite: sprite.Bytes(), p.SpriteIndex: []byte(index)} {
		if err := p.save(path, content); err != nil {
			return err
		}
	}
	return nil
}

// tile lays the pictures side by side in rows.
func (t *thumbs) tile() image.Image {
	columns := min(len(t.kept), thumbColumns)
	rows := (len(t.kept) + columns - 1) / columns
	sheet := image.NewRGBA(image.Rect(0, 0, columns*t.w, rows*t.h))
	for i, pix := range t.kept {
		left, top := i%columns*t.w, i/columns*t.h
		for y := range t.h {
			row := sheet.Pix[sheet.PixOffset(left, top+y):]
			for x := range t.w {
				from := pix[3*(y*t.w+x):]
				row[4*x], row[4*x+1], row[4*x+2], row[4*x+3] = from[0], from[1], from[2], 255
			}
		}
	}
	return sheet
}

// thumbIndex writes a WebVTT file (W3C WebVTT, 4) of one cue for each thumbnail, up
// to the next one's start, whose text is the sprite's name with the place as a
// media fragment (W3C Media Fragments URI 1.0, 4.2.2). Times are in seconds.
func thumbIndex(sprite string, starts []float64, end float64, w, h int) string {
	var text strings.Builder
	text.WriteString("WEBVTT\n")
	columns := min(len(starts), thumbColumns)
	for i, start := range starts {
		until := math.Max(end, start+0.001)
		if i+1 < len(starts) {
			until = starts[i+1]
		}
		fmt.Fprintf(&text, "\n%s --> %s\n%s#xywh=%d,%d,%d,%d\n", cueTime(start), cueTime(until), sprite, i%columns*w, i/columns*h, w, h)
	}
	return text.String()
}

// cueTime writes seconds as hours, minutes, seconds and milliseconds.
func cueTime(seconds float64) string {
	ms := int64(math.Round(seconds * 1000))
	return fmt.Sprintf("%02d:%02d:%02d.%03d", ms/3_600_000, ms/60_000%60, ms/1000%60, ms%1000)
}
