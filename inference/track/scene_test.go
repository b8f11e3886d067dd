package track

import "testing"

func TestDetectorIsDueInTurn(t *testing.T) {
	for _, every := range []int{1, 2, 3, 7, 10, 31} {
		g := Following{detectEvery: every}
		count, odd, last := 0, 0, -1
		for i := range 1000 {
			if !g.Due(i) {
				continue
			}
			if last >= 0 && i-last > every+1 {
				t.Errorf("every %d: nothing between %d and %d", every, last, i)
			}
			count, odd, last = count+1, odd+i%2, i
		}
		if want := 1000 / every; count < want-1 || count > want+1 || odd < count/2-1 || odd > count/2+1 {
			t.Errorf("every %d: %d of 1000 frames, %d of them odd", every, count, odd)
		}
	}
}
