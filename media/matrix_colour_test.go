package media

import (
	"math"
	"testing"
)

// differenceOf is the CIEDE2000 difference of two colours in R'G'B' of 0 to 255,
// both read as sRGB (ISO/CIE 11664-6; G. Sharma, W. Wu, E. Dalal, "The CIEDE2000
// color-difference formula", Color Research & Application 30(1), 2005).
func differenceOf(a, b [3]float64) float64 { return ciede2000(lab(a), lab(b)) }

// lab converts sRGB (IEC 61966-2-1) to CIELAB under D65.
func lab(rgb [3]float64) [3]float64 {
	l := linearSRGB(rgb)
	f := func(t float64) float64 {
		if t > 216.0/24389 {
			return math.Cbrt(t)
		}
		return (24389.0/27*t + 16) / 116
	}
	x := f((0.4124564*l[0] + 0.3575761*l[1] + 0.1804375*l[2]) / 0.95047)
	y := f(0.2126729*l[0] + 0.7151522*l[1] + 0.0721750*l[2])
	z := f((0.0193339*l[0] + 0.1191920*l[1] + 0.9503041*l[2]) / 1.08883)
	return [3]float64{116*y - 16, 500 * (x - y), 200 * (y - z)}
}

// linearSRGB undoes sRGB's curve.
func linearSRGB(rgb [3]float64) (l [3]float64) {
	for i, v := range rgb {
		v = math.Min(math.Max(v/255, 0), 1)
		if l[i] = math.Pow((v+0.055)/1.055, 2.4); v <= 0.04045 {
			l[i] = v / 12.92
		}
	}
	return l
}

func ciede2000(one, two [3]float64) float64 {
	const degree = math.Pi / 180
	seventh := func(c float64) float64 { return math.Sqrt(math.Pow(c, 7) / (math.Pow(c, 7) + math.Pow(25, 7))) }
	g := 0.5 * (1 - seventh((math.Hypot(one[1], one[2])+math.Hypot(two[1], two[2]))/2))
	polar := func(v [3]float64) (c, h float64) {
		a := (1 + g) * v[1]
		if c = math.Hypot(a, v[2]); c == 0 {
			return 0, 0
		}
		return c, math.Mod(math.Atan2(v[2], a)/degree+360, 360)
	}
	c1, h1 := polar(one)
	c2, h2 := polar(two)
	dh, mean := h2-h1, h1+h2
	switch {
	case c1*c2 == 0:
		dh = 0
	case math.Abs(h1-h2) <= 180:
		mean /= 2
	default:
		if dh -= 360; h2 <= h1 {
			dh += 720
		}
		if mean += 360; mean >= 720 {
			mean -= 720
		}
		mean /= 2
	}
	dL, dC, dH := two[0]-one[0], c2-c1, 2*math.Sqrt(c1*c2)*math.Sin(dh/2*degree)
	l, c := (one[0]+two[0])/2, (c1+c2)/2
	t := 1 - 0.17*math.Cos((mean-30)*degree) + 0.24*math.Cos(2*mean*degree) + 0.32*math.Cos((3*mean+6)*degree) - 0.20*math.Cos((4*mean-63)*degree)
	sL := 1 + 0.015*(l-50)*(l-50)/math.Sqrt(20+(l-50)*(l-50))
	sC, sH := 1+0.045*c, 1+0.015*c*t
	turn := -2 * seventh(c) * math.Sin(60*math.Exp(-math.Pow((mean-275)/25, 2))*degree)
	return math.Sqrt(dL*dL/(sL*sL) + dC*dC/(sC*sC) + dH*dH/(sH*sH) + turn*dC/sC*dH/sH)
}

// TestDifferenceOfColours compares with pairs that the article above gives.
func TestDifferenceOfColours(t *testing.T) {
	for _, pair := range []struct {
		one, two [3]float64
		want     float64
	}{
		{[3]float64{50, 2.6772, -79.7751}, [3]float64{50, 0, -82.7485}, 2.0425},
		{[3]float64{50, -1, 2}, [3]float64{50, 0, 0}, 2.3669},
		{[3]float64{50, 2.49, -0.001}, [3]float64{50, -2.49, 0.0011}, 7.2195},
		{[3]float64{50, 2.5, 0}, [3]float64{58, 24, 15}, 19.4535},
		{[3]float64{60.2574, -34.0099, 36.2677}, [3]float64{60.4626, -34.1751, 39.4387}, 1.2644},
		{[3]float64{2.0776, 0.0795, -1.1350}, [3]float64{0.9033, -0.0636, -0.5514}, 0.9082},
	} {
		if got := ciede2000(pair.one, pair.two); math.Abs(got-pair.want) > 5e-5 {
			t.Errorf("%v and %v differ by %.4f, want %.4f", pair.one, pair.two, got, pair.want)
		}
	}
}

// paperWhite is how bright a card's white is in a high dynamic range, in cd/m²:
// that of graphics and paper in ITU-R BT.2408.
const paperWhite = 203

// luminance gives the card's colour in cd/m² of BT.2020's primaries.
func luminance(rgb [3]float64) [3]float64 {
	l := linearSRGB([3]float64{255 * rgb[0], 255 * rgb[1], 255 * rgb[2]})
	return times3([3][3]float64{ // ITU-R BT.2087
		{0.6274, 0.3293, 0.0433}, {0.0691, 0.9195, 0.0114}, {0.0164, 0.0880, 0.8956},
	}, [3]float64{paperWhite * l[0], paperWhite * l[1], paperWhite * l[2]})
}

func times3(m [3][3]float64, v [3]float64) (out [3]float64) {
	for i, row := range m {
		out[i] = row[0]*v[0] + row[1]*v[1] + row[2]*v[2]
	}
	return out
}

// pqLight is the signal of a colour by SMPTE ST 2084.
func pqLight(rgb [3]float64) (signal [3]float64) {
	const m1, m2, c1, c2, c3 = 2610.0 / 16384, 2523.0 / 4096 * 128, 3424.0 / 4096, 2413.0 / 4096 * 32, 2392.0 / 4096 * 32
	for i, l := range luminance(rgb) {
		y := math.Pow(math.Max(l, 0)/10_000, m1)
		signal[i] = math.Pow((c1+c2*y)/(1+c3*y), m2)
	}
	return signal
}

// hlgLight is the signal of a colour by ITU-R BT.2100 for a display of 1000 cd/m².
func hlgLight(rgb [3]float64) (signal [3]float64) {
	const a, b, c, gamma = 0.17883277, 0.28466892, 0.55991073, 1.2
	display := luminance(rgb)
	y := math.Max(0.2627*display[0]+0.6780*display[1]+0.0593*display[2], 1e-6) / 1000
	for i, l := range display {
		scene := math.Max(l, 0) / 1000 * math.Pow(y, (1-gamma)/gamma)
		if signal[i] = math.Sqrt(3 * scene); scene > 1.0/12 {
			signal[i] = a*math.Log(12*scene-b) + c
		}
	}
	return signal
}

// mapped is what becomes of a card's colour whose light was of a high dynamic
// range: the reference that outputs are held against. Light in units of 100 cd/m² goes
// through Hable's curve by its largest part, so that the hue stays, 1000 cd/m²
// becoming white; then BT.1886's inverse gives the signal. (J. Hable, "Uncharted 2: HDR Lighting", GDC 2010.)
func mapped(rgb [3]float64) (out [3]float64) {
	hable := func(x float64) float64 {
		return (x*(0.15*x+0.05)+0.004)/(x*(0.15*x+0.5)+0.06) - 0.02/0.3
	}
	l := linearSRGB(rgb)
	most := math.Max(math.Max(l[0], math.Max(l[1], l[2]))*paperWhite/100, 1e-6)
	for i := range l {
		shown := l[i] * paperWhite / 100 * hable(most) / hable(10) / most
		out[i] = 255 * math.Pow(math.Max(shown, 0), 1/2.4)
	}
	return out
}
