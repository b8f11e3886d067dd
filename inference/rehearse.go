package inference

import (
	"errors"
	"fmt"
	"slices"

	"github.com/motionmill/motionmill/job"
)

// scored is a family whose outputs hold a score for every place, class or
// point, whatever is in the picture.
type scored interface {
	// topScore is the highest score of anything in the outputs; ok is false where
	// these list only what was found.
	topScore(out []tensor) (score float32, ok bool)
}

// probable is the most that a probability can be; those of eight bits
// overshoot a little.
const probable = 1.1

// Try opens a model, checks it against its manifest, and runs it once. What is
// wrong with the file, the manifest or what the model answers is an error of
// kind model_missing that says what to do.
func (r *Runtime) Try(m Model) error {
	choice := Choice{}
	switch m.Task {
	case TaskDetect:
		choice.Detect = &m
	case TaskPose:
		choice.Pose = &m
	case TaskGeneric:
		_, err := r.NewGeneric(m)
		return err
	default:
		choice.Matte, choice.WantMatte = &m, true
	}
	_, err := r.NewAnalyser(choice)
	return err
}

// rehearse runs a network's family over a drawn person and over black, once
// for each manifest, so that a model whose answers do not fit is known before
// the first frame of a job. It also warms the model up.
func rehearse(task string, n *network, choice Choice) error {
	key := fmt.Sprint(task, n.model.Manifest)
	if n.pool.knows(key) {
		return nil
	}
	peak, told := float32(0), false
	watched := n.as(n.model)
	trial := &Analyser{choice: choice}
	watched.saw = func(out []tensor) {
		if family, ok := trial.family().(scored); ok {
			if p, ok := family.topScore(out); ok {
				peak, told = max(peak, p), true
			}
		}
	}
	if err := trial.add(task, watched); err != nil {
		return err
	}
	for _, pic := range []picture{drawnPerson(), blackPicture()} {
		if err := trial.runOnce(pic); err != nil {
			return badAnswer(n.model, err)
		}
	}
	switch {
	case told && peak == 0:
		return deadModel(n.model)
	case told && peak > probable && !slices.Contains([]string{"heatmap", "simcc"}, n.model.Family):
		return mismatch(n.model, "its scores reach %v, and 1 is the most that family %s gives: the layout of its output is another, or its export lacks the last step", peak, n.model.Family)
	}
	n.pool.learn(key)
	return nil
}

// oddInput says what is wrong with the shape of a graph's input, given the one
// of pictures; empty when nothing is that every family would stumble over.
func oddInput(graph, picture []int64) string {
	if slices.Contains(graph, 0) {
		return fmt.Sprintf("the graph's input is %v: an axis was left at 0 by the export, which must give it a size or leave it open", graph)
	}
	if len(graph) != len(picture) {
		return ""
	}
	channels := slices.Index(picture, 3)
	if n := graph[channels]; (n == 1 || n == 2 || n == 4) && picture[channels] == 3 {
		return fmt.Sprintf("the graph's input is %v, of %d channels, and this version feeds three (red, green and blue)", graph, n)
	}
	return ""
}

// family is the one that a trial was given.
func (a *Analyser) family() any {
	for _, f := range []any{a.people, a.pose, a.detect, a.matte} {
		switch f := f.(type) {
		case nil:
		default:
			return f
		}
	}
	return nil
}

// runOnce takes a picture through the family of a trial.
func (a *Analyser) runOnce(pic picture) (err error) {
	whole := rect{0, 0, float64(pic.width), float64(pic.height)}
	switch {
	case a.people != nil:
		_, err = a.people.spot(pic, nil)
	case a.pose != nil:
		err = a.pose.estimate(pic, whole, make([]keypoint, len(a.choice.Pose.Points.Names)))
	case a.detect != nil:
		_, err = a.detect.detect(pic)
	case a.matte != nil:
		w, h := a.matte.size(pic)
		err = a.matte.cut(pic, make([]byte, w*h))
	}
	return err
}

// badAnswer makes of what went wrong in a trial that the model is to blame.
func badAnswer(m Model, err error) error {
	var typed *job.Error
	if errors.As(err, &typed) && typed.Kind != job.Internal {
		return err
	}
	return job.Fail(job.ModelMissing, "try model "+m.Name, m.Path, "it fails on a drawn picture", "Choose another model, export it anew, or try --provider cpu", err)
}

func deadModel(m Model) error {
	return job.Fail(job.ModelMissing, "try model "+m.Name, m.Path,
		"every score that it gives is 0, whatever the picture: it would never find anybody",
		"Export it anew; in eight-bit exports, scores that share a scale with pixels are lost: keep the last layers in floating point", nil)
}

// knows tells whether a manifest was tried with the pool's session.
func (p *pool) knows(key string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tried[key]
}

func (p *pool) learn(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tried == nil {
		p.tried = map[string]bool{}
	}
	p.tried[key] = true
}

// blackPicture is what a video fades to.
func blackPicture() picture { return picture{pix: make([]byte, 96*64*3), width: 96, height: 64} }

// drawnPerson is a figure in a red shirt and blue trousers before a wall: enough
// for a model of people to see something in it.
func drawnPerson() picture {
	const w, h = 240, 320
	pic := picture{pix: make([]byte, w*h*3), width: w, height: h}
	for y := range h {
		for x := range w {
			shade := byte(150 + y/8 + (x*7+y*13)%11)
			copy(pic.pix[(y*w+x)*3:], []byte{shade, shade - 10, shade - 30})
		}
	}
	skin, shirt, trousers, shoes := [3]byte{224, 172, 140}, [3]byte{200, 30, 40}, [3]byte{30, 50, 120}, [3]byte{25, 25, 25}
	for _, part := range []struct {
		x, y, w, h int // middle, and half of the size
		colour     [3]byte
		round      bool
	}{
		{120, 55, 19, 25, skin, true},
		{120, 85, 9, 12, skin, false},
		{120, 140, 34, 48, shirt, false},
		{78, 135, 9, 42, shirt, false}, {162, 135, 9, 42, shirt, false},
		{76, 190, 8, 18, skin, true}, {164, 190, 8, 18, skin, true},
		{104, 238, 14, 56, trousers, false}, {136, 238, 14, 56, trousers, false},
		{100, 299, 18, 8, shoes, true}, {140, 299, 18, 8, shoes, true},
		{120, 36, 20, 10, shoes, true}, // hair
	} {
		for y := part.y - part.h; y <= part.y+part.h; y++ {
			for x := part.x - part.w; x <= part.x+part.w; x++ {
				dx, dy := float64(x-part.x)/float64(part.w), float64(y-part.y)/float64(part.h)
				if !part.round || dx*dx+dy*dy <= 1 {
					copy(pic.pix[(y*w+x)*3:], part.colour[:])
				}
			}
		}
	}
	return pic
}
