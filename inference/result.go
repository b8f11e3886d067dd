package inference

// result turns what was seen in a frame into source px, and smooths it. It is
// to be called in frame order. The keypoints belong to the caller.
func (r *analysis) result(f *frame, smooth *smoother) Result {
	out := Result{Index: f.index, Time: f.time, People: []Person{}}
	if r.wantMatte() {
		out.Matte = f.matte
	}
	if !f.seen.found {
		return out
	}
	sx := float64(r.video.Width) / float64(f.pic.width)
	sy := float64(r.video.Height) / float64(f.pic.height)
	b := f.seen.box
	p := Person{
		ID: f.id, Score: f.seen.score, Box: [4]float64{b.x * sx, b.y * sy, b.w * sx, b.h * sy},
		Keypoints: make([][3]float64, len(f.seen.points)), Raw: make([][3]float64, len(f.seen.points)),
	}
	for i, point := range f.seen.points {
		if point.score > 0 {
			p.Raw[i] = [3]float64{scalePoint(point.x, sx), scalePoint(point.y, sy), point.score}
		}
	}
	smooth.smooth(p.ID, f.time, max(p.Box[2], p.Box[3]), p.Raw, p.Keypoints)
	out.People = append(out.People, p)
	return out
}

// scalePoint brings a coordinate to a picture of another size. A whole number
// is the middle of a pixel; what is kept is the distance from the picture's
// edge, half a pixel before the middle of the first.
func scalePoint(at, scale float64) float64 { return (at+0.5)*scale - 0.5 }
