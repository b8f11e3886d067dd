package family

import (
	"testing"

	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/picture"
)

// selfie256 is the input of MediaPipe's selfie segmentation.
var selfie256 = book{256, 256, false, 0, [3]int{0, 1, 2}, [3]float64{}, [3]float64{255, 255, 255}}

// selfieGolden shows the whole picture as the model wants it, and letterboxed, as others want it.
func selfieGolden(t *testing.T, s *sheet) {
	n := networkNamed(t, "selfie-256")
	eye := newWitness(t, n)
	for _, fit := range []string{models.FitStretch, models.FitLetterboxCentre, models.FitLetterboxTopLeft} {
		model := n.Model
		model.Input.Fit, model.Input.Pad = fit, 114
		f, err := newMatte(eye.As(model))
		if err != nil {
			t.Fatal(err)
		}
		m := s.row("matte", n.Model.Name, fit)
		for name, c := range s.pictures {
			t.Run(fit+" "+name, func(t *testing.T) {
				got := cutOut(t, f, c.pic)
				input, part := selfieByTheBook(c.pic), span{0, 0, 256, 256}
				if fit != models.FitStretch {
					input, part = letterboxedByTheBook(c.pic, fit == models.FitLetterboxCentre)
				}
				eye.wasAsked(t, m, selfie256, input)
				want := byTheBook{256, 256, nil}
				for _, v := range read(t, n, input)[0] {
					want.values = append(want.values, float64(v))
				}
				// Rounding to 255 steps differs by a quarter of a step in the middle.
				if off := m.sameMatte(t, got, part, want); off > 0.002 {
					t.Error("want a mean difference of at most 0.002")
				}
				if name == "skier" {
					m.onTheSkier(t, got, part)
				}
			})
		}
	}
}

// letterboxedByTheBook is a letterboxed input with the channels mixed, and the part of it that the picture has.
func letterboxedByTheBook(pic picture.Picture, centred bool) (input []float32, part span) {
	b := selfie256
	b.centred, b.pad = centred, 114
	planes, part, _ := b.fill(pic)
	for i := range 256 * 256 {
		input = append(input, planes[i], planes[256*256+i], planes[2*256*256+i])
	}
	return input, part
}

// selfieByTheBook resizes the picture to 256 by 256 with samples in the middle of
// px, on 0 to 1, row after row with the channels mixed.
func selfieByTheBook(pic picture.Picture) []float32 {
	input := make([]float32, 256*256*3)
	for row := range 256 {
		for col := range 256 {
			x := (float64(col)+0.5)/256*float64(pic.Width) - 0.5
			y := (float64(row)+0.5)/256*float64(pic.Height) - 0.5
			for channel := range 3 {
				input[(row*256+col)*3+channel] = float32(inferencetest.Sample(pic, x, y, channel, false) / 255)
			}
		}
	}
	return input
}
