package matting

import (
	"testing"

	"github.com/motionmill/motionmill/inference/picture"
)

func TestLargestBlob(t *testing.T) {
	paint := func(grey []byte, w int, box [4]int) {
		for y := box[1]; y < box[1]+box[3]; y++ {
			for x := box[0]; x < box[0]+box[2]; x++ {
				grey[y*w+x] = 200
			}
		}
	}
	var f finder
	grey := make([]byte, 40*30)
	if _, ok := f.largestBlob(grey, 40, 30); ok {
		t.Error("an empty matte has a blob")
	}
	grey[5] = 255
	if _, ok := f.largestBlob(grey, 40, 30); ok {
		t.Error("one pixel is taken for a person")
	}
	paint(grey, 40, [4]int{30, 20, 10, 10}) // touches the corner
	paint(grey, 40, [4]int{3, 4, 5, 20})    // an L with the next
	paint(grey, 40, [4]int{3, 22, 15, 2})
	paint(grey, 40, [4]int{18, 24, 4, 4}) // touches only diagonally
	box, ok := f.largestBlob(grey, 40, 30)
	if want := (picture.Rect{X: 3, Y: 4, W: 15, H: 20}); !ok || box != want {
		t.Errorf("got %v, want %v", box, want)
	}
	for i := range grey {
		grey[i] = 127
	}
	if _, ok := f.largestBlob(grey, 40, 30); ok {
		t.Error("less than half is taken for a person")
	}
}

// The model's px need not be square in the frame.
func TestThePersonOfAMatteIsInPxOfTheFrame(t *testing.T) {
	pic := picture.Picture{Pix: make([]byte, 320*120*3), Width: 320, Height: 120}
	c := NewCutout(Options{}, pic, 32, 40)
	plot(c.Raw, 32, 255, [4]int{8, 4, 6, 20})
	got, ok := c.Person(pic)
	if want := (picture.Rect{X: 80, Y: 12, W: 60, H: 60}); !ok || got != want {
		t.Errorf("the person is in %v (%v), want %v", got, ok, want)
	}
}
