package pipeline

import (
	"testing"

	"github.com/motionmill/motionmill/inference"
)

// TestLayerIsAsClearAsItIsSure draws the same limb with scores that fall: ever
// fainter, with a dark rim on both sides, and at last not at all.
func TestLayerIsAsClearAsItIsSure(t *testing.T) {
	l := NewLayer(360, 360, 360, 360, []string{"left_knee", "left_ankle"}, [][2]int{{0, 1}})
	at := func(score float64) (limb, rim [4]byte) {
		ends := [][3]float64{{60, 180, 0.95}, {300, 180, score}}
		pixels := l.Draw([]inference.Person{{Keypoints: ends}})
		pixel := func(y int) [4]byte { return [4]byte(pixels[(y*360+180)*4:]) }
		if pixel(183) != pixel(177) { // A point's 0 is the middle of a pixel.
			t.Errorf("the rims differ: %v above, %v below", pixel(177), pixel(183))
		}
		return pixel(180), pixel(183)
	}
	last := byte(255)
	for _, score := range []float64{0.9, 0.5, 0.3} {
		limb, rim := at(score)
		if rim[0] > 10 || rim[1] > 10 || rim[2] > 10 || rim[3] < 40 {
			t.Errorf("at a score of %g the rim is %v", score, rim)
		}
		if limb[0] < 100 || limb[2] > 20 {
			t.Errorf("at a score of %g the limb is %v, want the left side's orange", score, limb)
		}
		if limb[3] > last || (score < 0.9 && limb[3] == last) {
			t.Errorf("at a score of %g the limb's opacity is %d, after %d", score, limb[3], last)
		}
		last = limb[3]
	}
	if limb, _ := at(0.1); limb != [4]byte{} {
		t.Errorf("a limb that was not seen is %v", limb)
	}
}

func TestBackgroundOfAProfile(t *testing.T) {
	for text, want := range map[string]*[3]uint8{"": nil, "transparent": nil, "#00b140": {0, 0xb1, 0x40}} {
		got, err := Choices{Background: text}.background()
		if err != nil || (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"#12", "green", "00b140", "#00b14g"} {
		if err := (Choices{Background: text}).check(); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
