package media

import (
	"errors"
	"io"
	"testing"
	"time"
)

// videos are the sources of the benchmarks; results are for one pass over all
// frames of one.
var videos = []string{"talmolab_dance_track0.mp4", "kaiakol_jumpingjack_correct_001.mp4", "unchaptered_hevc_hlg_rot90.mp4"}

func report(b *testing.B, usage Usage, began time.Time) {
	frames := float64(usage.Frames) * float64(b.N)
	b.ReportMetric(frames/time.Since(began).Seconds(), "frames/s")
	b.ReportMetric(usage.CPU.Seconds()/float64(usage.Frames)*100, "cpu-s/100frames")
}

// BenchmarkDecode makes the rendition, the poster and raw frames of at most 640
// pixels, which are read and dropped.
func BenchmarkDecode(b *testing.B) {
	for _, name := range videos {
		b.Run(name, func(b *testing.B) {
			path := testdata(b, name)
			info := probed(b, path)
			w, h := FrameSize(info, 640)
			pix := make([]byte, 3*w*h)
			var usage Usage
			b.ResetTimer()
			began := time.Now()
			for range b.N {
				d, err := tools(b).Decode(b.Context(), DecodePlan{Input: path, Info: info, Dir: b.TempDir(),
					Video: "video.mp4", Poster: "poster.jpg", Frames: true, FrameWidth: w, FrameHeight: h})
				if err != nil {
					b.Fatal(err)
				}
				for err == nil {
					_, err = d.Next(pix)
				}
				if !errors.Is(err, io.EOF) {
					b.Fatal(err)
				}
				if usage, err = d.Wait(); err != nil {
					b.Fatal(err)
				}
			}
			report(b, usage, began)
		})
	}
}

// BenchmarkComposite makes overlay and both silhouettes from mattes of at
// most 256 and layers of at most 640 pixels.
func BenchmarkComposite(b *testing.B) {
	for _, name := range videos {
		b.Run(name, func(b *testing.B) {
			path := testdata(b, name)
			info := probed(b, path)
			frames := decodeAll(b, path, info, 64).frames
			plan := CompositePlan{Input: path, Info: info, Overlay: "overlay.mp4", SilhouetteWebM: "silhouette.webm", SilhouetteMP4: "silhouette.mp4"}
			plan.MatteWidth, plan.MatteHeight = FrameSize(info, 256)
			plan.LayerWidth, plan.LayerHeight = FrameSize(info, 640)
			matte, layer := make([]byte, plan.MatteWidth*plan.MatteHeight), make([]byte, 4*plan.LayerWidth*plan.LayerHeight)
			for i := range matte {
				if x := i % plan.MatteWidth; x > plan.MatteWidth/3 && x < plan.MatteWidth*2/3 {
					matte[i] = 255
				}
			}
			var usage Usage
			b.ResetTimer()
			began := time.Now()
			for range b.N {
				plan.Dir = b.TempDir()
				c, err := tools(b).Composite(b.Context(), plan)
				if err != nil {
					b.Fatal(err)
				}
				for _, frame := range frames {
					if err := c.Write(frame.Time, matte, layer); err != nil {
						b.Fatal(err)
					}
				}
				if usage, err = c.Close(); err != nil {
					b.Fatal(err)
				}
			}
			report(b, usage, began)
		})
	}
}
