// Package starter carries two small models and a demo video, so that a first run and the accuracy tests
// need no network: a pose model (starter-pose), a matte model (starter-matte), four seconds of a rendered
// dancer, and the truth about every one of its frames.
//
// The models were trained by the script in train/ on figures that it renders itself. They hold on such
// figures; real footage wants a pulled model, and their manifests say so and rank them below any other.
package starter

import (
	"compress/gzip"
	"embed"
	"encoding/json"
	"fmt"
)

// Files holds, at its root, starter-pose.onnx, starter-matte.onnx, their manifests (the same names ending in
// .yaml), demo.mp4 (H.264 and AAC) and demo.truth.json.gz (read by [Truth]).
//
//go:embed starter-pose.onnx starter-pose.yaml starter-matte.onnx starter-matte.yaml demo.mp4 demo.truth.json.gz
var Files embed.FS

// The third number of a keypoint in [Frame].
const (
	Outside = 0 // outside the picture
	Hidden  = 1 // in the picture, behind another part of the body
	Seen    = 2
)

// GroundTruth is what the renderer knows about demo.mp4.
type GroundTruth struct {
	Width      int     `json:"width"`  // pixels
	Height     int     `json:"height"` // pixels
	FPS        float64 `json:"fps"`    // frames a second, constant
	MaskWidth  int     `json:"mask_width"`
	MaskHeight int     `json:"mask_height"`
	Frames     []Frame `json:"frames"` // in order of presentation
}

// Frame is the truth about one frame.
type Frame struct {
	// Keypoints are the 17 of COCO in their usual order (left and right are the figure's own), shoulders and
	// hips where people mark them rather than at the joints' centres: x and y in
	// pixels of the video, from the top left corner of the top left pixel, then Outside, Hidden or Seen.
	Keypoints [17][3]float64 `json:"keypoints"`
	// Height is how tall the figure would stand at its distance, in pixels, whatever its pose.
	Height float64 `json:"height"`
	// Runs are run lengths of the person mask in row order, MaskWidth×MaskHeight pixels in all: background
	// first (perhaps 0), then person, and so on. GroundTruth.Mask draws them.
	Runs []int `json:"mask"`
}

// Truth decodes the ground truth of demo.mp4.
func Truth() (GroundTruth, error) {
	var truth GroundTruth
	file, err := Files.Open("demo.truth.json.gz")
	if err != nil {
		return truth, fmt.Errorf("open ground truth: %w", err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return truth, fmt.Errorf("unzip ground truth: %w", err)
	}
	if err := json.NewDecoder(unzipped).Decode(&truth); err != nil {
		return truth, fmt.Errorf("decode ground truth: %w", err)
	}
	return truth, nil
}

// Mask draws the person mask of frame i at width×height pixels (nearest neighbour): one byte a pixel in row
// order, 255 on the person and 0 elsewhere. It fails for a frame that is not there, a size below one pixel,
// and runs that do not fill the stored mask.
func (t GroundTruth) Mask(i, width, height int) ([]byte, error) {
	if i < 0 || i >= len(t.Frames) {
		return nil, fmt.Errorf("draw mask: frame %d of %d", i, len(t.Frames))
	}
	if width < 1 || height < 1 {
		return nil, fmt.Errorf("draw mask: size %d×%d", width, height)
	}
	stored := make([]byte, 0, t.MaskWidth*t.MaskHeight)
	for k, n := range t.Frames[i].Runs {
		if n < 0 || len(stored)+n > cap(stored) {
			return nil, fmt.Errorf("draw mask: run %d of frame %d leaves the mask", k, i)
		}
		from := len(stored)
		stored = stored[:from+n]
		if k%2 == 1 {
			for p := range stored[from:] {
				stored[from+p] = 255
			}
		}
	}
	if len(stored) != cap(stored) {
		return nil, fmt.Errorf("draw mask: frame %d has %d of %d pixels", i, len(stored), cap(stored))
	}
	out := make([]byte, width*height)
	for y := range height {
		row := stored[(2*y+1)*t.MaskHeight/(2*height)*t.MaskWidth:]
		for x := range width {
			out[y*width+x] = row[(2*x+1)*t.MaskWidth/(2*width)]
		}
	}
	return out, nil
}
