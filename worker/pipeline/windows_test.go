package pipeline

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/motionmill/motionmill/inference/generic"
)

// TestSoundIsCutIntoWindows gives the samples 0, 1, 2, … in pieces of any length, and
// wants windows that do not depend on the pieces.
func TestSoundIsCutIntoWindows(t *testing.T) {
	for _, c := range []struct {
		window, step, channels, samples int
		want                            []string // first and last value, time, part
	}{
		{4, 4, 1, 10, []string{"0-3 at 0 of 1", "4-7 at 4 of 1", "8-9 at 8 of 0.5"}},
		{4, 4, 1, 8, []string{"0-3 at 0 of 1", "4-7 at 4 of 1"}},
		{4, 2, 1, 8, []string{"0-3 at 0 of 1", "2-5 at 2 of 1", "4-7 at 4 of 1"}},
		{4, 2, 1, 9, []string{"0-3 at 0 of 1", "2-5 at 2 of 1", "4-7 at 4 of 1", "6-8 at 6 of 0.75"}},
		{4, 3, 2, 8, []string{"0-7 at 0 of 1", "6-13 at 3 of 1", "12-15 at 6 of 0.5"}},
		{2, 5, 1, 13, []string{"0-1 at 0 of 1", "5-6 at 5 of 1", "10-11 at 10 of 1"}},
		{2, 5, 1, 11, []string{"0-1 at 0 of 1", "5-6 at 5 of 1", "10-10 at 10 of 0.5"}},
		{4, 2, 1, 3, []string{"0-2 at 0 of 0.75"}},
		{0, 0, 1, 5, []string{"0-4 at 0 of 1"}},
		{4, 2, 1, 0, nil},
	} {
		for seed := range uint64(20) {
			var got []string
			windows := soundWindows{need: generic.SoundNeed{Rate: 1, Channels: c.channels, Window: c.window, Step: c.step},
				hear: func(samples []float32, at generic.Moment) error {
					got = append(got, fmt.Sprintf("%v-%v at %v of %v", samples[0], samples[len(samples)-1], at.Time, at.Part))
					return nil
				}}
			all, random := ramp(c.samples*c.channels), rand.New(rand.NewPCG(seed, 0))
			for len(all) > 0 {
				n := min(len(all), c.channels*(1+random.IntN(7)))
				if err := windows.add(slices.Clone(all[:n])); err != nil {
					t.Fatal(err)
				}
				all = all[n:]
			}
			if err := windows.end(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Fatalf("windows of %d, %d apart: %s", c.window, c.step, diff)
			}
		}
	}
}

func ramp(n int) (values []float32) {
	for i := range n {
		values = append(values, float32(i))
	}
	return values
}
