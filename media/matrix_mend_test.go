package media

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"testing"
)

// still is a film of one picture, shown as long as its rate says, with four seconds of sound.
func still(rate float64) func(*matrixInput) {
	return func(m *matrixInput) { m.card.count, m.card.rate, m.soundLength = 1, rate, 4 }
}

// subtitled adds subtitles.
func subtitled(m *matrixInput) {
	text := base64.StdEncoding.EncodeToString([]byte("1\n00:00:00,100 --> 00:00:00,900\nwords\n"))
	m.inputs = []string{"-f", "srt", "-i", "data:text/plain;base64," + text}
	m.maps = []string{"-map", "2:s", "-map", "0:v", "-map", "1:a"}
	m.more = []string{"-c:s", "srt"}
}

// cutIn cuts frames off the front without encoding anew: an edit list hides those
// from the keyframe to the cut.
func cutIn(frames int) func(*matrixInput) {
	return func(m *matrixInput) {
		lead := float64(frames) / m.card.rate
		m.drop = [2]int{0, frames}
		m.soundFilter = fmt.Sprintf("adelay=%d:all=1", int(1000*lead))
		m.mend = func(t testing.TB, path string) string {
			return generate(t, m.file, "-ss", fmt.Sprint(lead), "-i", path, "-c", "copy", "-map", "0")
		}
	}
}

// twoParts has an edit list that leaves out twelve frames in the middle.
func twoParts(m *matrixInput) {
	m.drop = [2]int{12, 24}
	m.mend = func(t testing.TB, path string) string {
		const scale = 12_800 // of ffmpeg's tracks at 25 frames a second; a film's clock has 1000
		entries := binary.BigEndian.AppendUint32(make([]byte, 4), 2)
		for _, edit := range [][2]uint32{{480, 0}, {720, 24 * scale / 25}} { // how long, from where
			entries = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(entries, edit[0]), edit[1])
			entries = binary.BigEndian.AppendUint32(entries, 1<<16)
		}
		return rewritten(t, path, []string{"moov", "trak", "edts", "elst"}, func([]byte) []byte { return entries })
	}
}

// addDolbyVision makes the first track one of Dolby Vision of a profile whose base
// layer can be shown as the compatible kind says (1: HDR10, 4: HLG; 0: not at all), by the box of
// its configuration ("Dolby Vision Streams Within the ISO Base Media File Format", 2.1.2).
// The frames carry no metadata of their own.
func addDolbyVision(t testing.TB, path string, profile, compatible byte) string {
	config := make([]byte, 24)
	config[0], config[1] = 1, 0
	config[2], config[3] = profile<<1, 4<<3|1<<2|1 // level 4; there are metadata, and a base layer
	config[4] = compatible << 4
	kind := "dvvC"
	if profile < 8 {
		kind = "dvcC"
	}
	return rewritten(t, path, []string{"moov", "trak", "mdia", "minf", "stbl", "stsd", "hvc1"}, func(entry []byte) []byte {
		return append(bytes.Clone(entry), boxed(kind, config)...)
	})
}

func boxed(kind string, body []byte) []byte {
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(len(body)+8)), kind...), body...)
}

// rewritten changes the body of the first box at a place in a file whose index stands
// behind its data, so that no offset changes.
func rewritten(t testing.TB, path string, place []string, change func(body []byte) []byte) string {
	t.Helper()
	content, ok := rewrite(read(t, path), place, change)
	if !ok {
		t.Fatalf("there is no %v", place)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func rewrite(boxes []byte, place []string, change func([]byte) []byte) (out []byte, found bool) {
	for len(boxes) >= 8 {
		size := min(int(binary.BigEndian.Uint32(boxes)), len(boxes))
		kind, body := string(boxes[4:8]), boxes[8:max(size, 8)]
		boxes = boxes[max(size, 8):]
		if kind == place[0] && !found {
			head := 0
			if kind == "stsd" {
				head = 8 // version, flags, count
			}
			if found = len(place) == 1; found {
				body = change(body)
			} else if inner, ok := rewrite(body[head:], place[1:], change); ok {
				body, found = append(bytes.Clone(body[:head]), inner...), true
			}
		}
		out = append(out, boxed(kind, body)...)
	}
	return out, found
}

// byLight takes a colour from one set of primaries to another by its light, which
// displays make of the signal by BT.1886.
func byLight(rgb [3]float64, primaries [3][3]float64) [3]float64 {
	var l [3]float64
	for i, v := range rgb {
		l[i] = math.Pow(v, 2.4)
	}
	for i, v := range times3(primaries, l) {
		l[i] = math.Pow(math.Min(math.Max(v, 0), 1), 1/2.4)
	}
	return l
}

// in255 does so for a colour in 0 to 255.
func in255(primaries [3][3]float64) func([3]float64) [3]float64 {
	return func(rgb [3]float64) [3]float64 {
		out := byLight([3]float64{rgb[0] / 255, rgb[1] / 255, rgb[2] / 255}, primaries)
		return [3]float64{255 * out[0], 255 * out[1], 255 * out[2]}
	}
}

// wideLight is the signal of a colour in BT.2020's primaries and the ordinary range.
func wideLight(rgb [3]float64) [3]float64 {
	return byLight(rgb, [3][3]float64{{0.6274, 0.3293, 0.0433}, {0.0691, 0.9195, 0.0114}, {0.0164, 0.0880, 0.8956}}) // ITU-R BT.2087
}

// fromP3 is what BT.709 has for a colour of Display P3 (SMPTE EG 432-1), fromSMPTEC
// for one of SMPTE RP 145.
func fromP3(rgb [3]float64) [3]float64 {
	return in255([3][3]float64{{1.2249, -0.2249, 0}, {-0.0421, 1.0421, 0}, {-0.0196, -0.0786, 1.0983}})(rgb)
}

func fromSMPTEC(rgb [3]float64) [3]float64 {
	return in255([3][3]float64{{0.9395, 0.0502, 0.0103}, {0.0178, 0.9658, 0.0164}, {-0.0016, -0.0044, 1.0060}})(rgb)
}

// projection writes into a Matroska file how its picture lies: the yaw and the roll of a
// projection in degrees.
func projection(yaw, roll float32) func(*matrixInput) {
	number := func(id uint64, value float32) []byte {
		return element(uint32(id), binary.BigEndian.AppendUint32(nil, math.Float32bits(value)))
	}
	pose := element(uint32(projectionElement), number(yawElement, yaw), number(rollElement, roll))
	return func(m *matrixInput) {
		m.mend = func(t testing.TB, path string) string {
			content, ok := extend(read(t, path), []uint64{segmentElement, tracksElement, entryElement, videoElement}, pose)
			if !ok {
				t.Fatal("there is no video track")
			}
			return write(t, m.file, content)
		}
	}
}

// extend adds an element to the first one at a path.
func extend(elements []byte, path []uint64, more []byte) (out []byte, found bool) {
	file := bytes.NewReader(elements)
	for at := int64(0); at < int64(len(elements)); {
		id, body, end, err := readElement(file, at)
		if err != nil {
			break
		}
		if end < 0 {
			end = int64(len(elements))
		}
		whole, inner := elements[at:end], elements[body:end]
		if id == path[0] && !found {
			if found = len(path) == 1; found {
				whole = element(uint32(id), inner, more)
			} else if changed, ok := extend(inner, path[1:], more); ok {
				whole, found = element(uint32(id), changed), true
			}
		}
		out, at = append(out, whole...), end
	}
	return out, found
}
