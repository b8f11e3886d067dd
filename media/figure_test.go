package media

import (
	"fmt"
	"math"
	"path/filepath"
	"testing"
)

// The scene of the tests of edges: an orange disc with a soft edge on blue.
const (
	discX, discY, discRadius, discEdge = 160.0, 90.0, 60.0, 12.0
	sceneWidth, sceneHeight            = 320, 180
)

var (
	discColour = [3]float64{240, 140, 30}
	roomColour = [3]float64{20, 60, 230}
	newColour  = [3]uint8{0, 200, 80}
)

// disc is how much of the disc there is at a point, 0 to 1.
func disc(x, y float64) float64 {
	return min(max((discRadius-math.Hypot(x-discX, y-discY))/discEdge+0.5, 0), 1)
}

// scene returns a video of the disc, and makes its silhouette in dir.
func scene(t *testing.T, plan CompositePlan) {
	t.Helper()
	channel := func(i int) string {
		cover := fmt.Sprintf("clip((%g-hypot(X+0.5-%g,Y+0.5-%g))/%g+0.5,0,1)", discRadius, discX, discY, discEdge)
		return fmt.Sprintf("%g+(%g)*%s", roomColour[i], discColour[i]-roomColour[i], cover)
	}
	draw := fmt.Sprintf("nullsrc=s=%dx%d:r=10:d=0.4,format=gbrp,geq=r='%s':g='%s':b='%s',scale=out_color_matrix=bt709:out_range=tv,format=yuv420p",
		sceneWidth, sceneHeight, channel(0), channel(1), channel(2))
	path := generate(t, "disc.mp4", "-f", "lavfi", "-i", draw, "-c:v", "libx264", "-preset", "ultrafast", "-crf", "2",
		"-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv")
	info := probed(t, path)
	composeAll(t, path, info, decodeAll(t, path, info, 64).frames, plan, func(_ int, matte, _ []byte) {
		for p := range matte {
			x, y := p%(sceneWidth/2), p/(sceneWidth/2)
			matte[p] = uint8(math.Round(255 * disc(2*float64(x)+1, 2*float64(y)+1)))
		}
	})
}

// TestFigureHasNoHalo lays the figure over another background, where the old one
// must neither shine through at the edge nor be there when the alpha is dropped.
func TestFigureHasNoHalo(t *testing.T) {
	dir := t.TempDir()
	scene(t, CompositePlan{Dir: dir, SilhouetteWebM: "silhouette.webm"})
	picture := decoded(t, filepath.Join(dir, "silhouette.webm"), "rgba", 4*sceneWidth*sceneHeight, "-c:v", "libvpx-vp9")[2]
	ours, plain, edge := 0.0, 0.0, 0
	for p := range sceneWidth * sceneHeight {
		x, y := float64(p%sceneWidth)+0.5, float64(p/sceneWidth)+0.5
		cover, inside := disc(x, y), math.Hypot(x-discX, y-discY) < discRadius-discEdge
		alpha, bleed, away := float64(picture[4*p+3])/255, 0.0, 0.0
		for i := range 3 {
			behind := float64(newColour[i])
			want := cover*discColour[i] + (1-cover)*behind
			bleed += math.Abs(alpha*float64(picture[4*p+i])+(1-alpha)*behind-want) / 3
			away += math.Abs(float64(picture[4*p+i])-roomColour[i]) / 3
			if cover > 0.05 && cover < 0.95 {
				mixed := cover*discColour[i] + (1-cover)*roomColour[i]
				plain += math.Abs(cover*mixed+(1-cover)*behind-want) / 3
			}
		}
		switch {
		case cover > 0.05 && cover < 0.95:
			ours += bleed
			edge++
		case cover == 0 && away < 40:
			t.Fatalf("the old background is still there at %g, %g: %v", x, y, picture[4*p:4*p+4])
		case inside && bleed > 12:
			t.Fatalf("the figure's colour is off by %.0f at %g, %g: %v", bleed, x, y, picture[4*p:4*p+4])
		}
	}
	t.Logf("mean error over %d pixels of the edge: %.1f, and %.1f with the picture's own colours", edge, ours/float64(edge), plain/float64(edge))
	if ours > 0.45*plain {
		t.Errorf("the edge is off by %.1f of 255; with the picture's own colours it would be %.1f", ours/float64(edge), plain/float64(edge))
	}
}

// TestFigureOnAColour has the figure on a background of its own, as high as the
// figure alone.
func TestFigureOnAColour(t *testing.T) {
	dir := t.TempDir()
	scene(t, CompositePlan{Dir: dir, SilhouetteMP4: "silhouette.mp4", Background: &newColour})
	out, err := tools(t).Inspect(t.Context(), filepath.Join(dir, "silhouette.mp4"))
	if err != nil || out.Width != sceneWidth || out.Height != sceneHeight || out.Frames != 4 {
		t.Fatalf("%+v, %v", out, err)
	}
	picture := decoded(t, filepath.Join(dir, "silhouette.mp4"), "rgb24", 3*sceneWidth*sceneHeight)[2]
	colour := func(c [3]float64) [3]int { return [3]int{int(c[0]), int(c[1]), int(c[2])} }
	near(t, "background", picture[3*(20*sceneWidth+20):], [3]int{int(newColour[0]), int(newColour[1]), int(newColour[2])}, 6)
	near(t, "figure", picture[3*(90*sceneWidth+160):], colour(discColour), 8)
}
