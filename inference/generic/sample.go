package generic

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/inference/onnx"
	"github.com/motionmill/motionmill/inference/picture"
	"github.com/motionmill/motionmill/job"
)

// sample is something to run the model on: a grey frame, a quiet tone, a few
// characters.
func (g *Model) sample() Material {
	m := Material{Still: picture.Picture{Pix: bytes.Repeat([]byte{128}, 3*64*48), Width: 64, Height: 48}}
	if need := g.needs.Sound; need != nil {
		n := need.Window
		if n == 0 {
			n = 2 * need.Rate
		}
		m.Samples = make([]float32, n*need.Channels)
		for i := range m.Samples {
			m.Samples[i] = float32(0.1 * math.Sin(2*math.Pi*440*float64(i/need.Channels)/float64(need.Rate)))
		}
	}
	letters := strings.Split("sample text", "")
	for _, s := range g.sources {
		if s.from.From == fromText && len(s.from.Vocabulary) > 0 {
			letters = slices.Sorted(maps.Keys(s.from.Vocabulary))
		}
	}
	for len(letters) < 12 {
		letters = append(letters, letters...)
	}
	m.Text = strings.Join(letters[:12], "")
	return m
}

// rehearse runs the model once on a sample, for each manifest: what does not fit
// is known before the first job, which finds it warm.
func (g *Model) rehearse() error {
	n := g.network
	return n.Once(fmt.Sprint(models.TaskGeneric, n.Model.Manifest), func() error {
		sample := g.sample()
		_, err := g.Run(sample)
		if job.KindOf(err) == job.OverLimit { // The graph takes shorter texts.
			sample.Text = string([]rune(sample.Text)[:1])
			_, err = g.Run(sample)
		}
		if job.KindOf(err) == job.Unsupported { // A text of such letters says nothing to this model.
			err = nil
		}
		if err != nil {
			return n.Model.BadAnswer(err)
		}
		return nil
	})
}

// runSample runs a network of the family once, on a sample.
func runSample(n *onnx.Network) error {
	g, err := newModel(n)
	if err == nil {
		_, err = g.Run(g.sample())
	}
	return err
}
