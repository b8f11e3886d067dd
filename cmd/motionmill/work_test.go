package main

import "testing"

func TestSizesOfBytes(t *testing.T) {
	for text, want := range map[string]byteSize{
		"0": 0, "1500000": 1_500_000, "500MB": 500_000_000, "20GiB": 20 << 30, "1.5 GiB": 3 << 29, "64KiB": 64 << 10, "7B": 7, "2TB": 2e12,
	} {
		var got, again byteSize
		if err := got.Set(text); err != nil || got != want {
			t.Errorf("%q is %d (%v), want %d", text, got, err, want)
		}
		if err := again.Set(got.String()); err != nil || again != got {
			t.Errorf("%q comes back as %d (%v)", got.String(), again, err)
		}
	}
	for _, text := range []string{"", "GiB", "-1", "-1GiB", "twenty", "20 bytes", "NaN", "1e30", "Inf", "20GiBGiB"} {
		var got byteSize
		if err := got.Set(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}
