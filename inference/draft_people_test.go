package inference

import "testing"

// TestDraftsOfDetectors wants the family, size and classes that shapes tell, and none of what they do not.
func TestDraftsOfDetectors(t *testing.T) {
	out := func(name, kind string, shape ...int64) TensorInfo { return TensorInfo{name, kind, shape} }
	square := []int64{1, 3, 640, 640}
	for name, c := range map[string]struct {
		input   []int64
		outputs []TensorInfo
		family  string // empty is none
		task    string
		w, h    int
		classes int
	}{
		"yolo":              {square, []TensorInfo{out("o", "float32", 1, 84, 8400)}, "yolo", TaskDetect, 640, 640, 80},
		"yolo of one class": {[]int64{1, 3, 320, 640}, []TensorInfo{out("o", "float32", 1, 5, 4200)}, "yolo", TaskDetect, 640, 320, 1},
		"yolo end to end":   {square, []TensorInfo{out("o", "float32", 1, 300, 6)}, "yolo", TaskDetect, 640, 640, 80},
		"yolo-seg":          {square, []TensorInfo{out("o", "float32", 1, 116, 8400), out("p", "float32", 1, 32, 160, 160)}, "yolo-seg", TaskMask, 640, 640, 80},
		"yolo-seg end to end": {
			square, []TensorInfo{out("o", "float32", 1, 300, 38), out("p", "float32", 1, 32, 160, 160)}, "yolo-seg", TaskMask, 640, 640, 80,
		},
		"rtmdet": {square, []TensorInfo{out("dets", "float32", 1, -1, 5), out("labels", "int64", 1, -1)}, "rtmdet", TaskDetect, 640, 640, 80},
		"maskrcnn of the zoo": {
			[]int64{3, -1, -1},
			[]TensorInfo{out("6568", "float32", -1, 4), out("6570", "int64", -1), out("6572", "float32", -1), out("6887", "float32", -1, 1, 28, 28)},
			"maskrcnn", TaskMask, 1344, 800, 0,
		},
		"maskrcnn of torchvision": {
			[]int64{3, -1, -1},
			[]TensorInfo{out("boxes", "float32", -1, 4), out("labels", "int64", -1), out("scores", "float32", -1), out("masks", "float32", -1, 1, -1, -1)},
			"maskrcnn", TaskMask, 640, 640, 0,
		},
		"yolo of an open size":  {[]int64{1, 3, -1, -1}, []TensorInfo{out("o", "float32", 1, 84, -1)}, "", "", 0, 0, 0},
		"yolo of other classes": {square, []TensorInfo{out("o", "float32", 1, 24, 8400)}, "", "", 0, 0, 0},
		"yolo of four channels": {[]int64{1, 4, 640, 640}, []TensorInfo{out("o", "float32", 1, 84, 8400)}, "", "", 0, 0, 0},
		"yolo transposed":       {square, []TensorInfo{out("o", "float32", 1, 8400, 84)}, "", "", 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			m := modelOf(t, manifestOf("m", "matte", "matte", matteInput))
			text, ok := Draft(m, []TensorInfo{{"in", "float32", c.input}}, c.outputs)
			if ok != (c.family != "") {
				t.Fatalf("drafted %v: %s", ok, text)
			}
			if !ok {
				return
			}
			got, err := ParseManifest([]byte(text))
			if err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			if got.Family != c.family || got.Task != c.task || got.Input.Width != c.w || got.Input.Height != c.h || len(got.Classes) != c.classes {
				t.Errorf("drafted %s", text)
			}
			// What is drafted is a model of the family.
			got.Input.Type = "float32"
			s := &fakeSession{inputs: []TensorInfo{{"in", "float32", c.input}}, outputs: c.outputs}
			m.Manifest = got
			n, err := newNetwork(m, ProviderCPU, s)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := newSkills(c.task, n); err != nil {
				t.Error(err)
			}
		})
	}
}
