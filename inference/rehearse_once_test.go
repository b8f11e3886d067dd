package inference

import (
	"slices"
	"testing"
)

// TestModelsAreTriedOnce wants a second job not to wait for a trial.
func TestModelsAreTriedOnce(t *testing.T) {
	s := &fakeSession{
		outputs: []TensorInfo{{"out", "float32", []int64{1, 1, 64, 64}}},
	}
	runs := 0
	s.respond = func([]float32) ([]tensor, error) {
		runs++
		return []tensor{{"out", []int64{1, 1, 64, 64}, slices.Repeat([]float32{1}, 64*64)}}, nil
	}
	n := fakeNetwork(t, modelOf(t, manifestOf("m", "matte", "matte", "input: {name: in, width: 64, height: 64, fit: letterbox-centre}\n")), s)
	for range 3 {
		if err := rehearse(TaskMatte, n.as(n.model)); err != nil {
			t.Fatal(err)
		}
	}
	if runs != 2 {
		t.Errorf("%d runs, want one of each picture", runs)
	}
}
