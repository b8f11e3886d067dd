package family

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
	"github.com/motionmill/motionmill/job"
)

var aboutEqualPeople = cmp.Options{
	cmp.AllowUnexported(picture.Person{}, picture.Detection{}, picture.Rect{}, picture.Keypoint{}), cmpopts.EquateApprox(0, 1e-4), cmpopts.EquateEmpty(),
}

func movenetModel(t *testing.T, kind, rest string) models.Model {
	t.Helper()
	return inferencetest.ModelOf(t, inferencetest.ManifestOf("p", "pose", "movenet",
		"input: {name: in, width: 256, height: 256, layout: nhwc, type: "+kind+", fit: letterbox-centre}\n"+rest))
}

// plain is a picture of one colour.
func plain(w, h int, r, g, b byte) picture.Picture {
	p := picture.Picture{Pix: make([]byte, w*h*3), Width: w, Height: h}
	for i := range w * h {
		p.Pix[3*i], p.Pix[3*i+1], p.Pix[3*i+2] = r, g, b
	}
	return p
}

func TestMoveNetMultiFindsEveryone(t *testing.T) {
	// A picture of 400 by 200 lies at 0.64 of its size in rows 64 to 191 of 256.
	row := func(score float32) []float32 {
		values := make([]float32, 56)
		copy(values, []float32{0.375, 0.25, 0.9, 0.5, 0.75, 1.2}) // y, x, score of nose and left eye
		copy(values[51:], []float32{0.375, 0.25, 0.625, 0.5, score})
		return values
	}
	data := append(append(append(row(0.4), row(0.2)...), row(0.8)...), make([]float32, 3*56)...)
	for _, kind := range []string{"int32", "uint8", "float32"} {
		t.Run(kind, func(t *testing.T) {
			var input []float32
			shape := []int64{1, 6, 56}
			n := inferencetest.FakeNetwork(t, movenetModel(t, kind, "keypoints: coco17\n"), &inferencetest.FakeSession{
				Outputs: []onnx.TensorInfo{{Name: "out", Type: "float32", Shape: shape}},
				Respond: func(in []float32) ([]onnx.Tensor, error) {
					input = in
					return []onnx.Tensor{{Name: "out", Shape: shape, Data: data}}, nil
				},
			})
			one, several, err := newMoveNet(n)
			if err != nil || one != nil {
				t.Fatalf("one %v, error %v", one, err)
			}
			got, err := several.Spot(plain(400, 200, 10, 20, 30), nil)
			if err != nil {
				t.Fatal(err)
			}
			points := make([]picture.Keypoint, 17)
			points[0], points[1] = picture.Keypoint{X: 99.5, Y: 49.5, Score: 0.9}, picture.Keypoint{X: 299.5, Y: 99.5, Score: 1}
			box := picture.Rect{X: 100, Y: 50, W: 100, H: 100}
			want := []picture.Person{{Detection: picture.Detection{Box: box, Score: 0.8}, Points: points}, {Detection: picture.Detection{Box: box, Score: 0.4}, Points: points}}
			if diff := cmp.Diff(want, got, aboutEqualPeople); diff != "" {
				t.Error(diff)
			}
			for y, want := range map[int][3]float32{0: {}, 63: {}, 64: {10, 20, 30}, 191: {10, 20, 30}, 192: {}} {
				if pixel := [3]float32(input[(y*256+128)*3:]); pixel != want {
					t.Errorf("row %d of the input is %v, want %v", y, pixel, want)
				}
			}
		})
	}
}

func TestMoveNetLooksAtTheWholeFrame(t *testing.T) {
	n := inferencetest.NetworkOf(t, movenetModel(t, "int32", "keypoints: coco17\n"), []int64{1, 1, 17, 3}, nil)
	one, _, err := newMoveNet(n)
	if err != nil {
		t.Fatal(err)
	}
	body := func(score, half float64) []picture.Keypoint {
		points := make([]picture.Keypoint, 17)
		for i := range points { // 150, 100 from the frame's corner
			points[i] = picture.Keypoint{X: 149.5 + half*float64(i%2*2-1), Y: 99.5 + half*float64(i/2%2*2-1), Score: score}
		}
		return points
	}
	next, whole := one.(Follower).Next, picture.Rect{X: 0, Y: 0, W: 400, H: 300}
	// 1.9 times the 20 px from the middle of the hips to the torso's farthest.
	if got, want := next(body(0.9, 20), 400, 300), (picture.Rect{X: 150 - 38, Y: 100 - 38, W: 76, H: 76}); got != want {
		t.Errorf("looks at %v for a small person, want %v", got, want)
	}
	reaching := body(0.9, 20)
	reaching[9].X = 89.5 // a wrist, 60 px away, counts 1.2 times
	if got, want := next(reaching, 400, 300), (picture.Rect{X: 150 - 72, Y: 100 - 72, W: 144, H: 144}); math.Abs(got.X-want.X)+math.Abs(got.W-want.W) > 1e-9 {
		t.Errorf("looks at %v for a person who reaches out, want %v", got, want)
	}
	reaching[9].Score = 0.1
	if got := next(reaching, 400, 300); got.W != 76 {
		t.Errorf("looks at %v for a wrist that is not seen", got)
	}
	if got := next(body(0.2, 20), 400, 300); got != whole {
		t.Errorf("looks at %v though the torso is not seen", got)
	}
	reaching[9].Score = 0.2
	if got := next(reaching, 400, 300); math.Abs(got.W-144) > 1e-9 {
		t.Errorf("looks at %v for a wrist that is just seen", got)
	}
	if got := next(body(0.21, 20), 400, 300); got.W != 76 {
		t.Errorf("looks at %v though the torso is just seen", got)
	}
	if got := next(body(0.9, 140), 400, 300); got != whole {
		t.Errorf("looks at %v for a person as large as the frame", got)
	}
}

func TestPoseFamiliesRefuse(t *testing.T) {
	const crop, boxed = "width: 192, height: 256, fit: affine", "width: 64, height: 64, fit: letterbox-centre"
	for _, c := range []struct {
		name, family, input, rest string
		shapes                    [][]int64
		says                      string
	}{
		{"simcc of the whole frame", "simcc", boxed, "keypoints: [a]", [][]int64{{1, 1, 128}, {1, 1, 128}}, "input.fit"},
		{"simcc with its axes exchanged", "simcc", crop, "keypoints: [a]", [][]int64{{1, 1, 512}, {1, 1, 384}}, "outputs"},
		{"simcc of another split", "simcc", crop, "keypoints: [a]\noptions: {split: 3}", [][]int64{{1, 1, 384}, {1, 1, 512}}, "split 3"},
		{"simcc with one output", "simcc", crop, "keypoints: [a]", [][]int64{{1, 1, 384}}, "outputs"},
		{"simcc of another score", "simcc", crop, "keypoints: [a]\noptions: {score: max}", [][]int64{{1, 1, 384}, {1, 1, 512}}, "options.score"},
		{"simcc with an unknown option", "simcc", crop, "keypoints: [a]\noptions: {decode: dark}", [][]int64{{1, 1, 384}, {1, 1, 512}}, "options.decode"},
		{"movenet of a crop", "movenet", crop, "keypoints: coco17", [][]int64{{1, 1, 17, 3}}, "input.fit"},
		{"movenet with grey padding", "movenet", boxed + ", pad: 114", "keypoints: coco17", [][]int64{{1, 1, 17, 3}}, "input.pad"},
		{"movenet without hips", "movenet", boxed, "keypoints: [a]", [][]int64{{1, 1, 1, 3}}, "left_hip"},
		{"movenet of other points", "movenet", boxed, "keypoints: [a]", [][]int64{{1, 1, 17, 3}}, "outputs"},
		{"movenet with an unknown option", "movenet", boxed, "keypoints: coco17\noptions: {score: 0.2}", [][]int64{{1, 1, 17, 3}}, "options.score"},
		{"movenet multi with an unknown option", "movenet", boxed, "keypoints: coco17\noptions: {min_score: 0.2}", [][]int64{{1, 6, 56}}, "options.min_score"},
		{"yolo-pose of a crop", "yolo-pose", crop, "keypoints: [a]", [][]int64{{1, 8, 84}}, "input.fit"},
		{"yolo-pose of other points", "yolo-pose", boxed, "keypoints: [a]", [][]int64{{1, 56, 84}}, "outputs"},
		{"yolo-pose with an unknown option", "yolo-pose", boxed, "keypoints: [a]\noptions: {nms: 1}", [][]int64{{1, 8, 84}}, "options.nms"},
		{"yolo-pose with a score of words", "yolo-pose", boxed, "keypoints: [a]\noptions: {score: high}", [][]int64{{1, 8, 84}}, "options.score"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &inferencetest.FakeSession{}
			for _, shape := range c.shapes {
				s.Outputs = append(s.Outputs, onnx.TensorInfo{Name: "out", Type: "float32", Shape: shape})
			}
			m := inferencetest.ModelOf(t, inferencetest.ManifestOf("p", "pose", c.family, "input: {name: in, "+c.input+"}\n"+c.rest+"\n"))
			_, err := New(models.TaskPose, inferencetest.FakeNetwork(t, m, s))
			inferencetest.WantKind(t, err, job.ModelMissing)
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("the error %q does not say %q", err, c.says)
			}
		})
	}
}
