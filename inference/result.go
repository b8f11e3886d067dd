package inference

import "github.com/motionmill/motionmill/inference/track"

// result turns what was seen in a frame into source px, and smooths it. It is
// to be called in frame order. The keypoints belong to the caller.
func (r *analysis) result(f *frame, smooth track.Smoothers) Result {
	out := Result{Index: f.index, Time: f.time, People: []Person{}}
	if r.wantMatte() {
		out.Matte = f.cut.Out
	}
	sx := float64(r.video.Width) / float64(f.pic.Width)
	sy := float64(r.video.Height) / float64(f.pic.Height)
	for _, o := range f.seen {
		p := personOf(o, sx, sy)
		smooth.Of(p.ID).Smooth(f.time, max(p.Box[2], p.Box[3]), p.Raw, p.Keypoints)
		out.People = append(out.People, p)
	}
	smooth.Forget(f.time)
	return out
}

// personOf brings who was seen to a picture that is sx and sy times as large.
func personOf(o track.Observation, sx, sy float64) Person {
	b := o.Box
	p := Person{
		ID: o.ID, Score: o.Score, Box: [4]float64{b.X * sx, b.Y * sy, b.W * sx, b.H * sy},
		Keypoints: make([][3]float64, len(o.Points)), Raw: make([][3]float64, len(o.Points)),
	}
	for i, point := range o.Points {
		if point.Score > 0 {
			p.Raw[i] = [3]float64{scalePoint(point.X, sx), scalePoint(point.Y, sy), point.Score}
		}
	}
	return p
}

// scalePoint brings a coordinate to a picture of another size. A whole number
// is the middle of a pixel; what is kept is the distance from the picture's
// edge, half a pixel before the middle of the first.
func scalePoint(at, scale float64) float64 { return (at+0.5)*scale - 0.5 }
