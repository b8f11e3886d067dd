package doctable_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/motionmill/motionmill/doctable"
)

func TestATableTakesThePlaceOfTheOld(t *testing.T) {
	place := doctable.Place{Document: filepath.Join(t.TempDir(), "doc.md"), First: "<!-- a -->\n", Last: "<!-- b -->\n"}
	if err := os.WriteFile(place.Document, []byte("before\n<!-- a -->\nold\n<!-- b -->\nafter\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	if old, err := place.Read(); err != nil || old != "old\n" {
		t.Errorf("it reads %q, %v", old, err)
	}
	if err := place.Write("new\n"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(place.Document)
	if err != nil || string(text) != "before\n<!-- a -->\nnew\n<!-- b -->\nafter\n" {
		t.Errorf("the document is %q, %v", text, err)
	}
	if info, err := os.Stat(place.Document); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("its mode became %v, %v", info.Mode(), err)
	}
}

func TestADocumentWithoutAPlaceStaysAsItIs(t *testing.T) {
	for _, text := range []string{"", "<!-- a -->\n", "<!-- b -->\nx\n<!-- a -->\n"} {
		place := doctable.Place{Document: filepath.Join(t.TempDir(), "doc.md"), First: "<!-- a -->\n", Last: "<!-- b -->\n"}
		if err := os.WriteFile(place.Document, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := place.Write("new\n"); err == nil || !strings.Contains(err.Error(), place.Document) {
			t.Errorf("%q: %v; it must name the document", text, err)
		}
		if now, err := os.ReadFile(place.Document); err != nil || string(now) != text {
			t.Errorf("%q became %q, %v", text, now, err)
		}
	}
}
