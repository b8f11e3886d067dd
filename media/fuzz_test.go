package media

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/motionmill/motionmill/job"
	"github.com/motionmill/motionmill/media/hostile"
)

// finite tells that all of some numbers are numbers.
func finite(values ...float64) bool {
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}

// wantTyped accepts no error, or a typed one that no retry meets again.
func wantTyped(t *testing.T, err error) {
	t.Helper()
	var typed *job.Error
	if err != nil && (!errors.As(err, &typed) || !typed.Kind.Permanent() || typed.Finding == "") {
		t.Fatalf("got %v", err)
	}
}

// FuzzListing reads what ffprobe may print: an error, or a plan that all that is made can be
// sized by.
func FuzzListing(f *testing.F) {
	f.Add([]byte(`{"streams":[{"index":0,"codec_type":"video","codec_name":"h264","width":320,"height":180,"time_base":"1/15360","avg_frame_rate":"30/1","r_frame_rate":"30/1","duration":"2.0","nb_frames":"60"}],"format":{"duration":"2.0","start_time":"0.0"},"frames":[{"best_effort_timestamp":0,"best_effort_timestamp_time":"0.0","width":320,"height":180,"pix_fmt":"yuv420p"}]}`))
	f.Add([]byte(`{"streams":[{"codec_type":"video","codec_name":"hevc","time_base":"1/9223372036854775807","avg_frame_rate":"9223372036854775807/1","duration":"1e308","tags":{"DURATION":"9999999:99:99.9e99"},"side_data_list":[{"side_data_type":"Display Matrix","displaymatrix":"\n0: 0 65536 0\n1: -65536 0 0\n"}]}],"format":{"start_time":"-1e308"},"frames":[{"best_effort_timestamp":-9223372036854775808,"width":1,"height":2147483647,"sample_aspect_ratio":"1:8"}]}`))
	f.Add([]byte(`{"streams":[{"codec_type":"audio","codec_name":"aac"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var out listing
		if json.Unmarshal(data, &out) != nil {
			return
		}
		p := prober{op: "probe", subject: "x", demuxer: isoMedia, limits: Limits{}.orDefault()}
		info, err := p.choose(out, int64(len(data)))
		if err == nil {
			err = p.begin(&info, out, out)
		}
		if err == nil {
			err = p.within(info)
		}
		wantTyped(t, err)
		if err != nil {
			return
		}
		if !finite(info.Duration, info.FrameRate, info.StartTime) || info.Duration < 0 || info.FrameRate < 0 || info.Width < 1 || info.Height < 1 {
			t.Fatalf("%+v", info)
		}
		for _, size := range [][2]int{sizeOf(VideoSize(info)), sizeOf(SilhouetteSize(info)), sizeOf(FrameSize(info, 640))} {
			if size[0] < 2 || size[1] < 2 || size[0]%2+size[1]%2 != 0 || size[1] > 1080 {
				t.Fatalf("%v of %+v", size, info)
			}
		}
		if info.TimeBase.Num > 0 && (thumbTicks(info) < 1 || stillTicks(info) < 1 || timescale(info) < 1) {
			t.Fatalf("the steps of %+v", info)
		}
	})
}

func sizeOf(w, h int) [2]int { return [2]int{w, h} }

func FuzzProgress(f *testing.F) {
	f.Add([]byte("frame=12\nfps=29.9\nout_time_us=400000\nprogress=continue\n"))
	f.Add([]byte("frame=-1\nfps=nan\nout_time_us=9223372036854775807\nprogress=end\nprogress\n==\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := progressReader{report: func(p Progress) {
			if p.Frames < 0 || p.Time < 0 || p.Rate < 0 || !finite(p.Rate) {
				t.Fatalf("%+v", p)
			}
		}}
		for len(data) > 0 { // in pieces
			n := min(7, len(data))
			if took, err := r.Write(data[:n]); took != n || err != nil || len(r.line) > 1024 {
				t.Fatal(took, err)
			}
			data = data[n:]
		}
	})
}

func FuzzStamps(f *testing.F) {
	f.Add([]byte("#tb 0: 1001/30000\n0, 5, 5, 1, 6, 0x1\n0, 6, 7, 1, 6, 0x1\n"))
	f.Add([]byte("#tb 0: 9223372036854775807/1\n0,0,9223372036854775807,1\n0,0,-9223372036854775808,1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, count := newStamps(), int64(0)
		s.read(bytes.NewReader(data), func(n int64, at Timestamp) {
			if count++; n != count || !finite(at.Seconds()) {
				t.Fatalf("%d: %+v is %g", n, at, at.Seconds())
			}
			_ = at.nanoseconds()
		})
		if int64(len(s.wait())) != count {
			t.Fatal("some were lost")
		}
	})
}

func FuzzPackets(f *testing.F) {
	f.Add([]byte("0.0,0.0,0.04\nN/A,0.04,0.04\n"), []byte("#tb 0: 1/15\n0, 0, 0, 1, 900, 0x1\n1, 0, 0, 1, 300, 0x1\n0, 1, 1, 1, 90, 0x1\n1, 1, 1, 1, 30, 0x1\n"))
	f.Add([]byte("nan,inf\nN/A,N/A\n-1e308,1e308,\n"), []byte("0,0,0,0,-9223372036854775808,0\n2,,,,,\n"))
	f.Fuzz(func(t *testing.T, times, sizes []byte) {
		if first, end, count := readPackets(times); count > 0 && !math.IsInf(first, 0) && (math.IsNaN(first) || math.IsNaN(end)) {
			t.Fatal(first, end, count)
		}
		s := sample{}
		s.packets.Write(sizes)
		if s.read(30) && !finite(s.bits[0], s.bits[1]) {
			t.Fatal(s.bits)
		}
	})
}

// FuzzStructure gives damaged files of all containers to all that looks at them before
// ffprobe does.
func FuzzStructure(f *testing.F) {
	dir := f.TempDir()
	for _, file := range hostile.All() {
		path := filepath.Join(dir, "x")
		if file.Heavy || file.Group == "lures" || file.Group == "references" || file.Make(f.Context(), hostile.Maker{Path: path}) != nil {
			continue
		}
		if data := read(f, path); len(data) < 1<<16 {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		head := data[:min(len(data), 1024)]
		if c, ok := known(head); ok {
			wantTyped(t, stillPicture(head, "x"))
			_ = c.label()
		}
		_ = isText(head)
		size, file := int64(len(data)), bytes.NewReader(data)
		began := time.Now()
		wantTyped(t, checkBoxes(file, "x", size))
		wantTyped(t, checkSegment(file, "x", size))
		wantTyped(t, checkRIFF(file, "x", size))
		wantTyped(t, checkFlash(file, "x", size))
		wantTyped(t, checkWindows(file, "x", size))
		wantTyped(t, checkGIF(file, "x", size))
		if took := time.Since(began); took > 5*time.Second {
			t.Fatalf("%d bytes took %s", size, took)
		}
	})
}

func FuzzTurn(f *testing.F) {
	f.Add("\n00000000:            0       65536           0\n00000001:      -65536           0           0\n", "16:15")
	f.Add("0: nan inf\n1: -inf 1e400\n", "9223372036854775807:1")
	f.Fuzz(func(t *testing.T, matrix, sar string) {
		if d := readTurn(matrix).degrees(); d%90 != 0 || d < 0 || d > 270 {
			t.Fatal(d)
		}
		if r, ok := readRatio(sar); ok {
			if w, h := squarePixels(8192, 4320, r); w < 1 || h < 1 || w > 9*8192 || !finite(r.float()) {
				t.Fatal(w, h)
			}
		}
		if s := seconds(sar); !finite(s, clock(sar)) || number(sar) < 0 {
			t.Fatal(s)
		}
	})
}

func FuzzTail(f *testing.F) {
	f.Add([]byte("[mov @ 0x55] a\rb\n\xff\xfe"), "/private/in.mp4")
	f.Fuzz(func(t *testing.T, data []byte, input string) {
		tail := newTail(input, "in.mp4")
		for i := 0; i < len(data); i += 5 {
			if _, err := tail.Write(data[i:min(i+5, len(data))]); err != nil {
				t.Fatal(err)
			}
		}
		lines := tail.lines()
		for _, line := range lines {
			if len(line) > tailWidth+len("…") || strings.ContainsAny(line, "\n\r") {
				t.Fatalf("%q", line)
			}
		}
		if len(lines) > tailLines || tail.count() < int64(len(lines)) {
			t.Fatal(len(lines), tail.count())
		}
		_ = tooLarge(lines)
	})
}

var cueTimes = regexp.MustCompile(`^(\d\d+:[0-5]\d:[0-5]\d\.\d{3}) --> (\d\d+:[0-5]\d:[0-5]\d\.\d{3})$`)

// FuzzThumbIndex reads the WebVTT that is written for any times: each cue ends behind its start.
func FuzzThumbIndex(f *testing.F) {
	f.Add(0.0, 1.0, 3599.9996, 3600.2, 160, 90)
	f.Add(0.0, 0.0, 0.0, 0.0, 1, 1)
	f.Add(1.625, 79.5, 143989.984, 362320.0, 213, 227) // from two digits of hours to three
	f.Fuzz(func(t *testing.T, a, b, c, end float64, w, h int) {
		starts := []float64{a, b, c}
		for i, s := range starts {
			if !finite(s, end) || s < 0 || s > 1e6 || i > 0 && s <= starts[i-1] || w < 1 || h < 1 || w > 1000 || h > 1000 {
				return
			}
		}
		lines := strings.Split(thumbIndex("s.jpg", starts, end, w, h), "\n")
		if lines[0] != "WEBVTT" || len(lines) != 1+3*3+1 {
			t.Fatalf("%q", lines)
		}
		for i := range starts {
			found := cueTimes.FindStringSubmatch(lines[2+3*i])
			if found == nil || len(found[1]) > len(found[2]) || len(found[1]) == len(found[2]) && found[2] < found[1] {
				t.Fatalf("the cue %q", lines[2+3*i])
			}
		}
	})
}

func FuzzBanner(f *testing.F) {
	f.Add("ffmpeg version 5.1.9-0+deb12u1 Copyright\nconfiguration: --enable-libx264 --enable-libvpx\n")
	f.Add("ffmpeg version 99999999999999999999.1 x\n")
	f.Fuzz(func(t *testing.T, banner string) {
		tools := &Tools{ffmpeg: "ffmpeg"}
		if err := tools.read(banner); err == nil && tools.version == "" {
			t.Fatal("no version")
		}
	})
}

// TestSeedsAreThere holds the fuzz targets to having something to start from.
func TestSeedsAreThere(t *testing.T) {
	dir, count := t.TempDir(), 0
	for _, file := range hostile.All() {
		path := filepath.Join(dir, "x")
		if !file.Heavy && file.Group != "lures" && file.Make(t.Context(), hostile.Maker{Path: path}) == nil {
			if stat, err := os.Stat(path); err == nil && stat.Size() < 1<<16 {
				count++
			}
		}
	}
	if count < 30 {
		t.Errorf("%d seeds", count)
	}
}
