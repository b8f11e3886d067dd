package inference

// keypoint is a point in frame pixels, 0 being the middle of the first, and its
// score; score 0 means that the point was not found.
type keypoint struct{ x, y, score float64 }

// detection is a person that was found, in frame pixels.
type detection struct {
	box   rect
	score float64
}

// detected returns where it lies; what embeds a detection lies there too.
func (d detection) detected() detection { return d }

// person is someone whom a model found by itself, in frame px.
type person struct {
	detection
	points []keypoint
}
