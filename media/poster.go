package media

import (
	"bufio"
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/motionmill/motionmill/job"
	ffmpeg "github.com/u2takey/ffmpeg-go"
)

// Area is a part of a picture: left, top, width and height as parts of its own.
type Area [4]float64

// The poster is chosen among stills: the first frame, and one from the middle of
// each of stillCount equal parts of the video; should it last longer than its
// container says, there are at most mostStills.
const (
	stillCount = 16
	mostStills = 32
)

// stillTicks is the distance between two stills in units of the time base.
func stillTicks(info Info) int64 { return ticks(info, info.Duration/stillCount) }

// ticks is a time in units of the video's time base, at least one.
func ticks(info Info, seconds float64) int64 {
	return int64(math.Max(1, math.Round(seconds/info.TimeBase.float())))
}

// inEach selects the first frame, and the first in each step of ticks; steps
// start at the offset.
func inEach(step, offset int64) string {
	return fmt.Sprintf("isnan(prev_selected_pts)+gt(floor((pts+%[2]d)/%[1]d),floor((prev_selected_pts+%[2]d)/%[1]d))", step, offset)
}

// chosen are the frames that inEach selects: their indices.
func chosen(all []Timestamp, step, offset int64) []int {
	cell := func(i int) int64 { return int64(math.Floor(float64(all[i].Ticks+offset) / float64(step))) }
	var indices []int
	for i := range all {
		if len(indices) == 0 || cell(i) > cell(indices[len(indices)-1]) {
			indices = append(indices, i)
		}
	}
	return indices
}

// stills is the output of the poster's candidates, one JPEG after the other. JPEG
// means BT.601 in full range (JFIF 1.02).
func (p *DecodePlan) stills(s *ffmpeg.Stream) (*ffmpeg.Stream, error) {
	step := stillTicks(p.Info)
	s = s.Filter("select", nil, ffmpeg.KwArgs{"expr": fmt.Sprintf("(%s)*lt(selected_n,%d)", inEach(step, step/2), mostStills)})
	s = s.Filter("scale", nil, ffmpeg.KwArgs{"in_color_matrix": "bt709", "out_color_matrix": "bt601", "out_range": "pc"})
	s = s.Filter("format", ffmpeg.Args{"yuvj420p"})
	return output([]*ffmpeg.Stream{s}, fmt.Sprintf("pipe:%d", stillsPipe), timed(p.Info),
		ffmpeg.KwArgs{"f": "image2pipe", "c:v": "mjpeg", "q:v": 3}), nil
}

// stills collects the candidates of a poster while a decoding runs.
type stills struct {
	kept [][]byte
	done chan struct{}
}

func newStills() *stills { return &stills{done: make(chan struct{})} }

// read takes pictures until the end of r, so that ffmpeg never waits for long. The
// marker of a JPEG's end stands nowhere else in it (ITU-T T.81, B.1.1.5).
func (s *stills) read(r io.Reader) {
	defer close(s.done)
	pictures := bufio.NewScanner(r)
	pictures.Buffer(nil, maxStill)
	pictures.Split(func(data []byte, _ bool) (int, []byte, error) {
		end := bytes.Index(data, []byte{0xff, 0xd9})
		if end < 0 {
			return 0, nil, nil
		}
		return end + 2, data[:end+2], nil
	})
	for pictures.Scan() {
		s.kept = append(s.kept, bytes.Clone(pictures.Bytes()))
	}
	_, _ = io.Copy(io.Discard, r) // there is more only behind a picture that is too large
}

// maxStill bounds a candidate, in bytes: the largest picture without any loss.
const maxStill = 16 << 20

// choosePoster writes the sharpest still, of those with a person if there are any.
func (p *DecodePlan) choosePoster(s *stills, all []Timestamp) error {
	const op = "choose the poster of"
	subject, step := filepath.Base(p.Input), stillTicks(p.Info)
	frames := chosen(all, step, step/2)
	if len(s.kept) > mostStills { // The count starts anew where the graph is built anew.
		s.kept = s.kept[:mostStills]
	}
	if len(s.kept) == 0 || len(s.kept) != min(len(frames), mostStills) {
		return job.Fail(job.Internal, op, subject, fmt.Sprintf("%d stills came for %d moments", len(s.kept), len(frames)), "", nil)
	}
	best, bestScore, bestPerson := 0, -1.0, false
	for i, data := range s.kept {
		area, person := Area{0, 0, 1, 1}, false
		if p.Person != nil {
			if seen, ok := p.Person(frames[i]); ok {
				area, person = seen, true
			}
		}
		picture, err := jpeg.Decode(bytes.NewReader(data))
		if err != nil {
			return job.Fail(job.Internal, op, subject, "a still cannot be read", "", err)
		}
		score := Sharpness(picture, area)
		if person && !bestPerson || person == bestPerson && score > bestScore {
			best, bestScore, bestPerson = i, score, person
		}
	}
	return p.save(p.Poster, s.kept[best])
}

// save writes a file that was made here.
func (p *DecodePlan) save(path string, content []byte) error {
	if !filepath.IsAbs(path) {
		path = filepath.Join(p.Dir, path)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		err := job.Fail(job.KindOf(err), "write "+filepath.Base(path)+" of", filepath.Base(p.Input), "", "", err)
		if err.Kind == job.OutOfDisk {
			err.Remedy = freeSpace
		}
		return err
	}
	return nil
}

// sharpWidth is the width at which sharpness is measured, in pixels: grain
// and the blocks of a codec are smaller than its pixels.
const sharpWidth = 480

// Sharpness measures an area of a picture: the variance of the Laplacian of its
// luma, after the picture was made small. Blur lowers it, and so does darkness;
// a picture of one colour has 0. It compares pictures of one video with each
// other. (Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy,
// ICPR 2000.)
func Sharpness(picture image.Image, area Area) float64 {
	grey, w, h := smallLuma(picture, sharpWidth)
	within := func(part float64, length int) int {
		return min(max(int(math.Round(part*float64(length))), 1), length-1)
	}
	x0, x1 := within(area[0], w), within(area[0]+area[2], w)
	y0, y1 := within(area[1], h), within(area[1]+area[3], h)
	sum, squares, count := 0.0, 0.0, 0.0
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			i := y*w + x
			v := grey[i-1] + grey[i+1] + grey[i-w] + grey[i+w] - 4*grey[i]
			sum, squares, count = sum+v, squares+v*v, count+1
		}
	}
	if count == 0 {
		return 0
	}
	return squares/count - sum/count*sum/count
}

// smallLuma brings the luma of a picture to at most width pixels by means over
// squares.
func smallLuma(picture image.Image, width int) (grey []float64, w, h int) {
	bounds := picture.Bounds()
	step := max(1, (bounds.Dx()+width-1)/width)
	w, h = bounds.Dx()/step, bounds.Dy()/step
	if w < 1 || h < 1 {
		step, w, h = 1, bounds.Dx(), bounds.Dy()
	}
	luma := lumaOf(picture)
	grey = make([]float64, w*h)
	for y := range h * step {
		for x := range w * step {
			grey[y/step*w+x/step] += luma(bounds.Min.X+x, bounds.Min.Y+y)
		}
	}
	for i := range grey {
		grey[i] /= float64(step * step)
	}
	return grey, w, h
}

func lumaOf(picture image.Image) func(x, y int) float64 {
	if ycc, ok := picture.(*image.YCbCr); ok {
		return func(x, y int) float64 { return float64(ycc.Y[ycc.YOffset(x, y)]) }
	}
	return func(x, y int) float64 {
		r, g, b, _ := picture.At(x, y).RGBA()
		return (0.299*float64(r) + 0.587*float64(g) + 0.114*float64(b)) / 257
	}
}
