package media

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// matrixInput is a row of the matrix: a file that shows a card, and how it is made.
type matrixInput struct {
	// name is what the row says, file the name that ends as the container wants.
	name, file string
	// short rows run in the ordinary tests.
	short bool
	card  card
	// w and h are the size that is coded, before any turn that filter makes;
	// shownW and shownH, where given, the size that is to come out.
	w, h           int
	shownW, shownH int
	// matrix and limited say how the colours are coded: the YUV matrix ("" for
	// RGB) and whether luma is limited. pixels is the pixel format.
	matrix string
	full   bool
	pixels string
	// filter is applied to the coded picture, video are the encoder's options.
	filter string
	video  []string
	// sound are the options of the sound's encoder; none for a silent film.
	// soundLength is how long it is, as long as the picture where it is 0.
	sound       []string
	soundLength float64
	// more are options of the container, inputs are read beside picture and sound
	// and maps are all that is mapped where the usual two are not.
	more, inputs, maps []string
	// soundFilter shapes the beep.
	soundFilter string
	// early is how much earlier than the picture the sound starts, in seconds.
	early float64
	// drop is the first source frame that an edit list leaves out, and the one
	// behind the last of them.
	drop [2]int
	// picture is the number of the video stream that shows the card.
	picture int
	// fields is 1 or 2 where frames hold two fields, the top or the bottom one first.
	fields int
	// mend changes the finished file.
	mend func(t testing.TB, path string) string
	// colour, where given, is what becomes of a colour of the card.
	colour func([3]float64) [3]float64
	// looseColour and looseSound widen what is allowed, in ΔE and in seconds, for a reason
	// that the row's name or docs/media.md says.
	looseColour, looseSound float64
	// hdr is what the probe has to say.
	hdr string
}

// write makes the input's file.
func (m matrixInput) write(t testing.TB) string {
	t.Helper()
	tools(t)
	path := filepath.Join(t.TempDir(), m.file)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "ffmpeg", append(m.args(), path)...)
	command.Stdin = &cards{input: m}
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg %s: %v\n%s", strings.Join(m.args(), " "), err, out)
	}
	if m.mend != nil {
		path = m.mend(t, path)
	}
	return path
}

func (m matrixInput) args() []string {
	rate := m.card.rate
	if m.fields > 0 {
		rate *= 2
	}
	args := []string{"-v", "error", "-nostdin", "-y", "-threads", "2", "-f", "rawvideo", "-pix_fmt", "rgb48le",
		"-s", sizeText(m.w, m.h), "-r", fmt.Sprint(rate), "-i", "pipe:0"}
	length := m.soundLength
	if length == 0 {
		length = float64(m.card.count) / m.card.rate
	}
	beep := m.soundFilter
	if beep == "" {
		beep = "anull"
	}
	if m.sound != nil {
		args = append(args, "-f", "lavfi", "-i", fmt.Sprintf("aevalsrc='0.5*sin(2000*PI*t)*between(t,%g,%g)':d=%g:s=48000,%s",
			flashTime+m.early, flashTime+m.early+flashLength, length+m.early, beep))
	}
	args = append(args, m.inputs...)
	if m.maps == nil {
		args = append(args, "-map", "0:v")
		if m.sound != nil {
			args = append(args, "-map", "1:a")
		}
	}
	args = append(args, m.maps...)
	args = append(args, fmt.Sprintf("-filter:v:%d", m.picture), m.filters(), "-fps_mode", "passthrough")
	args = append(append(append(args, m.video...), m.sound...), m.more...)
	return append(args, "-map_metadata", "-1")
}

// filters code the card's colours and put the frames where they belong.
func (m matrixInput) filters() string {
	list := []string{}
	if m.matrix != "" {
		signal := "tv"
		if m.full {
			signal = "pc"
		}
		if strings.HasPrefix(m.matrix, "bt2020") {
			list = append(list, "zscale=m=2020_ncl:min=gbr:rin=pc:r="+signal+":p=2020:pin=2020:t=709:tin=709")
		} else {
			list = append(list, "scale=out_color_matrix="+m.matrix+":out_range="+signal+":flags=accurate_rnd+full_chroma_int+full_chroma_inp")
		}
	}
	list = append(list, "format="+m.pixels)
	switch m.fields {
	case 1:
		list = append(list, "tinterlace=interleave_top,setfield=tff")
	case 2:
		list = append(list, "tinterlace=interleave_bottom,setfield=bff")
	}
	if m.filter != "" {
		list = append(list, m.filter)
	}
	if m.early > 0 {
		list = append(list, fmt.Sprintf("setpts=PTS+%g/TB", m.early))
	}
	return strings.Join(list, ",")
}

// cards is the stream of an input's pictures, drawn when they are read.
type cards struct {
	input matrixInput
	next  int
	rest  []byte
}

func (c *cards) Read(into []byte) (int, error) {
	m := c.input
	if len(c.rest) == 0 {
		count := m.card.count + m.drop[1] - m.drop[0]
		if m.fields > 0 {
			count *= 2
		}
		if c.next == count {
			return 0, io.EOF
		}
		frame, number := c.next, c.next
		if m.fields > 0 {
			// The second field shows what the first one of the next frame does.
			frame, number = c.next/2, (c.next+1)/2
		}
		if m.drop[1] > 0 && frame >= m.drop[0] {
			if number = 255; frame >= m.drop[1] {
				frame -= m.drop[1] - m.drop[0]
				number = frame
			}
		}
		c.rest = m.card.draw(m.w, m.h, number%256, m.card.flashes(frame))
		c.next++
	}
	n := copy(into, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// upright is the size that has to come out.
func (m matrixInput) upright() (w, h int) {
	if m.shownW > 0 {
		return m.shownW, m.shownH
	}
	return m.w, m.h
}

// shownAs is what becomes of a colour of the card, in 0 to 255.
func (m matrixInput) shownAs(rgb [3]float64) [3]float64 {
	if m.colour == nil {
		return rgb
	}
	return m.colour(rgb)
}
