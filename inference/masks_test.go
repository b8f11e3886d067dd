package inference

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/picture"
)

// masks is a stage whose detector and matte are one model.
type masks struct{ *stage }

func (m masks) CutFound(pic picture.Picture, dst []byte) ([]picture.Detection, error) {
	if err := m.Cut(pic, dst); err != nil {
		return nil, err
	}
	if at, ok := m.person(number(pic)); ok {
		return []picture.Detection{{Box: at, Score: 0.9}}, nil
	}
	return nil, nil
}

// TestMasksRunOnceAFrame counts the runs of a model that finds people and cuts
// them out, and wants the results of two models.
func TestMasksRunOnceAFrame(t *testing.T) {
	const n = 120
	for _, parallel := range []int{1, 3} {
		apart := &stage{person: dancing, delay: scramble(parallel)}
		want := apart.watch(t, apart.analyser(true, true), testVideo(parallel), n)
		one := &stage{person: dancing, delay: scramble(parallel)}
		a := one.analyser(true, true)
		a.masks = masks{one}
		got := one.watch(t, a, testVideo(parallel), n)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d at once: %s", parallel, diff)
		}
		if d, m := apart.detections.Load(), apart.mattes.Load(); d == 0 || m != n {
			t.Errorf("two models ran %d and %d times", d, m)
		}
		if d, m := one.detections.Load(), one.mattes.Load(); d != 0 || m != n {
			t.Errorf("one model ran %d and %d times in %d frames", d, m, n)
		}
	}
}

func TestOneModelForTwoTasksIsKnown(t *testing.T) {
	r := inferencetest.OpenRuntime(t)
	tasks := []string{models.TaskPose, models.TaskMatte}
	names := map[string]string{models.TaskPose: "tinypose-256x192", models.TaskMatte: "yolov8n-seg-320", models.TaskDetect: "yolov8n-seg-320"}
	if a := analyserOf(t, r, tasks, names); a.masks == nil {
		t.Error("one model for both runs twice")
	}
	names[models.TaskDetect] = "yolox-nano"
	if a := analyserOf(t, r, tasks, names); a.masks != nil {
		t.Error("another detector is left out")
	}
}
