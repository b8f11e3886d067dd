package media

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// decodePlain makes outputs of a file without raw frames.
func decodePlain(t *testing.T, plan DecodePlan) string {
	t.Helper()
	plan.Dir, plan.Threads = t.TempDir(), 2
	d, err := tools(t).Decode(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Wait(); err != nil {
		t.Fatal(err)
	}
	return plan.Dir
}

// cue is one of a WebVTT file, times in seconds.
type cue struct {
	from, to   float64
	x, y, w, h int
}

// readCues reads a WebVTT file by its own grammar.
func readCues(t *testing.T, text string) []cue {
	t.Helper()
	pattern := regexp.MustCompile(`(?m)^(\d\d+):(\d\d):(\d\d\.\d{3}) --> (\d\d+):(\d\d):(\d\d\.\d{3})\nsprite\.jpg#xywh=(\d+),(\d+),(\d+),(\d+)$`)
	var all []cue
	rest := pattern.ReplaceAllStringFunc(text, func(block string) string {
		var n [10]float64
		for i, field := range pattern.FindStringSubmatch(block)[1:] {
			n[i], _ = strconv.ParseFloat(field, 64)
		}
		all = append(all, cue{n[0]*3600 + n[1]*60 + n[2], n[3]*3600 + n[4]*60 + n[5], int(n[6]), int(n[7]), int(n[8]), int(n[9])})
		return ""
	})
	if strings.TrimSpace(rest) != "WEBVTT" {
		t.Errorf("beside cues there is %q", rest)
	}
	return all
}

// TestSprite shows frames that carry their number: the thumbnail of a cue is the
// frame at the cue's start, whatever the source's rate does.
func TestSprite(t *testing.T) {
	x264 := []string{"-c:v", "libx264", "-preset", "ultrafast"}
	varying := []string{"-vf", "setpts=(N+floor(N*N/60))/10/TB", "-fps_mode", "passthrough", "-enc_time_base", "1:90000"}
	for _, c := range []struct {
		name   string
		frames int
		rate   string
		more   []string
		cues   int
	}{
		{"constant", 125, "10", nil, 13},
		{"varying", 60, "10", varying, 12},
		{"short", 5, "25", nil, 1},
		{"offset.ts", 50, "25", nil, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := c.name
			if filepath.Ext(name) == "" {
				name += ".mp4"
			}
			path := generate(t, name, append(append([]string{"-f", "lavfi", "-i", barcode(c.frames, c.rate)}, x264...), c.more...)...)
			info := probed(t, path)
			dir := decodePlain(t, DecodePlan{Input: path, Info: info, Sprite: "sprite.jpg", SpriteIndex: "sprite.vtt"})
			cues := readCues(t, string(read(t, filepath.Join(dir, "sprite.vtt"))))
			if len(cues) != c.cues {
				t.Fatalf("there are %d cues, want %d: %v", len(cues), c.cues, cues)
			}
			sheet := jpegFrom(t, filepath.Join(dir, "sprite.jpg"))
			at := times(t, path)
			end := 0.0
			for _, q := range cues {
				if q.from != end || q.to <= q.from || q.w != 160 || q.h != 90 || !image.Rect(q.x, q.y, q.x+q.w, q.y+q.h).In(sheet.Bounds()) {
					t.Errorf("the cue %+v follows %g in a sheet of %v", q, end, sheet.Bounds())
				}
				end = q.to
				row := make([]byte, q.w)
				for x := range row {
					row[x] = color.GrayModel.Convert(sheet.At(q.x+x, q.y+20)).(color.Gray).Y
				}
				if shown := readBars(row); math.Abs(at[shown]-at[0]-q.from) > 0.001 {
					t.Errorf("the cue at %g s shows frame %d, which is at %g s", q.from, shown, at[shown]-at[0])
				}
			}
			if math.Abs(end-info.Duration) > 0.2 {
				t.Errorf("the cues end at %g s, the video at %g", end, info.Duration)
			}
		})
	}
}

// TestThumbsThinOut feeds far more thumbnails than a container announced.
func TestThumbsThinOut(t *testing.T) {
	thumbs := newThumbs(1, 1)
	var raw strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&raw, "%03d", i) // one pixel
	}
	thumbs.read(strings.NewReader(raw.String() + "x"))
	if thumbs.count != 1000 || thumbs.stride != 8 || len(thumbs.kept) != 125 {
		t.Fatalf("%d came, %d are kept, one in %d", thumbs.count, len(thumbs.kept), thumbs.stride)
	}
	for i, pix := range thumbs.kept {
		if string(pix) != fmt.Sprintf("%03d", 8*i) {
			t.Fatalf("the thumbnail %d is that of %s", i, pix)
		}
	}
}

func jpegFrom(t *testing.T, path string) image.Image {
	t.Helper()
	picture, err := jpeg.Decode(bytes.NewReader(read(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	return picture
}

// posterNumber reads which frame a poster shows.
func posterNumber(t *testing.T, dir string) int {
	t.Helper()
	picture := jpegFrom(t, filepath.Join(dir, "poster.jpg"))
	row := make([]byte, picture.Bounds().Dx())
	for x := range row {
		row[x] = color.GrayModel.Convert(picture.At(x, 10)).(color.Gray).Y
	}
	return readBars(row)
}

// TestPoster shows a film that is black at first and blurred but for the frames
// 100 to 120: the poster is one of these, or one with a person if there is any.
func TestPoster(t *testing.T) {
	path := generate(t, "film.mp4", "-f", "lavfi", "-i", barcode(200, "25")+
		",drawbox=0:120:320:60:black:fill:enable='lt(t,0.5)',geq=lum='if(lt(Y,120),lum(X,Y),if(lt(N,10),16,if(between(N,100,120),128+100*mod(floor(X/8)+floor(Y/8),2),128+20*sin(X/30))))':cb=128:cr=128",
		"-c:v", "libx264", "-preset", "ultrafast", "-crf", "10")
	info := probed(t, path)
	plan := DecodePlan{Input: path, Info: info, Poster: "poster.jpg", Video: "video.mp4"}
	dir := decodePlain(t, plan)
	if n := posterNumber(t, dir); n < 100 || n > 120 {
		t.Errorf("the poster is frame %d", n)
	}
	plan.Person = func(frame int) (Area, bool) { return Area{0.2, 0.2, 0.6, 0.6}, frame > 150 }
	if n := posterNumber(t, decodePlain(t, plan)); n <= 150 {
		t.Errorf("the poster is frame %d, in which nobody is", n)
	}
}

func TestSharpness(t *testing.T) {
	draw := func(period int, contrast float64) image.Image {
		picture := image.NewGray(image.Rect(0, 0, 960, 540))
		for i := range picture.Pix {
			x, y := i%960, i/960
			picture.Pix[i] = uint8(128 + contrast*math.Sin(2*math.Pi*float64(x)/float64(period))*math.Sin(2*math.Pi*float64(y)/float64(period)))
		}
		return picture
	}
	whole := Area{0, 0, 1, 1}
	sharp, soft, dim, blank := Sharpness(draw(16, 100), whole), Sharpness(draw(120, 100), whole), Sharpness(draw(16, 30), whole), Sharpness(draw(16, 0), whole)
	if sharp < 10*soft || sharp < 5*dim || blank != 0 {
		t.Errorf("sharp %g, soft %g, dim %g, blank %g", sharp, soft, dim, blank)
	}
	half := image.NewGray(image.Rect(0, 0, 960, 540))
	for i := range half.Pix {
		if x := i % 960; x > 480 {
			half.Pix[i] = uint8(255 * (x / 8 % 2))
		}
	}
	if left, right := Sharpness(half, Area{0, 0, 0.4, 1}), Sharpness(half, Area{0.6, 0, 0.4, 1}); left != 0 || right < 100 {
		t.Errorf("left %g, right %g", left, right)
	}
	for _, area := range []Area{{}, {-5, -5, 20, 20}, {2, 2, 1, 1}, {0.5, 0.5, -1, -1}} {
		if s := Sharpness(image.NewGray(image.Rect(0, 0, 3, 1)), area); s != 0 {
			t.Errorf("%v of three pixels has %g", area, s)
		}
		Sharpness(draw(16, 100), area) // must not reach over the edge
	}
}

func TestPreview(t *testing.T) {
	path := generate(t, "film.mp4", "-f", "lavfi", "-i", barcode(200, "25"), "-c:v", "libx264", "-preset", "ultrafast")
	info := probed(t, path)
	for _, name := range []string{"preview.webp", "preview.gif"} {
		dir := decodePlain(t, DecodePlan{Input: path, Info: info, Preview: name})
		out, err := tools(t).Inspect(t.Context(), filepath.Join(dir, name))
		if err != nil || out.Width != 320 || out.Height != 180 || out.Frames != 30 || math.Abs(out.Duration-3) > 0.05 {
			t.Errorf("%s is %+v, %v", name, out, err)
		}
	}
	gif, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-nostdin", "-i",
		filepath.Join(decodePlain(t, DecodePlan{Input: path, Info: info, Preview: "p.gif"}), "p.gif"),
		"-vf", "format=gray", "-frames:v", "1", "-f", "rawvideo", "-").Output()
	if err != nil || len(gif) != 320*180 {
		t.Fatalf("%d bytes, %v", len(gif), err)
	}
	// A third of 8 s is frame 66 or 67.
	if n := readBars(gif[20*320 : 21*320]); !slices.Contains([]int{66, 67}, n) {
		t.Errorf("the preview starts with frame %d", n)
	}
}

func TestPreviewOfFewPictures(t *testing.T) {
	encode := []string{"-c:v", "libx264", "-preset", "ultrafast"}
	for name, c := range map[string]struct {
		args   []string
		frames int64 // of a GIF; a WebP holds no picture twice
	}{
		"one picture.mp4":  {[]string{"-f", "lavfi", "-i", barcode(1, "25")}, 1},
		"two pictures.mp4": {[]string{"-f", "lavfi", "-i", barcode(2, "25")}, 1},
		// Nothing is new in the three seconds from the first third on.
		"a gap.mp4": {[]string{"-f", "lavfi", "-i", barcode(300, "25"), "-vf", "select='lt(n,25)+gt(n,275)'", "-fps_mode", "vfr"}, 30},
		// All that says how long it is says it of the sound.
		"sound goes on.ts": {[]string{"-f", "lavfi", "-i", barcode(50, "25"), "-f", "lavfi", "-i", "sine=d=10", "-c:a", "aac"}, 20},
	} {
		path := generate(t, name, append(c.args, encode...)...)
		info := probed(t, path)
		for _, preview := range []string{"preview.webp", "preview.gif"} {
			dir := decodePlain(t, DecodePlan{Input: path, Info: info, Preview: preview})
			out, err := tools(t).Inspect(t.Context(), filepath.Join(dir, preview))
			gif := preview == "preview.gif"
			if err != nil || out.Width != 320 || out.Height != 180 || out.Frames < 1 || gif && out.Frames != c.frames {
				t.Errorf("%s of %s is %+v, %v", preview, name, out, err)
			}
		}
	}
}

// TestStillsOfChangingSizes has fields, and another size from the middle on, where the graph is built anew; and
// it lasts longer than its container says.
func TestStillsOfChangingSizes(t *testing.T) {
	var all []byte
	for _, size := range []string{"320:192", "160:96"} {
		part := generate(t, "part.ts", "-f", "lavfi", "-i", barcode(100, "50"), "-vf", "scale="+size+",tinterlace=4", "-c:v", "mpeg2video", "-flags", "+ilme+ildct")
		data, err := os.ReadFile(part)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data...)
	}
	path := filepath.Join(t.TempDir(), "both.ts")
	if err := os.WriteFile(path, all, 0o600); err != nil {
		t.Fatal(err)
	}
	info := probed(t, path)
	dir := decodePlain(t, DecodePlan{Input: path, Info: info, Poster: "poster.jpg", Preview: "preview.webp"})
	out, err := tools(t).Inspect(t.Context(), filepath.Join(dir, "preview.webp"))
	if err != nil || !info.Interlaced || out.Frames < 15 || out.Duration < 1.5 || out.Duration > 3.1 {
		t.Errorf("of a video that lasts %g s the preview is %+v, %v", info.Duration, out, err)
	}
}
