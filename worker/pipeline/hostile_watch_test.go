package pipeline

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"image"
	"image/jpeg"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"unicode/utf16"

	"github.com/motionmill/motionmill/media/hostile"
)

// watch is what a hostile file must not touch: a secret, a listener, all folders but its own.
type watch struct {
	bait     hostile.Bait
	root     string
	calls    atomic.Int64
	listener net.Listener
}

// newWatch plants a secret and listens.
func newWatch(t *testing.T) *watch {
	t.Helper()
	w := &watch{root: t.TempDir()}
	var err error
	if w.listener, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.listener.Close() })
	go func() {
		for {
			c, err := w.listener.Accept()
			if err != nil {
				return
			}
			w.calls.Add(1)
			_ = c.Close()
		}
	}()
	for _, name := range []string{"bait", "in", "tmp"} {
		if err := os.Mkdir(filepath.Join(w.root, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w.bait, err = hostile.Plant(t.Context(), "ffmpeg", filepath.Join(w.root, "bait"), "Quagga7f3e91-Zeugma", w.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// snapshot lists all that lies below the root but for what jobs have made: names, sizes,
// times.
func (w *watch) snapshot(t *testing.T) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(w.root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(w.root, path)
		if entry.IsDir() && strings.HasPrefix(name, "out") {
			return fs.SkipDir
		}
		if name == "tmp/.ses" {
			return nil // ONNX Runtime's.
		}
		info, err := entry.Info()
		if err == nil && !entry.IsDir() {
			all = append(all, name+" "+info.ModTime().String()+" "+info.Mode().String())
		} else if err == nil {
			all = append(all, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// forms are the ways in which a secret may stand in a file.
func (w *watch) forms() [][]byte {
	needle := []byte(w.bait.Needle)
	var little, big []byte
	for _, u := range utf16.Encode([]rune(w.bait.Needle)) {
		little, big = append(little, byte(u), byte(u>>8)), append(big, byte(u>>8), byte(u))
	}
	all := [][]byte{needle, []byte(hex.EncodeToString(needle)), []byte(strings.ToUpper(hex.EncodeToString(needle))), little, big}
	for shift := range 3 { // Base64 depends on where in three bytes it starts.
		text := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), needle...))
		all = append(all, []byte(text[4:len(text)-4]))
	}
	backwards := slices.Clone(needle)
	slices.Reverse(backwards)
	return append(all, backwards)
}

// leaks says where in a text or in the files of a folder something of the secret stands.
func (w *watch) leaks(t *testing.T, folder, text string) (found []string) {
	t.Helper()
	forms := w.forms()
	search := func(where string, data []byte) {
		for i, form := range forms {
			if bytes.Contains(data, form) {
				found = append(found, where+" holds the secret")
				t.Logf("form %d", i)
			}
		}
	}
	search("what is told", []byte(text))
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		search(path, data)
		switch filepath.Ext(path) {
		case ".gz":
			z, err := gzip.NewReader(bytes.NewReader(data))
			if err != nil {
				return err
			}
			plain, err := io.ReadAll(z)
			search(path, plain)
			return err
		case ".jpg":
			picture, err := jpeg.Decode(bytes.NewReader(data))
			if err == nil && shows(picture, hostile.SecretColour) {
				found = append(found, path+" shows the secret video")
			}
			return err
		}
		return nil
	})
	if err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
	return found
}

// shows tells whether a picture has a patch of a colour: the poster and the thumbnails
// show all that a video shows.
func shows(picture image.Image, colour [3]byte) bool {
	count := 0
	bounds := picture.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			r, g, b, _ := picture.At(x, y).RGBA()
			far := 0
			for i, v := range []uint32{r, g, b} {
				far = max(far, int(v>>8)-int(colour[i]), int(colour[i])-int(v>>8))
			}
			if far < 30 {
				count++
			}
		}
	}
	return count > 16
}

var (
	opened  = regexp.MustCompile(`(?:open|openat|creat|mkdir|mkdirat|mknod|mknodat|rename|renameat|renameat2|link|linkat|symlink|symlinkat|unlink|unlinkat|truncate)\((.*)`)
	quoted  = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)
	sockets = regexp.MustCompile(`(?:socket|connect|sendto|bind)\([^)]*(AF_INET6?|AF_PACKET)`)
)

// strayed reads what strace wrote of a run: calls to the network, bait that was opened, and
// files that were changed outside the folder.
func (w *watch) strayed(trace, folder, input string) (found []string) {
	_, trace, begun := strings.Cut(trace, trialsBegin)
	if !begun {
		return []string{"the trace has no beginning"}
	}
	for _, line := range strings.Split(trace, "\n") {
		if sockets.MatchString(line) {
			found = append(found, "network: "+line)
			continue
		}
		call := opened.FindStringSubmatch(line)
		if call == nil || strings.Contains(line, "ENOENT") {
			continue
		}
		changes := !strings.Contains(line, "open") || strings.Contains(call[1], "O_CREAT") || strings.Contains(call[1], "O_WRONLY") || strings.Contains(call[1], "O_RDWR")
		for _, name := range quoted.FindAllStringSubmatch(call[1], -1) {
			path := name[1]
			switch {
			case strings.HasPrefix(path, "/newroot/"), strings.HasPrefix(path, "/oldroot/"):
				// bubblewrap lays a root that only the child sees.
			case strings.HasPrefix(path, w.bait.Dir):
				found = append(found, "bait: "+line)
			case changes && filepath.IsAbs(path) && !strings.HasPrefix(path, folder) && path != "/dev/null" && path != input && !strings.HasPrefix(path, "/proc/"):
				found = append(found, "file: "+line)
			}
		}
	}
	return found
}
