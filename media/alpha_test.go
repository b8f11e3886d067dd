package media

import (
	"math"
	"path/filepath"
	"testing"
)

// dancer is how much of a figure there is at a point of a matte of 160 x 90 in a frame: a
// body that sways, with arms and legs that swing, and edges that are soft over two
// pixels. Nobody is there in the middle of a second.
func dancer(frame int, x, y float64) float64 {
	if absent(frame) {
		return 0
	}
	phase := float64(frame) / 5
	hip := 80 + 12*math.Sin(phase)
	near := math.Hypot(x-hip, y-14) - 8 // the head
	limb := func(x1, y1, x2, y2, thick float64) {
		along := ((x-x1)*(x2-x1) + (y-y1)*(y2-y1)) / ((x2-x1)*(x2-x1) + (y2-y1)*(y2-y1))
		along = min(max(along, 0), 1)
		near = min(near, math.Hypot(x-x1-along*(x2-x1), y-y1-along*(y2-y1))-thick)
	}
	swing := 22 * math.Sin(2*phase)
	limb(hip, 24, hip, 52, 9)
	limb(hip, 28, hip-22, 40+swing, 4)
	limb(hip, 28, hip+22, 40-swing, 4)
	limb(hip-4, 52, hip-10-swing/3, 84, 5)
	limb(hip+4, 52, hip+10+swing/3, 84, 5)
	return min(max(0.5-near/2, 0), 1)
}

func absent(frame int) bool { return frame%30 >= 12 && frame%30 < 18 }

// TestMattesSurviveEncoding compares the mattes that are given with the alpha of the WebM and the lower
// half of the stacked MP4, at a threshold of a half, and with what is left of frames without anybody.
func TestMattesSurviveEncoding(t *testing.T) {
	const w, h, frames = 320, 180, 60
	path := generate(t, "room.mp4", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=30:d=2", "-c:v", "libx264", "-preset", "ultrafast")
	info := probed(t, path)
	var mattes [][]byte
	dir := t.TempDir()
	composeAll(t, path, info, decodeAll(t, path, info, 64).frames, CompositePlan{Dir: dir, SilhouetteWebM: "silhouette.webm", SilhouetteMP4: "silhouette.mp4"},
		func(i int, matte, _ []byte) {
			for p := range matte {
				matte[p] = uint8(math.Round(255 * dancer(i, float64(p%160)+0.5, float64(p/160)+0.5)))
			}
			mattes = append(mattes, matte)
		})
	webm := decoded(t, filepath.Join(dir, "silhouette.webm"), "yuva420p", w*h*5/2, "-c:v", "libvpx-vp9")
	stacked := decoded(t, filepath.Join(dir, "silhouette.mp4"), "gray", 2*w*h)
	if len(mattes) != frames || len(webm) != frames || len(stacked) != frames {
		t.Fatalf("%d mattes, %d and %d frames", len(mattes), len(webm), len(stacked))
	}
	for name, planes := range map[string]func(i int) []byte{
		"alpha": func(i int) []byte { return webm[i][w*h*3/2:] }, "stacked": func(i int) []byte { return stacked[i][w*h:] },
	} {
		worst, left := 1.0, 0.0
		for i, matte := range mattes {
			iou, share := likeMatte(matte, planes(i), w)
			if absent(i) {
				left = max(left, share)
				continue
			}
			worst = min(worst, iou)
		}
		t.Logf("%s: IoU at least %.3f; %.3f %% are left where nobody is", name, worst, 100*left)
		if worst < 0.98 || left >= 0.005 {
			t.Errorf("%s: IoU %.4f, %.2f %% where nobody is", name, worst, 100*left)
		}
	}
}

// likeMatte compares a plane of twice the matte's size, w wide, with the matte: the intersection over the union
// of what is more than half there, and the mean of the plane, 0 to 1.
func likeMatte(matte, plane []byte, w int) (iou, share float64) {
	both, either, sum := 0, 0, 0
	for p, value := range matte {
		at := p/(w/2)*2*w + p%(w/2)*2
		four := int(plane[at]) + int(plane[at+1]) + int(plane[at+w]) + int(plane[at+w+1])
		sum += four
		before, after := value >= 128, four >= 4*128
		if before && after {
			both++
		}
		if before || after {
			either++
		}
	}
	return float64(both) / float64(max(either, 1)), float64(sum) / float64(4*255*len(matte))
}
