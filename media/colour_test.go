package media

import (
	"bytes"
	"image/jpeg"
	"os/exec"
	"testing"
)

// TestDecodeColours encodes a green as different recorders would and finds
// the same green in frames, rendition and poster.
func TestDecodeColours(t *testing.T) {
	green := [3]int{0, 192, 0}
	for _, test := range []struct{ name, size, scale, tags string }{
		{"small, untagged", "320x240", "out_color_matrix=bt601:out_range=tv", ""},
		{"large, untagged", "1280x720", "out_color_matrix=bt709:out_range=tv", ""},
		{"small, tagged 709", "320x240", "out_color_matrix=bt709:out_range=tv", "bt709"},
		{"large, tagged 601", "1280x720", "out_color_matrix=bt601:out_range=tv", "smpte170m"},
		{"full range", "320x240", "out_color_matrix=bt601:out_range=pc,setparams=range=pc", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := []string{"-f", "lavfi", "-i", "color=#00c000:s=" + test.size + ":r=10:d=0.3,format=rgb24,scale=" + test.scale + ",format=yuv420p",
				"-c:v", "libx264", "-preset", "ultrafast", "-qp", "5"}
			if test.tags != "" {
				args = append(args, "-colorspace", test.tags, "-color_primaries", test.tags, "-color_trc", test.tags)
			}
			if test.name == "full range" {
				args = append(args, "-color_range", "pc")
			}
			path := generate(t, "green.mp4", args...)
			info := probed(t, path)
			all := decodeAll(t, path, info, 64)
			near(t, "raw frame", all.pixels[0][:3], green, 5)
			w, h := VideoSize(info)
			shown := decoded(t, all.file("video.mp4"), "gbrp", 3*w*h)[0]
			near(t, "video", []byte{shown[2*w*h], shown[0], shown[w*h]}, green, 8)
			still, err := jpeg.Decode(bytes.NewReader(read(t, all.file("poster.jpg"))))
			if err != nil {
				t.Fatal(err)
			}
			r, g, b, _ := still.At(8, 8).RGBA()
			near(t, "poster", []byte{byte(r >> 8), byte(g >> 8), byte(b >> 8)}, green, 10)
		})
	}
}

func near(t *testing.T, what string, got []byte, want [3]int, tolerance int) {
	t.Helper()
	for i := range want {
		if off := int(got[i]) - want[i]; off > tolerance || off < -tolerance {
			t.Errorf("%s: %v, want %v", what, got, want)
			return
		}
	}
}

// TestDecodeHDR maps a high dynamic range to the ordinary one: mid grey stays
// about mid grey, red stays red, and the outputs are tagged BT.709.
func TestDecodeHDR(t *testing.T) {
	if !tools(t).zimg {
		t.Skip("needs an ffmpeg with zscale")
	}
	for _, test := range []struct{ transfer, primaries, matrix string }{
		{"arib-std-b67", "bt2020", "bt2020nc"},
		{"smpte2084", "bt2020", "bt2020nc"},
		{"arib-std-b67", "unknown", "unknown"},
		{"smpte2084", "unknown", "unknown"},
		{"smpte2084", "smpte432", "bt2020nc"},
	} {
		t.Run(test.transfer+" "+test.primaries, func(t *testing.T) {
			path := generate(t, "hdr.mp4", "-f", "lavfi", "-i",
				"color=#808080:s=128x128:r=10:d=0.5,drawbox=0:0:64:128:#c01010:fill,format=rgb24,scale=out_color_matrix=bt2020:out_range=tv,format=yuv420p10le",
				"-c:v", "libx264", "-preset", "ultrafast", "-color_trc", test.transfer, "-color_primaries", test.primaries, "-colorspace", test.matrix)
			info := probed(t, path)
			all := decodeAll(t, path, info, 128)
			row := all.pixels[0][64*128*3:]
			red, middle := row[32*3:32*3+3], row[96*3:96*3+3]
			if red[0] < 90 || red[1] > red[0]/2 || red[2] > red[0]/2 {
				t.Errorf("red came out as %v", red)
			}
			if middle[0] < 70 || middle[0] > 200 || absolute(int(middle[0])-int(middle[2])) > 8 {
				t.Errorf("grey came out as %v", middle)
			}
			out, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries",
				"stream=pix_fmt,color_space,color_transfer,color_primaries,color_range", "-of", "csv=p=0", all.file("video.mp4")).Output()
			if got := string(bytes.TrimSpace(out)); got != "yuv420p,tv,bt709,bt709,bt709" || err != nil {
				t.Errorf("video.mp4 is tagged %s, %v", got, err)
			}
		})
	}
}

// TestDecodeWide converts the ordinary range with wider primaries than
// BT.709's: grey stays grey, whatever the mixture of tags.
func TestDecodeWide(t *testing.T) {
	if !tools(t).zimg {
		t.Skip("needs an ffmpeg with zscale")
	}
	for _, test := range []struct{ primaries, matrix, scale string }{
		{"smpte432", "bt709", "bt709"},
		{"smpte432", "smpte170m", "bt601"},
		{"bt2020", "bt2020nc", "bt2020"},
		{"bt2020", "bt709", "bt709"},
		{"bt709", "bt2020nc", "bt2020"},
	} {
		t.Run(test.primaries+" "+test.matrix, func(t *testing.T) {
			path := generate(t, "wide.mp4", "-f", "lavfi", "-i",
				"color=#808080:s=64x64:r=10:d=0.3,format=rgb24,scale=out_color_matrix="+test.scale+":out_range=tv,format=yuv420p",
				"-c:v", "libx264", "-preset", "ultrafast", "-color_trc", "bt709", "-color_primaries", test.primaries, "-colorspace", test.matrix)
			near(t, "grey", decodeAll(t, path, probed(t, path), 64).pixels[0], [3]int{128, 128, 128}, 4)
		})
	}
}

func absolute(n int) int { return max(n, -n) }

// TestDecodeOddHDR decodes an odd size through the filters of HDR.
func TestDecodeOddHDR(t *testing.T) {
	if !tools(t).zimg {
		t.Skip("needs an ffmpeg with zscale")
	}
	path := generate(t, "odd.webm", "-f", "lavfi", "-i", "color=gray:s=101x61:r=10:d=0.3,format=yuv420p10le", "-c:v", "libvpx-vp9",
		"-deadline", "realtime", "-color_trc", "smpte2084", "-color_primaries", "bt2020", "-colorspace", "bt2020nc")
	info := probed(t, path)
	if all := decodeAll(t, path, info, 100); info.HDR != "pq" || len(all.frames) != 3 {
		t.Errorf("%+v, %d frames", info, len(all.frames))
	}
}
