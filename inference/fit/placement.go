package fit

import (
	"math"

	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/picture"
)

// Placement says which part of a picture goes where in a model's input.
type Placement struct {
	X, Y, W, H   int     // the rectangle of the input that gets picture, px
	left, top    float64 // the position in the picture of its first sample, px
	StepX, StepY float64 // picture px from one sample to the next
	// border makes what lies outside the picture 0, as in a warp with a constant
	// border; otherwise the picture's edge is repeated.
	border bool
}

// Letterbox keeps the picture's aspect and leaves the rest of a w by h input
// empty, on the right and below or around (centred). Sizes are rounded down
// top-left and to the nearest centred, as the families' references do.
func Letterbox(pic picture.Picture, w, h int, centred bool) Placement {
	scale := math.Min(float64(w)/float64(pic.Width), float64(h)/float64(pic.Height))
	nw, nh := float64(pic.Width)*scale, float64(pic.Height)*scale
	if centred {
		nw, nh = math.Round(nw), math.Round(nh)
	}
	// The small addition undoes what multiplying and dividing lost of a whole number.
	pw, ph := min(max(int(nw+1e-6), 1), w), min(max(int(nh+1e-6), 1), h)
	p := stretch(pic, pw, ph)
	if centred {
		p.X = int(math.Round(float64(w-pw)/2 - 0.1))
		p.Y = int(math.Round(float64(h-ph)/2 - 0.1))
	}
	return p
}

// stretch fills a w by h input with the whole picture. Samples lie in the
// middle of pixels, as in OpenCV's resize.
func stretch(pic picture.Picture, w, h int) Placement {
	stepX, stepY := float64(pic.Width)/float64(w), float64(pic.Height)/float64(h)
	return Placement{W: w, H: h, left: stepX/2 - 0.5, top: stepY/2 - 0.5, StepX: stepX, StepY: stepY}
}

// Crop fills a w by h input with the area of the picture, which may reach out
// of it. The area's corner falls on the first sample, as in the top-down
// warp of MMPose (datasets/transforms/topdown_transforms.py).
func Crop(area picture.Rect, w, h int) Placement {
	return Placement{
		W: w, H: h, left: area.X, top: area.Y, StepX: area.W / float64(w), StepY: area.H / float64(h), border: true,
	}
}

// CropUDP is crop with the area's opposite corner on the last sample: unbiased
// data processing (Huang et al., CVPR 2020), after MMPose, get_udp_warp_matrix.
func CropUDP(area picture.Rect, w, h int) Placement {
	p := Crop(area, w, h)
	p.StepX, p.StepY = area.W/float64(max(w-1, 1)), area.H/float64(max(h-1, 1))
	return p
}

// Window is crop with samples in the middle of pixels, as in TensorFlow's resize.
func Window(area picture.Rect, w, h int) Placement {
	p := Crop(area, w, h)
	p.left, p.top = p.left+p.StepX/2-0.5, p.top+p.StepY/2-0.5
	return p
}

// Part fills a w by h input with a part of the picture, which must lie in it, as
// stretching does with the whole.
func Part(area picture.Rect, w, h int) Placement {
	p := Window(area, w, h)
	p.border = false
	return p
}

// Point brings a point of the input back to the picture. In the input 0 is the
// edge and n the other edge of n samples, as models mean it that give shares of
// their input; in the picture 0 is the middle of the first pixel, as everywhere
// in the pose track. A score of 0 or less means that there is no point.
func (p Placement) Point(x, y, score float64) picture.Keypoint {
	if score <= 0 {
		return picture.Keypoint{}
	}
	return picture.Keypoint{
		X:     p.left + (x-0.5-float64(p.X))*p.StepX,
		Y:     p.top + (y-0.5-float64(p.Y))*p.StepY,
		Score: math.Min(score, 1),
	}
}

// Back brings a box of the input back to the picture, and cuts it at its edges.
// In both, 0 is the edge.
func (p Placement) Back(box picture.Rect, pic picture.Picture) picture.Rect {
	corner := p.Point(box.X, box.Y, 1)
	return picture.Rect{X: corner.X + 0.5, Y: corner.Y + 0.5, W: box.W * p.StepX, H: box.H * p.StepY}.
		Within(float64(pic.Width), float64(pic.Height))
}

// Place chooses the placement that a manifest asks for.
func Place(in models.Input, pic picture.Picture) Placement {
	switch in.Fit {
	case models.FitLetterboxCentre:
		return Letterbox(pic, in.Width, in.Height, true)
	case models.FitLetterboxTopLeft:
		return Letterbox(pic, in.Width, in.Height, false)
	default:
		return stretch(pic, in.Width, in.Height)
	}
}

// TopDown returns the area of the frame that a top-down model looks at: the
// box, scaled, with one side grown to the aspect (w/h) of the input. After
// MMPose, structures/bbox/transforms.py and topdown_transforms.py.
func TopDown(box picture.Rect, scale, aspect float64) picture.Rect {
	x, y := box.Centre()
	w, h := box.W*scale, box.H*scale
	if w > h*aspect {
		h = w / aspect
	} else {
		w = h * aspect
	}
	return picture.Rect{X: x - w/2, Y: y - h/2, W: w, H: h}
}
