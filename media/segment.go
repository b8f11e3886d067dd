package media

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// segmentSeconds is how long a segment of HLS is, in seconds: two keyframes, so
// that a player may change rungs soon without asking for too many files.
const segmentSeconds = 2 * groupSeconds

// segment is one file of a rung: whole fragments one after the other.
type segment struct {
	name      string
	fragments []fragment
}

const initName = "init.mp4"

func (s segment) start() int64 { return s.fragments[0].start }

func (s segment) bytes() int64 {
	sum := int64(0)
	for _, f := range s.fragments {
		sum += f.bytes
	}
	return sum
}

// segments groups the fragments of a track: a segment starts with the first one
// in each segmentSeconds. The last one joins the one before when it is shorter than
// half a second. What depends on nothing but the fragments' times is the
// same for all rungs.
func (t *track) segments() []segment {
	var all []segment
	cell := int64(-1)
	for _, f := range t.fragments {
		if at := f.start / (segmentSeconds * t.timescale); len(all) == 0 || at > cell {
			cell = at
			all = append(all, segment{name: fmt.Sprintf("%05d.m4s", len(all)+1)})
		}
		last := &all[len(all)-1]
		last.fragments = append(last.fragments, f)
	}
	if n := len(all); n > 1 {
		if last := all[n-1].fragments; 2*(last[len(last)-1].end-last[0].start) < t.timescale {
			all[n-2].fragments = append(all[n-2].fragments, last...)
			all = all[:n-1]
		}
	}
	return all
}

// split writes the header and the segments of a fragmented MP4 into a folder,
// which is made.
func (t *track) split(path, folder string, segments []segment) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := copyPart(filepath.Join(folder, initName), io.NewSectionReader(file, 0, t.headerBytes)); err != nil {
		return err
	}
	for _, s := range segments {
		var pieces []io.Reader
		for _, f := range s.fragments {
			pieces = append(pieces, io.NewSectionReader(file, f.at, f.bytes))
		}
		if err := copyPart(filepath.Join(folder, s.name), io.MultiReader(pieces...)); err != nil {
			return err
		}
	}
	return nil
}

func copyPart(path string, from io.Reader) error {
	to, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, from); err != nil {
		_ = to.Close()
		return err
	}
	return to.Close()
}
