package models

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/motionmill/motionmill/job"
)

// Unreadable says why ONNX Runtime, of a version, cannot open the bytes of a
// model, as far as these and its own words tell, and what to do about it.
func (m Model) Unreadable(data []byte, version string, err error) error {
	finding, remedy := notAModel(data)
	if finding == "" {
		finding, remedy = m.tooNew(data, version, err)
	}
	if finding == "" {
		finding, remedy = "ONNX Runtime cannot open it", m.remedy()
	}
	return job.Fail(job.ModelMissing, "open model "+m.Name, m.Path, finding, remedy, err)
}

// notAModel tells what a file is instead of an ONNX model; empty when it may be one.
func notAModel(data []byte) (finding, remedy string) {
	const again = "Fetch the model again; what a browser or curl saved may be an error page"
	text := bytes.ToLower(bytes.TrimSpace(bytes.TrimPrefix(data[:min(len(data), 512)], []byte("\xef\xbb\xbf"))))
	starts := func(prefix string) bool { return bytes.HasPrefix(text, []byte(prefix)) }
	switch {
	case len(data) == 0:
		return "the file is empty", again
	case starts("<!doctype") || starts("<html") || starts("<?xml") || starts("<head") || starts("<!--"):
		return "it is a web page, not a model", again
	case starts("version https://git-lfs"):
		return "it is a pointer of Git LFS, not the model", "Run git lfs pull where it comes from, and copy the file again"
	case starts("pk\x03\x04"):
		return "it is a ZIP archive (or a PyTorch file), not a model", "Unpack it and use the .onnx file inside; a PyTorch file must be exported to ONNX"
	case starts("\x1f\x8b"):
		return "it is packed by gzip", "Unpack it"
	case len(data) > 8 && string(data[4:8]) == "TFL3":
		return "it is a TensorFlow Lite model", "Convert it to ONNX, for example by tf2onnx"
	case len(data) > 8 && string(data[4:8]) == "ORTM":
		return "", ""
	}
	if _, err := readONNXHeader(data); errors.Is(err, errCutOff) {
		return "it is no ONNX file, or only a part of one", again
	} else if err != nil {
		return "it is no ONNX file: " + err.Error(), again
	}
	return "", ""
}

// InOneFile refuses a model of which weights are in a file of their own: no hash tells
// whether they are those that were meant, and ONNX Runtime would look for them in the folder
// in which the process happens to run.
func (m Model) InOneFile(data []byte) error {
	h, err := readONNXHeader(data)
	if err != nil || len(h.external) == 0 {
		return nil // Whatever else is wrong is told when it is opened.
	}
	finding := fmt.Sprintf("its weights are in a file of their own, %s, and this version reads models of one file", h.external[0])
	if _, missing := fs.Stat(m.folder, h.external[0]); missing != nil {
		finding = fmt.Sprintf("its weights are in a file of their own, %s, which is not beside it; this version reads models of one file", h.external[0])
	}
	return job.Fail(job.ModelMissing, "open model "+m.Name, m.Path, finding,
		fmt.Sprintf("Join them where both files are, python -c \"import onnx; onnx.save(onnx.load('%s'), 'joined.onnx')\", and write a manifest for joined.onnx", m.File), nil)
}

// tooNew tells what of a model is newer than the library, or of somebody else's; empty
// when nothing is.
func (m Model) tooNew(data []byte, version string, err error) (finding, remedy string) {
	h, broken := readONNXHeader(data)
	if broken != nil || err == nil {
		return "", ""
	}
	says, other := strings.ToLower(err.Error()), foreign(err.Error())
	export := "Export it for an older one, such as opset 17, or set MOTIONMILL_ORT_LIBRARY to a newer ONNX Runtime"
	switch {
	case strings.Contains(says, "ir version"):
		return fmt.Sprintf("it is of IR version %d, which is newer than ONNX Runtime %s reads", h.ir, version), export
	case other != "":
		return fmt.Sprintf("it uses the operator %s, which is none of ONNX's and which ONNX Runtime %s does not have", other, version),
			"Export it without operators of a project's own (MMDeploy's onnxruntime backend, for one, adds some): what they do must be left out or be done by ONNX's"
	case strings.Contains(says, "opset") || strings.Contains(says, "no op registered") || strings.Contains(says, "not a registered function"):
		return fmt.Sprintf("it is of opset %d and uses what ONNX Runtime %s does not have", h.opset, version), export
	}
	return "", ""
}

// foreign is the operator of a domain of somebody's own, as in "acme:Foo(-1) is not a
// registered function/op", that ONNX Runtime misses; empty where it misses none.
func foreign(says string) string {
	if found := regexp.MustCompile(`([\w.-]+:\w+)\(-?\d+\) is not a registered function`).FindStringSubmatch(says); found != nil {
		if domain, _, _ := strings.Cut(found[1], ":"); domain != "ai.onnx" {
			return found[1]
		}
	}
	return ""
}
