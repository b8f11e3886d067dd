package local

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLineWriter(t *testing.T) {
	long := strings.Repeat("x", longestLine)
	tests := map[string]struct {
		pieces []string
		lines  []string
		last   string
		panics bool
	}{
		"pieces":     {pieces: []string{"one\ntw", "o\n\n", "three"}, lines: []string{"one", "two", "three"}, last: "three"},
		"dos":        {pieces: []string{"one\r\ntwo\r\n"}, lines: []string{"one", "two"}, last: "two"},
		"panic":      {pieces: []string{"panic: lost\n\ngoroutine 1\n"}, lines: []string{"panic: lost", "goroutine 1"}, last: "panic: lost", panics: true},
		"long":       {pieces: []string{long, "y\n"}, lines: []string{long, "y"}, last: "y"},
		"long twice": {pieces: []string{long + "\n" + long}, lines: []string{long, long}, last: long},
		"nothing":    {pieces: []string{"", "\n", " \n"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "child.log")
			log, err := openLog(path)
			if err != nil {
				t.Fatal(err)
			}
			w := &lineWriter{log: log, show: func(string) {}}
			for _, piece := range test.pieces {
				if n, err := w.Write([]byte(piece)); n != len(piece) || err != nil {
					t.Fatalf("Write: %d, %v, want %d", n, err, len(piece))
				}
			}
			w.flush()
			if err := log.close(); err != nil {
				t.Fatal(err)
			}
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want := ""
			for _, line := range test.lines {
				want += line + "\n"
			}
			if string(content) != want || w.last != test.last || w.panicked != test.panics {
				t.Errorf("log %q, last %q, panicked %v", content, w.last, w.panicked)
			}
		})
	}
}

func TestLongLogIsSetAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "child.log")
	if err := os.WriteFile(path, make([]byte, longestLog), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := openLog(path)
	if err != nil {
		t.Fatal(err)
	}
	log.line([]byte("new"))
	if err := log.close(); err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(path); err != nil || string(content) != "new\n" {
		t.Errorf("log %q, %v, want the new line alone", content, err)
	}
	if info, err := os.Stat(path + ".1"); err != nil || info.Size() != longestLog {
		t.Errorf("old log: %v, %v", info, err)
	}
}
