package worker

import "testing"

// The exchange takes and gives back exactly the difference.
func TestTheExchangeOfUnits(t *testing.T) {
	for _, c := range []struct{ capacity, held, weight, free int }{{4, 1, 3, 1}, {4, 3, 1, 3}, {4, 2, 2, 2}, {4, 1, 9, 0}, {4, 1, 0, 3}} {
		u := NewUnits(c.capacity)
		if got := u.Take(c.held); got != c.held {
			t.Fatalf("took %d units, of %d wanted", got, c.held)
		}
		now, err := u.Exchange(t.Context(), c.held, c.weight)
		if err != nil || now != c.capacity-c.free {
			t.Errorf("%d units for a weight of %d: %d are held (%v)", c.held, c.weight, now, err)
		}
		if used, _ := u.Used(); used != now || u.Free() != c.free {
			t.Errorf("%d units for a weight of %d: %d count as held, %d as free", c.held, c.weight, used, u.Free())
		}
		for range c.free {
			if u.Take(1) != 1 {
				t.Error("a free unit is not there")
			}
		}
		if got := u.Take(1); got != 0 {
			t.Errorf("%d units for a weight of %d: one more than the capacity was given out", c.held, c.weight)
		}
	}
}
