package media

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/doctable"
	"github.com/motionmill/motionmill/job"
)

const (
	// matrixVariable asks for all rows of the matrix instead of the short ones;
	// matrixTable names the document that is to hold the table then.
	matrixVariable = "MOTIONMILL_MATRIX"
	matrixTable    = "MOTIONMILL_MATRIX_TABLE"
	matrixBegin    = "<!-- matrix: written by make matrix -->\n"
	matrixEnd      = "<!-- end of matrix -->\n"
)

// matrixColumns are the outputs, in the order of the table.
func matrixColumns() []string {
	return []string{"video.mp4", "hls", "frames", "poster", "sprite", "overlay", "silhouette.webm", "silhouette.mp4"}
}

// matrixRow is what came of an input.
type matrixRow struct {
	input    matrixInput
	info     Info
	verdicts map[string]*verdict
	// length is how far video.mp4's duration is off in frames, sound how far the beep is from
	// the flash in seconds, at most.
	length, sound float64
	failed        []string
}

// TestMatrix sends cards in files of every kind through everything that this
// package makes of a video, and measures what comes out.
func TestMatrix(t *testing.T) {
	tools(t)
	all := os.Getenv(matrixVariable) != ""
	var rows []matrixRow
	for _, m := range matrixInputs() {
		if !all && !m.short {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			if m.hdr != "" && !tools(t).zimg {
				t.Skip("needs an ffmpeg with zscale")
			}
			row := m.run(t)
			for name, v := range row.verdicts {
				for _, wrong := range v.wrong {
					t.Errorf("%s: %s", name, wrong)
				}
			}
			for _, failed := range row.failed {
				t.Error(failed)
			}
			rows = append(rows, row)
		})
	}
	if path := os.Getenv(matrixTable); path != "" && all {
		writeMatrix(t, path, rows)
	}
}

// run makes the input and measures what comes of it.
func (m matrixInput) run(t *testing.T) matrixRow {
	t.Helper()
	row := matrixRow{input: m, verdicts: map[string]*verdict{}}
	for _, name := range matrixColumns() {
		row.verdicts[name] = &verdict{}
	}
	path := m.write(t)
	g := gather(t, path, true)
	row.info = g.info
	if g.problem != nil {
		row.fail("it is refused: %v", g.problem)
		return row
	}
	w, h := m.upright()
	if g.info.Width != w || g.info.Height != h || g.info.HDR != m.hdr || g.info.Interlaced != (m.fields > 0) || g.info.Audio != (m.sound != nil) {
		row.fail("the probe says %+v", g.info)
	}
	row.decoded(t, g)
	row.streams(t, g)
	if err := g.compose(t, path); err != nil {
		row.fail("it cannot be composed: %v", err)
		return row
	}
	row.composed(t, g)
	return row
}

func (r *matrixRow) fail(format string, values ...any) {
	r.failed = append(r.failed, fmt.Sprintf(format, values...))
}

// decoded measures the rendition, the frames and the stills.
func (r *matrixRow) decoded(t *testing.T, g gathered) {
	m, video := r.input, filepath.Join(g.dir, "video.mp4")
	r.verdicts["video.mp4"].file(t, m, video, g.w, g.h, 1)
	seen, err := tools(t).Inspect(t.Context(), video)
	if err != nil || seen.Width != g.w || seen.Height != g.h {
		r.fail("video.mp4 is %+v, %v", seen, err)
	}
	// The last frame lasts as long as those before did on average.
	last := m.card.time(m.card.count - 1)
	r.length = math.Abs(seen.Duration-last-1/rate(g.info)) * rate(g.info)
	if r.length > 1.001 {
		r.fail("video.mp4 lasts %.3f s, its last picture comes at %.3f", seen.Duration, last)
	}
	r.hears(t, "video.mp4", video)
	at := []float64{}
	for _, f := range g.frames {
		at = append(at, f.Time.Seconds())
	}
	r.verdicts["frames"].moving(m, g.raw, at, 1)
	r.verdicts["poster"].still(t, m, filepath.Join(g.dir, "poster.jpg"), g.w, g.h)
	w, h := FrameSize(g.info, thumbSize)
	r.verdicts["sprite"].still(t, m, filepath.Join(g.dir, "sprite.jpg"), w, h)
}

// hears compares the beep with where it belongs.
func (r *matrixRow) hears(t *testing.T, name, path string) {
	if r.input.sound == nil {
		return
	}
	at, level := beep(t, path)
	off := math.Abs(at - flashTime)
	r.sound = math.Max(r.sound, off)
	if off > math.Max(mostSound, r.input.looseSound) || level < 0.1 {
		r.fail("%s beeps at %.4f s with a level of %.2f, want %.4f", name, at, level, flashTime)
	}
}

// streams measures every rung and the sound.
func (r *matrixRow) streams(t *testing.T, g gathered) {
	root := filepath.Join(g.dir, HLSFolder)
	for _, rung := range g.ladder.Rungs {
		file := joined(t, filepath.Join(root, fmt.Sprintf("%dp", rung.Height)))
		r.verdicts["hls"].file(t, r.input, file, rung.Width, rung.Height, g.ladder.Every)
	}
	if g.info.Audio {
		r.hears(t, "hls", joined(t, filepath.Join(root, "audio")))
	}
}

// composed measures the overlay and the silhouettes.
func (r *matrixRow) composed(t *testing.T, g gathered) {
	m, f := r.input, figureArea()
	overlay, file := r.verdicts["overlay"], func(name string) string { return filepath.Join(g.dir, name) }
	for i, p := range overlay.file(t, m, file("overlay.mp4"), g.w, g.h, 1) {
		if green := p.mean(f); (green[1] > 200 && green[0] < 60) != (i%2 == 1) {
			overlay.fail("where picture %d may be green it is %.0f", i, green)
			break
		}
	}
	w, h := SilhouetteSize(g.info)
	webm := r.verdicts["silhouette.webm"]
	planes := decoded(t, file("silhouette.webm"), "yuva420p", w*h*5/2, "-c:v", "libvpx-vp9")
	pictures := []view{}
	for _, pix := range planes {
		pictures = append(pictures, ofYUV(pix[:w*h*3/2], w, h))
	}
	webm.moving(m, pictures, times(t, file("silhouette.webm")), 1)
	webm.alphas(pictures, func(i, x, y int) float64 { return float64(planes[i][w*h*3/2+y*w+x]) })
	stacked := r.verdicts["silhouette.mp4"]
	pictures = pictures[:0]
	both := []view{}
	for _, pix := range decoded(t, file("silhouette.mp4"), "yuv420p", w*h*3) {
		both = append(both, ofYUV(pix, w, 2*h))
		pictures = append(pictures, both[len(both)-1].rows(0, h))
	}
	stacked.moving(m, pictures, times(t, file("silhouette.mp4")), 1)
	stacked.alphas(pictures, func(i, x, y int) float64 { return both[i].at(x, h+y)[1] })
}

// cell is what the table says of an output.
func (v *verdict) cell() string {
	text := fmt.Sprintf("%.1f px, %.1f ΔE, %.1f ms", v.marker, v.colour, 1000*v.time)
	if len(v.wrong) > 0 {
		return "**" + text + "**"
	}
	return text
}

// cells are a row of the table.
func (r matrixRow) cells() []string {
	sound := "–"
	if r.input.sound != nil {
		sound = fmt.Sprintf("%.1f", 1000*r.sound)
	}
	name := r.input.name
	if len(r.failed) > 0 {
		name = "**" + name + "**"
	}
	cells := []string{name, r.info.Container + ": " + strings.Join(r.info.Codecs, ", "), sizeText(r.info.Width, r.info.Height),
		fmt.Sprint(r.input.card.count), fmt.Sprintf("%.2f", r.length), sound}
	for _, column := range matrixColumns() {
		v := r.verdicts[column]
		if column == "poster" || column == "sprite" {
			cells = append(cells, strings.TrimSuffix(v.cell(), ", 0.0 ms"))
			continue
		}
		cells = append(cells, v.cell())
	}
	return cells
}

// writeMatrix writes the table into a document. Rows that were not run this time stay.
func writeMatrix(t *testing.T, path string, rows []matrixRow) {
	t.Helper()
	place := doctable.Place{Document: path, First: matrixBegin, Last: matrixEnd}
	old, err := place.Read()
	if err != nil {
		t.Fatal(err)
	}
	line := func(cells []string) string { return "| " + strings.Join(cells, " | ") + " |\n" }
	lines := map[string]string{}
	for was := range strings.Lines(old) {
		if cells := strings.SplitN(was, " | ", 2); len(cells) == 2 {
			lines[strings.Trim(cells[0], "|* ")] = was
		}
	}
	for _, r := range rows {
		lines[r.input.name] = line(r.cells())
	}
	head := slices.Concat([]string{"input", "is", "shown", "frames", "length off, frames", "beep off, ms"}, matrixColumns())
	text := line(head) + line(slices.Repeat([]string{"---"}, len(head)))
	for _, m := range matrixInputs() {
		text += lines[m.name]
	}
	if err := place.Write("\n" + text + "\n"); err != nil {
		t.Fatal(err)
	}
}

// TestMatrixOfTestdata sends every file of the shared test data's edge cases through
// everything too. Each gives as many pictures in every output as it has frames, or a typed error.
func TestMatrixOfTestdata(t *testing.T) {
	if os.Getenv(matrixVariable) == "" {
		t.Skip("is part of make matrix")
	}
	files, err := os.ReadDir(testdata(t, "edge"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(file.Name(), func(t *testing.T) {
			path := testdata(t, filepath.Join("edge", file.Name()))
			g := gather(t, path, false)
			if g.problem == nil {
				g.problem = g.compose(t, path)
			}
			var typed *job.Error
			switch {
			case errors.As(g.problem, &typed) && typed.Kind.Permanent() && typed.Remedy != "":
				t.Log(g.problem)
				return
			case g.problem != nil:
				t.Fatal(g.problem)
			}
			for _, name := range []string{"video.mp4", "overlay.mp4", "silhouette.mp4", "silhouette.webm"} {
				seen, err := tools(t).Inspect(t.Context(), filepath.Join(g.dir, name))
				if err != nil || seen.Frames != int64(len(g.frames)) {
					t.Errorf("%s is %+v of %d frames, %v", name, seen, len(g.frames), err)
				}
			}
			t.Logf("%d frames of %s", len(g.frames), sizeText(g.w, g.h))
		})
	}
}
