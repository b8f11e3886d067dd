package inference

import (
	"math"

	"github.com/motionmill/motionmill/inference/picture"
)

// placement says which part of a picture goes where in a model's input.
type placement struct {
	x, y, w, h   int     // the rectangle of the input that gets picture, px
	left, top    float64 // the position in the picture of its first sample, px
	stepX, stepY float64 // picture px from one sample to the next
	// border makes what lies outside the picture 0, as in a warp with a constant
	// border; otherwise the picture's edge is repeated.
	border bool
}

// letterbox keeps the picture's aspect and leaves the rest of a w by h input
// empty, on the right and below or around (centred). Sizes are rounded down
// top-left and to the nearest centred, as the families' references do.
func letterbox(pic picture.Picture, w, h int, centred bool) placement {
	scale := math.Min(float64(w)/float64(pic.Width), float64(h)/float64(pic.Height))
	nw, nh := float64(pic.Width)*scale, float64(pic.Height)*scale
	if centred {
		nw, nh = math.Round(nw), math.Round(nh)
	}
	// The small addition undoes what multiplying and dividing lost of a whole number.
	pw, ph := min(max(int(nw+1e-6), 1), w), min(max(int(nh+1e-6), 1), h)
	p := stretch(pic, pw, ph)
	if centred {
		p.x = int(math.Round(float64(w-pw)/2 - 0.1))
		p.y = int(math.Round(float64(h-ph)/2 - 0.1))
	}
	return p
}

// stretch fills a w by h input with the whole picture. Samples lie in the
// middle of pixels, as in OpenCV's resize.
func stretch(pic picture.Picture, w, h int) placement {
	stepX, stepY := float64(pic.Width)/float64(w), float64(pic.Height)/float64(h)
	return placement{w: w, h: h, left: stepX/2 - 0.5, top: stepY/2 - 0.5, stepX: stepX, stepY: stepY}
}

// crop fills a w by h input with the area of the picture, which may reach out
// of it. The area's corner falls on the first sample, as in the top-down
// warp of MMPose (datasets/transforms/topdown_transforms.py).
func crop(area picture.Rect, w, h int) placement {
	return placement{
		w: w, h: h, left: area.X, top: area.Y, stepX: area.W / float64(w), stepY: area.H / float64(h), border: true,
	}
}

// cropUDP is crop with the area's opposite corner on the last sample: unbiased
// data processing (Huang et al., CVPR 2020), after MMPose, get_udp_warp_matrix.
func cropUDP(area picture.Rect, w, h int) placement {
	p := crop(area, w, h)
	p.stepX, p.stepY = area.W/float64(max(w-1, 1)), area.H/float64(max(h-1, 1))
	return p
}

// window is crop with samples in the middle of pixels, as in TensorFlow's resize.
func window(area picture.Rect, w, h int) placement {
	p := crop(area, w, h)
	p.left, p.top = p.left+p.stepX/2-0.5, p.top+p.stepY/2-0.5
	return p
}

// point brings a point of the input back to the picture. In the input 0 is the
// edge and n the other edge of n samples, as models mean it that give shares of
// their input; in the picture 0 is the middle of the first pixel, as everywhere
// in the pose track. A score of 0 or less means that there is no point.
func (p placement) point(x, y, score float64) picture.Keypoint {
	if score <= 0 {
		return picture.Keypoint{}
	}
	return picture.Keypoint{
		X:     p.left + (x-0.5-float64(p.x))*p.stepX,
		Y:     p.top + (y-0.5-float64(p.y))*p.stepY,
		Score: math.Min(score, 1),
	}
}

// back brings a box of the input back to the picture, and cuts it at its edges.
// In both, 0 is the edge.
func (p placement) back(box picture.Rect, pic picture.Picture) picture.Rect {
	corner := p.point(box.X, box.Y, 1)
	return picture.Rect{X: corner.X + 0.5, Y: corner.Y + 0.5, W: box.W * p.stepX, H: box.H * p.stepY}.
		Within(float64(pic.Width), float64(pic.Height))
}

// place chooses the placement that a manifest asks for.
func place(in Input, pic picture.Picture) placement {
	switch in.Fit {
	case FitLetterboxCentre:
		return letterbox(pic, in.Width, in.Height, true)
	case FitLetterboxTopLeft:
		return letterbox(pic, in.Width, in.Height, false)
	default:
		return stretch(pic, in.Width, in.Height)
	}
}

// topDown returns the area of the frame that a top-down model looks at: the
// box, scaled, with one side grown to the aspect (w/h) of the input. After
// MMPose, structures/bbox/transforms.py and topdown_transforms.py.
func topDown(box picture.Rect, scale, aspect float64) picture.Rect {
	x, y := box.Centre()
	w, h := box.W*scale, box.H*scale
	if w > h*aspect {
		h = w / aspect
	} else {
		w = h * aspect
	}
	return picture.Rect{X: x - w/2, Y: y - h/2, W: w, H: h}
}
