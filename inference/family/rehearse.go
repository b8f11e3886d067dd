package family

import (
	"fmt"
	"slices"

	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
	"github.com/motionmill/motionmill/job"
)

// scored is a family whose outputs hold a score for every place, class or
// point, whatever is in the picture.
type scored interface {
	// topScore is the highest score of anything in the outputs; ok is false where
	// these list only what was found.
	topScore(out []onnx.Tensor) (score float32, ok bool)
}

// probable is the most that a probability can be; those of eight bits
// overshoot a little.
const probable = 1.1

// Rehearse runs a network's family over a drawn person and over black, once
// for each manifest, so that a model whose answers do not fit is known before
// the first frame of a job. It also warms the model up.
func Rehearse(task string, n *onnx.Network) error {
	return n.Once(fmt.Sprint(task, n.Model.Manifest), func() error { return try(task, n) })
}

func try(task string, n *onnx.Network) error {
	peak, told := float32(0), false
	var trial Skills
	watched := n.Watched(func(out []onnx.Tensor) {
		if family, ok := trial.family().(scored); ok {
			if p, ok := family.topScore(out); ok {
				peak, told = max(peak, p), true
			}
		}
	})
	trial, err := New(task, watched)
	if err != nil {
		return err
	}
	for _, pic := range []picture.Picture{drawnPerson(), blackPicture()} {
		if err := trial.see(pic, len(n.Model.Points.Names)); err != nil {
			return n.Model.BadAnswer(err)
		}
	}
	switch {
	case told && peak == 0:
		return deadModel(n.Model)
	case told && peak > probable && !slices.Contains([]string{"heatmap", "simcc"}, n.Model.Family):
		return n.Model.Mismatch("its scores reach %v, and 1 is the most that family %s gives: the layout of its output is another, or its export lacks the last step", peak, n.Model.Family)
	}
	return nil
}

// family is the skill that is there.
func (s Skills) family() any {
	for _, f := range []any{s.People, s.Pose, s.Detect, s.Matte} {
		if f != nil {
			return f
		}
	}
	return nil
}

// see takes a picture through the skill; a pose has so many points.
func (s Skills) see(pic picture.Picture, points int) (err error) {
	switch {
	case s.People != nil:
		_, err = s.People.Spot(pic, nil)
	case s.Pose != nil:
		err = s.Pose.Estimate(pic, pic.Whole(), make([]picture.Keypoint, points))
	case s.Detect != nil:
		_, err = s.Detect.Detect(pic)
	case s.Matte != nil:
		w, h := s.Matte.Size(pic)
		err = s.Matte.Cut(pic, make([]byte, w*h))
	}
	return err
}

func deadModel(m models.Model) error {
	return job.Fail(job.ModelMissing, "try model "+m.Name, m.Path,
		"every score that it gives is 0, whatever the picture: it would never find anybody",
		"Export it anew; in eight-bit exports, scores that share a scale with pixels are lost: keep the last layers in floating point", nil)
}

// blackPicture is what a video fades to.
func blackPicture() picture.Picture {
	return picture.Picture{Pix: make([]byte, 96*64*3), Width: 96, Height: 64}
}

// drawnPerson is a figure in a red shirt and blue trousers before a wall: enough
// for a model of people to see something in it.
func drawnPerson() picture.Picture {
	const w, h = 240, 320
	pic := picture.Picture{Pix: make([]byte, w*h*3), Width: w, Height: h}
	for y := range h {
		for x := range w {
			shade := byte(150 + y/8 + (x*7+y*13)%11)
			copy(pic.Pix[(y*w+x)*3:], []byte{shade, shade - 10, shade - 30})
		}
	}
	skin, shirt, trousers, shoes := [3]byte{224, 172, 140}, [3]byte{200, 30, 40}, [3]byte{30, 50, 120}, [3]byte{25, 25, 25}
	for _, part := range []struct {
		x, y, w, h int // middle, and half of the size
		colour     [3]byte
		round      bool
	}{
		{120, 55, 19, 25, skin, true},
		{120, 85, 9, 12, skin, false},
		{120, 140, 34, 48, shirt, false},
		{78, 135, 9, 42, shirt, false}, {162, 135, 9, 42, shirt, false},
		{76, 190, 8, 18, skin, true}, {164, 190, 8, 18, skin, true},
		{104, 238, 14, 56, trousers, false}, {136, 238, 14, 56, trousers, false},
		{100, 299, 18, 8, shoes, true}, {140, 299, 18, 8, shoes, true},
		{120, 36, 20, 10, shoes, true}, // hair
	} {
		for y := part.y - part.h; y <= part.y+part.h; y++ {
			for x := part.x - part.w; x <= part.x+part.w; x++ {
				dx, dy := float64(x-part.x)/float64(part.w), float64(y-part.y)/float64(part.h)
				if !part.round || dx*dx+dy*dy <= 1 {
					copy(pic.Pix[(y*w+x)*3:], part.colour[:])
				}
			}
		}
	}
	return pic
}
