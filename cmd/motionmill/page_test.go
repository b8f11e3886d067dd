package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/cloudtest"
)

const (
	markedFrames = 45
	markedRate   = 30
	markedWidth  = 480
	markedHeight = 640
	largeParts   = 4
	partSize     = 5 << 20
)

// marked is a disc of the page's video: its centre in frame 0, in px from the
// left and upper edge, and how far it moves a frame.
type marked struct {
	X      int    `json:"x"`
	Y      int    `json:"y"`
	VX     int    `json:"vx"`
	VY     int    `json:"vy"`
	colour string // of ffmpeg
}

// markedDiscs are in the order of the model's points.
func markedDiscs() []marked {
	return []marked{
		{120, 200, 3, 1, "red"}, {90, 330, 2, 1, "lime"}, {130, 500, 0, -1, "blue"},
		{360, 200, -1, 2, "yellow"}, {390, 340, 0, 2, "magenta"}, {350, 520, -2, 0, "cyan"},
	}
}

// markedVideo is the demo without its colours, with coloured discs of 24 px on it.
func markedVideo(t *testing.T) string {
	t.Helper()
	film := filepath.Join(t.TempDir(), "marked.mp4")
	args := []string{"-v", "error", "-nostdin", "-i", demoFile(t)}
	graph := "[0:v]hue=s=0,format=gbrp[v0]"
	for i, d := range markedDiscs() {
		args = append(args, "-f", "lavfi", "-i", fmt.Sprintf("color=%s:s=24x24:r=%d:d=2,format=rgba,"+
			"geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='255*lte(hypot(X-11.5,Y-11.5),11.5)'", d.colour, markedRate))
		graph += fmt.Sprintf(";[v%d][%d:v]overlay=x='%d+%d*round(t*%d)':y='%d+%d*round(t*%d)':format=gbrp[v%d]",
			i, i+1, d.X-12, d.VX, markedRate, d.Y-12, d.VY, markedRate, i+1)
	}
	args = append(args, "-filter_complex", graph+";[v6]format=yuv420p[out]", "-map", "[out]", "-map", "0:a", "-t", "1.5",
		"-c:v", "libx264", "-preset", "ultrafast", "-qp", "10", "-c:a", "copy", film)
	runFFmpeg(t, args...)
	return film
}

func runFFmpeg(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
}

// markerModel is a folder with the model that finds the discs, as a leg on
// either side, and is used without being asked for.
func markerModel(t *testing.T) string {
	t.Helper()
	from, dir := filepath.Join("..", "..", "inference", "testdata"), t.TempDir()
	manifest := readFile(t, filepath.Join(from, "markers.yaml"))
	manifest = bytes.Replace(manifest, []byte("rank: 0"), []byte("rank: 9"), 1)
	manifest = bytes.Replace(manifest, []byte("[red, green, blue, yellow, magenta, cyan]"),
		[]byte("[left_hip, left_knee, left_ankle, right_hip, right_knee, right_ankle]"), 1)
	for name, content := range map[string][]byte{"markers.yaml": manifest, "markers.onnx": readFile(t, filepath.Join(from, "markers.onnx"))} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// pageFiles are what the page's user has at hand.
func pageFiles(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{
		"camera": filepath.Join(dir, "camera.y4m"), "picture": filepath.Join(dir, "picture.png"), "large": filepath.Join(dir, "large.mp4"),
		"video": markedVideo(t), "folder": filepath.Join(dir, "folder"),
	}
	runFFmpeg(t, "-v", "error", "-f", "lavfi", "-i", "color=blue:s=320x240:r=10:d=1,drawbox=x=160:w=160:color=yellow:t=fill,format=yuv420p", files["camera"])
	runFFmpeg(t, "-v", "error", "-f", "lavfi", "-i", "color=blue:s=64x64", "-frames:v", "1", files["picture"])
	if err := os.MkdirAll(filepath.Join(files["folder"], "deeper"), 0o700); err != nil {
		t.Fatal(err)
	}
	files["inner"], files["notes"] = filepath.Join(files["folder"], "deeper", "inner.mp4"), filepath.Join(files["folder"], "notes.txt")
	for name, content := range map[string][]byte{"inner": []byte("no video"), "notes": []byte("notes"), "large": bytes.Repeat([]byte("no video"), (largeParts*partSize-partSize/2)/8)} {
		if err := os.WriteFile(files[name], content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// elsewhere is a server of another origin, which puts the code it is given into
// its page, and has a file to be fetched.
func elsewhere(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path.Ext(r.URL.Path) == ".mp4" {
			fmt.Fprint(w, "no video")
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><title>Elsewhere</title><link rel="icon" href="data:,"><body>%s`, r.URL.Query().Get("code"))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestPageInABrowser uses the page in Chromium: testdata/page has the steps.
func TestPageInABrowser(t *testing.T) {
	needParts(t)
	drive := cloudtest.Program(t, "pagedrive")
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skipf("needs Chromium: %v", err)
	}
	users, password := filepath.Join(t.TempDir(), "users.db"), writePrivate(t, "password", plantedPassword+"\n")
	mustRun(t, "users", "add", "anna", "--role", "admin", "--password-file", password, "--users", users)
	other := elsewhere(t)
	s := startLocalWith(t, []string{
		"MOTIONMILL_MULTIPART_ABOVE=" + fmt.Sprint(partSize), "MOTIONMILL_PART_BYTES=" + fmt.Sprint(partSize), "MOTIONMILL_CORS_ORIGIN=" + other,
		"MOTIONMILL_IMPORT_NETWORK=127.0.0.0/8",
	}, t.TempDir(), "--users", users, "--models-dir", markerModel(t), "--claim-schedule", "* * * * * *", "--beat", "200ms")
	options := map[string]any{
		"page": s.page, "elsewhere": other, "password": plantedPassword, "discs": markedDiscs(), "parts": largeParts,
		"rate": markedRate, "frames": markedFrames, "width": markedWidth, "height": markedHeight,
	}
	for name, file := range pageFiles(t) {
		options[name] = file
	}
	given, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), drive, filepath.Join("testdata", "page", "main.mjs"))
	cmd.Env = append(os.Environ(), "CHROMIUM="+browser, "PAGE_OPTIONS="+string(given))
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("%v\n%s", err, strings.TrimSpace(s.log.String()))
	}
}
