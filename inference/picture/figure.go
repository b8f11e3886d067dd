package picture

// Keypoint is a point in frame pixels, 0 being the middle of the first, and its
// score; score 0 means that the point was not found.
type Keypoint struct{ X, Y, Score float64 }

// Detection is a person that was found, in frame pixels.
type Detection struct {
	Box   Rect
	Score float64
}

// Detected returns where it lies; what embeds a detection lies there too.
func (d Detection) Detected() Detection { return d }

// Person is someone whom a model found by itself, in frame px.
type Person struct {
	Detection
	Points []Keypoint
}
