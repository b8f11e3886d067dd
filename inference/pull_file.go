package inference

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// unzip takes the one model out of an archive.
func (p *pull) unzip(archive, to string) (err error) {
	const remedy = "Look at what the source gives, and put the file into the models folder by hand"
	if err := p.looksRight(archive); err != nil {
		return err
	}
	reader, err := zip.OpenReader(archive)
	if err != nil {
		return p.fail("what its source gives is no zip archive, and was removed", remedy, err)
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	var found *zip.File
	for _, f := range reader.File {
		if path.Ext(f.Name) != ".onnx" || f.FileInfo().IsDir() {
			continue
		}
		if found != nil {
			return p.fail(fmt.Sprintf("the archive holds two models, %s and %s", found.Name, f.Name), remedy, nil)
		}
		found = f
	}
	if found == nil {
		return p.fail("the archive holds no .onnx file", remedy, nil)
	}
	if found.UncompressedSize64 > largestModel {
		return p.fail(fmt.Sprintf("the archive's %s has %d bytes", found.Name, found.UncompressedSize64), remedy, nil)
	}
	from, err := found.Open()
	if err != nil {
		return p.fail("the archive cannot be read", remedy, err)
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	file, err := os.Create(to)
	if err != nil {
		return p.fail("its file cannot be written", "", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	// The reader compares the checksum at the end, and gives no more than it announced.
	if _, err := io.Copy(file, io.LimitReader(from, largestModel)); err != nil {
		return p.fail("the archive's "+found.Name+" cannot be unpacked", "Repeat; if it stays so, the archive is broken", err)
	}
	return nil
}

// looksRight refuses what is plainly no model: nothing, a web page, a pointer of Git LFS.
func (p *pull) looksRight(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return p.fail("what was fetched cannot be read", "", err)
	}
	defer file.Close()
	head := make([]byte, 512)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return p.fail("what was fetched cannot be read", "", err)
	}
	text := bytes.TrimSpace(head[:n])
	finding := ""
	switch {
	case n == 0:
		finding = "an empty file"
	case bytes.HasPrefix(text, []byte("<")):
		finding = "a web page"
	case bytes.HasPrefix(text, []byte("version https://git-lfs")):
		finding = "a pointer of Git LFS"
	case strings.HasPrefix(string(text), "{"):
		finding = "a text"
	default:
		return nil
	}
	return p.fail(p.offer.Source+" gives "+finding+" and not a model; it was removed",
		"A proxy or a login may be in between: open the URL in a browser", nil)
}
