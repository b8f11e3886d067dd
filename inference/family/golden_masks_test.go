package family

import (
	"math"
	"testing"

	"github.com/motionmill/motionmill/inference/coco"
	"github.com/motionmill/motionmill/inference/inferencetest"
	"github.com/motionmill/motionmill/inference/picture"
)

// byTheBook is a picture of probabilities of the input's size.
type byTheBook struct {
	w, h   int
	values []float64
}

// sameMatte wants the person of a matte, which is the part of the input that the
// picture has, to overlap the reference by 0.99, and its greys to be those of
// the reference to 1 % in the mean, which it returns.
func (m *measured) sameMatte(tb testing.TB, got []byte, part span, want byTheBook) (mean float64) {
	tb.Helper()
	both, either, off := 0, 0, 0.0
	w, h := part.x1-part.x0, part.y1-part.y0
	if len(got) != w*h {
		tb.Fatalf("a matte of %d px, want %d x %d", len(got), w, h)
	}
	for i, v := range got {
		p := want.values[(part.y0+i/w)*want.w+part.x0+i%w]
		off += math.Abs(float64(v)/255-p) / float64(len(got))
		if v >= 128 && p >= 0.5 {
			both++
		}
		if v >= 128 || p >= 0.5 {
			either++
		}
	}
	iou := float64(both) / float64(either)
	tb.Logf("IoU %.4f of %d px, mean difference %.5f", iou, either, off)
	m.overlapped(iou)
	m.saw(inGreys, off*255)
	if !(either >= 1000 && iou >= 0.99 && off <= 0.01) {
		tb.Error("want an IoU of 0.99, a difference of at most 0.01 and a person")
	}
	return off
}

// cutOut is the matte of a picture.
func cutOut(tb testing.TB, m Matter, pic picture.Picture) []byte {
	tb.Helper()
	w, h := m.Size(pic)
	grey := make([]byte, w*h)
	for i := range grey {
		grey[i] = 77 // what an earlier frame left
	}
	if err := m.Cut(pic, grey); err != nil {
		tb.Fatal(err)
	}
	return grey
}

// onTheSkier wants the matte to be the annotated person.
func (m *measured) onTheSkier(tb testing.TB, grey []byte, part span) {
	tb.Helper()
	w, h := part.x1-part.x0, part.y1-part.y0
	cut, there := coco.NewMask(w, h), coco.NewMask(w, h)
	for i := range grey {
		cut.Person[i] = grey[i] >= 128
		for _, polygon := range m.skier.outline {
			there.Person[i] = there.Person[i] || inferencetest.Inside(polygon, (float64(i%w)+0.5)*640/float64(w), (float64(i/w)+0.5)*425/float64(h))
		}
	}
	iou := coco.Overlap(cut, there)
	m.hit("matte IoU", iou)
	if tb.Logf("IoU with the truth %.3f", iou); iou < 0.75 {
		tb.Error("want at least 0.75")
	}
}

func yoloSegGolden(t *testing.T, s *sheet) {
	w := newWitness(t, networkNamed(t, "yolov8n-seg-320"))
	d, err := newYOLOSeg(w.Network)
	if err != nil {
		t.Fatal(err)
	}
	m := s.row("yolo-seg", w.Model.Name, "raw")
	for name, c := range s.pictures {
		t.Run(name, func(t *testing.T) {
			input, part, _ := ultralytics320.fill(c.pic)
			got := cutOut(t, d, c.pic)
			w.wasAsked(t, m, ultralytics320, input)
			m.sameMatte(t, got, part, segmentsByTheBook(w.out))
			if name == "skier" {
				m.onTheSkier(t, got, part)
			}
		})
	}
}

// segmentsByTheBook is Ultralytics' process_mask: the sum of the prototypes by each
// person's coefficients, 0 outside of a quarter of the box, enlarged four times;
// what is above 0 is the person.
func segmentsByTheBook(out [][]float32) byTheBook {
	all := byTheBook{320, 320, make([]float64, 320*320)}
	for _, p := range yoloByTheBook(out[0], 2100, 80) {
		logits := make([]float64, 80*80)
		for i := range logits {
			x, y := float64(i%80), float64(i/80)
			if x < p.box[0]/4 || x >= p.box[2]/4 || y < p.box[1]/4 || y >= p.box[3]/4 {
				continue
			}
			for k := range 32 {
				logits[i] += float64(out[0][(84+k)*2100+p.at]) * float64(out[1][k*6400+i])
			}
		}
		for i := range all.values {
			logit := enlarged(logits, 80, 80, (float64(i%320)+0.5)/4-0.5, (float64(i/320)+0.5)/4-0.5)
			if logit != 0 {
				all.values[i] = math.Max(all.values[i], 1/(1+math.Exp(-logit)))
			}
		}
	}
	return all
}

// enlarged is bilinear interpolation between cells; beyond the outermost it stays the same.
func enlarged(cells []float64, w, h int, x, y float64) float64 {
	x, y = math.Min(math.Max(x, 0), float64(w-1)), math.Min(math.Max(y, 0), float64(h-1))
	i, j := int(x), int(y)
	at := func(i, j int) float64 { return cells[min(j, h-1)*w+min(i, w-1)] }
	fx, fy := x-float64(i), y-float64(j)
	return at(i, j)*(1-fx)*(1-fy) + at(i+1, j)*fx*(1-fy) + at(i, j+1)*(1-fx)*fy + at(i+1, j+1)*fx*fy
}

func maskRCNNGolden(t *testing.T, s *sheet) {
	for _, c := range []struct {
		layout, model string
		book          book
		masks         func(people []maskedPerson) byTheBook
	}{
		{"torchvision", "maskrcnn-torchvision-surrogate", ultralytics320, wholeMasks},
		{"zoo", "maskrcnn-zoo-surrogate", zoo320, pastedMasks},
	} {
		w := newWitness(t, networkNamed(t, c.model))
		d, err := newMaskRCNN(w.Network)
		if err != nil {
			t.Fatal(err)
		}
		m := s.row("maskrcnn", c.model, c.layout)
		for name, g := range s.pictures {
			t.Run(c.layout+" "+name, func(t *testing.T) {
				input, part, back := c.book.fill(g.pic)
				found, err := d.Detect(g.pic)
				if err != nil {
					t.Fatal(err)
				}
				w.wasAsked(t, m, c.book, input)
				people := peopleByTheBook(w.out)
				var want []corners
				for _, p := range people {
					left, top := back(p.box[0], p.box[1])
					right, bottom := back(p.box[2], p.box[3])
					want = append(want, corners{left, top, right, bottom, p.box[4]})
				}
				m.sameBoxes(t, found, want, g.pic)
				got := cutOut(t, d, g.pic)
				m.sameMatte(t, got, part, c.masks(people))
				if name == "skier" {
					m.nearTruth(t, found)
					m.onTheSkier(t, got, part)
				}
			})
		}
		t.Run(c.layout+" nobody", func(t *testing.T) {
			empty := picture.Picture{Pix: make([]byte, 320*200*3), Width: 320, Height: 200}
			if found, err := d.Detect(empty); err != nil || len(found) != 0 {
				t.Errorf("found %v, error %v", found, err)
			}
			if sum := inferencetest.SumOf(cutOut(t, d, empty)); sum != 0 {
				t.Errorf("the matte of an empty picture adds up to %d", sum)
			}
		})
	}
}

// maskedPerson is someone in the input with the mask as the model gives it.
type maskedPerson struct {
	box  [5]float64
	mask []float32
}

// peopleByTheBook are those of class 1 from the score 0.5 on, best first, of boxes, labels, scores and masks.
func peopleByTheBook(out [][]float32) (people []maskedPerson) {
	for i, label := range out[1] {
		if label != 1 || out[2][i] < 0.5 {
			continue
		}
		p := maskedPerson{}
		for k := range 4 {
			p.box[k] = float64(out[0][4*i+k])
		}
		p.box[4] = float64(out[2][i])
		size := len(out[3]) / len(out[1])
		p.mask = out[3][i*size : (i+1)*size]
		people = append(people, p)
	}
	return people
}

func wholeMasks(people []maskedPerson) byTheBook {
	all := byTheBook{320, 320, make([]float64, 320*320)}
	for _, p := range people {
		for i, v := range p.mask {
			all.values[i] = math.Max(all.values[i], float64(v))
		}
	}
	return all
}

// pastedMasks is torchvision's paste_masks_in_image.
func pastedMasks(people []maskedPerson) byTheBook {
	all := byTheBook{320, 320, make([]float64, 320*320)}
	for _, p := range people {
		padded := make([]float64, 30*30)
		for i, v := range p.mask {
			padded[(i/28+1)*30+i%28+1] = float64(v)
		}
		halfW, halfH := (p.box[2]-p.box[0])*0.5*30/28, (p.box[3]-p.box[1])*0.5*30/28
		middleX, middleY := (p.box[2]+p.box[0])*0.5, (p.box[3]+p.box[1])*0.5
		x0, y0, x1, y1 := int(middleX-halfW), int(middleY-halfH), int(middleX+halfW), int(middleY+halfH)
		w, h := max(x1-x0+1, 1), max(y1-y0+1, 1)
		for y := max(y0, 0); y < min(y1+1, 320); y++ {
			for x := max(x0, 0); x < min(x1+1, 320); x++ {
				v := enlarged(padded, 30, 30, (float64(x-x0)+0.5)*30/float64(w)-0.5, (float64(y-y0)+0.5)*30/float64(h)-0.5)
				all.values[y*320+x] = math.Max(all.values[y*320+x], v)
			}
		}
	}
	return all
}
