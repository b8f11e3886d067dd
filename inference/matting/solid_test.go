package matting

import "testing"

// plot paints boxes of a value into a matte of w px a row.
func plot(grey []byte, w int, value byte, boxes ...[4]int) {
	for _, b := range boxes {
		for y := b[1]; y < b[1]+b[3]; y++ {
			for x := b[0]; x < b[0]+b[2]; x++ {
				grey[y*w+x] = value
			}
		}
	}
}

func TestSolid(t *testing.T) {
	const w, h = 100, 90
	body := [4]int{20, 10, 40, 70}
	for name, c := range map[string]struct {
		before, after func(grey []byte)
	}{
		"a person stays": {
			func(g []byte) { plot(g, w, 255, body) }, func(g []byte) { plot(g, w, 255, body) },
		},
		"so does a soft edge": {
			func(g []byte) { plot(g, w, 100, [4]int{18, 8, 44, 74}); plot(g, w, 255, body) },
			func(g []byte) { plot(g, w, 100, [4]int{18, 8, 44, 74}); plot(g, w, 255, body) },
		},
		"two people stay": {
			func(g []byte) { plot(g, w, 255, body, [4]int{80, 10, 10, 20}) },
			func(g []byte) { plot(g, w, 255, body, [4]int{80, 10, 10, 20}) },
		},
		"haze and specks go": {
			func(g []byte) { plot(g, w, 20, [4]int{0, 0, w, h}); plot(g, w, 255, body, [4]int{80, 10, 3, 3}) },
			func(g []byte) { plot(g, w, 255, body) },
		},
		"nobody is nobody": {
			func(g []byte) { plot(g, w, 60, [4]int{0, 0, w, h}); plot(g, w, 150, [4]int{10, 10, 50, 50}) },
			func([]byte) {},
		},
		"a speck alone is nobody": {
			func(g []byte) { plot(g, w, 255, [4]int{10, 10, 4, 4}) }, func([]byte) {},
		},
		"a hole of doubt is closed": {
			func(g []byte) { plot(g, w, 255, body); plot(g, w, 60, [4]int{30, 30, 12, 12}) },
			func(g []byte) { plot(g, w, 255, body) },
		},
		"so is a pinhole": {
			func(g []byte) { plot(g, w, 255, body); plot(g, w, 0, [4]int{30, 30, 1, 2}) },
			func(g []byte) { plot(g, w, 255, body) },
		},
		"what an arm encloses stays open": {
			func(g []byte) { plot(g, w, 255, body); plot(g, w, 0, [4]int{30, 30, 8, 8}) },
			func(g []byte) { plot(g, w, 255, body); plot(g, w, 0, [4]int{30, 30, 8, 8}) },
		},
		"so does what the frame's edge cuts": {
			func(g []byte) { plot(g, w, 255, [4]int{0, 0, 50, h}); plot(g, w, 60, [4]int{0, 30, 10, 10}) },
			func(g []byte) { plot(g, w, 255, [4]int{0, 0, 50, h}); plot(g, w, 60, [4]int{0, 30, 10, 10}) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, want := make([]byte, w*h), make([]byte, w*h)
			c.before(got)
			c.after(want)
			var s solid
			s.clean(got, w, h)
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("px %d, %d is %d, want %d", i%w, i/w, got[i], want[i])
				}
			}
		})
	}
}
