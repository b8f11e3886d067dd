// Package hostile makes files that mean harm to whoever decodes video: they name
// what they should not reach, swell when they are read, or are broken. It is for
// tests alone. Every file is made from bytes laid here or by ffmpeg from sources of its
// own, the same ones each time; nothing is kept in the repository.
package hostile

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Made stands among the outcomes of a File for a right result; the others are
// kinds of error.
const Made = "made"

// Bait is what hostile files point at. Nothing of it may be found in an output.
type Bait struct {
	// Dir is the folder of all bait.
	Dir string
	// Secret is the path of a text that holds Needle, Video that of a video whose
	// picture is SecretColour and whose title is Needle, Fifo that of a pipe that
	// nobody writes to.
	Secret, Video, Fifo string
	// Needle is a text that stands nowhere else.
	Needle string
	// Address is host:port of a listener that nobody has a reason to call.
	Address string
}

// SecretColour is the red, green and blue of each pixel of the secret video.
var SecretColour = [3]byte{250, 5, 245}

// Plant makes the bait in a folder that exists. Without ffmpeg, which may be "", there is no
// video in it.
func Plant(ctx context.Context, ffmpeg, dir, needle, address string) (Bait, error) {
	b := Bait{
		Dir: dir, Secret: filepath.Join(dir, "secret.txt"), Video: filepath.Join(dir, "secret.mp4"),
		Fifo: filepath.Join(dir, "fifo"), Needle: needle, Address: address,
	}
	text := strings.Repeat(needle+" is what nobody may read\n", 40)
	if err := os.WriteFile(b.Secret, []byte(text), 0o600); err != nil {
		return b, err
	}
	if err := makeFifo(b.Fifo); err != nil {
		return b, err
	}
	if ffmpeg == "" {
		return b, nil
	}
	colour := fmt.Sprintf("color=0x%02x%02x%02x:s=64x64:r=10:d=1", SecretColour[0], SecretColour[1], SecretColour[2])
	return b, lavfi(ctx, ffmpeg, b.Video, "-f", "lavfi", "-i", colour, "-c:v", "libx264", "-preset", "ultrafast",
		"-metadata", "title="+needle, "-movflags", "+faststart")
}

// Maker is where and of what a File is made.
type Maker struct {
	Bait
	// FFmpeg is the program's path.
	FFmpeg string
	// Path is that of the file to be made.
	Path string
}

// File is one hostile file.
type File struct {
	// Name is its base name. It may be an attack of its own.
	Name string
	// Group is what kind of attack it is, Trick what it tries, in a phrase.
	Group, Trick string
	// Outcomes are those that are right: kinds of error, or Made.
	Outcomes []string
	// Heavy tells that it takes long to be made or to be worked on.
	Heavy bool
	// Poses tells that it reaches the models: it is worth trying with one.
	Poses bool
	// Make makes it.
	Make func(ctx context.Context, m Maker) error
}

// All are the files, one by one. Beside them there are those that Cuts and Flips make of a
// healthy one.
func All() []File {
	var all []File
	for _, group := range [][]File{playlists(), lures(), references(), names(), atoms(), sizes(), lengths(), crowds(), baggage(), other()} {
		all = append(all, group...)
	}
	return all
}

// content makes a file of bytes.
func content(make func(b Bait) []byte) func(context.Context, Maker) error {
	return func(_ context.Context, m Maker) error { return os.WriteFile(m.Path, make(m.Bait), 0o600) }
}

// fixed makes a file of bytes that depend on no bait.
func fixed(make func() []byte) func(context.Context, Maker) error {
	return content(func(Bait) []byte { return make() })
}

// encoded makes a file with ffmpeg's arguments.
func encoded(args ...string) func(context.Context, Maker) error {
	return func(ctx context.Context, m Maker) error { return lavfi(ctx, m.FFmpeg, m.Path, args...) }
}

func lavfi(ctx context.Context, ffmpeg, path string, args ...string) error {
	all := append([]string{"-v", "error", "-nostdin", "-y", "-threads", "1", "-fflags", "+bitexact"}, args...)
	text, err := exec.CommandContext(ctx, ffmpeg, append(all, "file:"+path)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("make %s: %w: %s", filepath.Base(path), err, text)
	}
	return nil
}

// Clip makes a healthy video of two seconds, with sound, in the container that the path
// ends in: what is cut and flipped.
func Clip(ctx context.Context, ffmpeg, path string) error {
	args := []string{
		"-f", "lavfi", "-i", "testsrc2=s=96x64:r=15:d=2,hue=s=0", "-f", "lavfi", "-i", "sine=440:d=2",
		"-c:v", "libx264", "-preset", "ultrafast", "-g", "15", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ar", "44100", "-b:a", "32k", "-shortest",
	}
	switch filepath.Ext(path) {
	case ".mp4":
		args = append(args, "-movflags", "+faststart")
	case ".mpg":
		args = append(args, "-r", "25", "-c:v", "mpeg2video", "-c:a", "mp2")
	}
	return lavfi(ctx, ffmpeg, path, args...)
}

// Cuts are the lengths to which a file is cut: at every boundary of its atoms, elements or
// chunks, and in the middle of each. None is the whole.
func Cuts(data []byte) []int {
	seen, all := map[int]bool{}, []int{}
	add := func(at int) {
		if at > 0 && at < len(data) && !seen[at] {
			seen[at], all = true, append(all, at)
		}
	}
	for _, span := range spans(data) {
		add(span[0])
		add((span[0] + span[1]) / 2)
		add(span[1])
	}
	return all
}

// Flips returns a copy of data with single bits turned over, by a generator that the seed
// alone sets: as many as there are, from a byte on.
func Flips(data []byte, seed uint64, bits, from int) []byte {
	random := rand.New(rand.NewPCG(seed, 0x6d6f74696f6e))
	out := append([]byte(nil), data...)
	for range bits {
		at := from + random.IntN(len(out)-from)
		out[at] ^= 1 << random.IntN(8)
	}
	return out
}
