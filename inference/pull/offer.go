package pull

import (
	"embed"
	"fmt"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/motionmill/motionmill/inference/models"
	"github.com/motionmill/motionmill/job"
)

//go:embed *.yaml
var offered embed.FS

// Offer is a model that can be pulled: where it comes from, and the manifest that
// it is installed with.
type Offer struct {
	models.Manifest
	// Known tells that the file's SHA-256 is known. Where it is not, the first
	// file that is fetched decides, and only when the user trusts it.
	Known bool

	text []byte // the manifest; without a sha256 where that is not known
}

// Offers returns the models that can be pulled, by name.
func Offers() ([]Offer, error) {
	entries, err := offered.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("list models that can be pulled: %w", err)
	}
	var offers []Offer
	for _, entry := range entries {
		text, err := offered.ReadFile(entry.Name())
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", entry.Name(), err)
		}
		o, err := parseOffer(text)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", entry.Name(), err)
		}
		offers = append(offers, o)
	}
	return offers, nil
}

// ReadOffer returns the offer that a manifest of the user's makes: one with a
// source, with or without the hash. Errors are of kind model_missing.
func ReadOffer(file string) (Offer, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return Offer{}, job.Fail(job.ModelMissing, "read manifest", file, "it cannot be read", "Correct the path", err)
	}
	o, err := parseOffer(text)
	if err != nil {
		return Offer{}, job.Fail(job.ModelMissing, "read manifest", file, "no model can be pulled by it", "Correct the field", err)
	}
	return o, nil
}

// parseOffer reads a manifest that may lack the hash.
func parseOffer(text []byte) (o Offer, err error) {
	o.text = text
	o.Known = slices.ContainsFunc(strings.Split(string(text), "\n"), func(line string) bool { return strings.HasPrefix(line, "sha256:") })
	if o.Known {
		o.Manifest, err = models.ParseManifest(text)
	} else {
		o.Manifest, err = models.ParseManifest(o.pinned(strings.Repeat("0", 64)))
		o.SHA256 = ""
	}
	if err == nil {
		err = o.check()
	}
	return o, err
}

// check refuses what can be no offer, though it may be a manifest.
func (o Offer) check() error {
	at, err := url.Parse(o.Source)
	switch {
	case o.Source == "":
		return models.WrongField("source", "is missing")
	case err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Host == "":
		return models.WrongField("source", "is no address of http or https")
	case at.User != nil:
		return models.WrongField("source", "holds a name or a password, which would be written beside the model")
	case at.Fragment != "" && o.packing() == packedNot:
		return models.WrongField("source", "names the file %s in what is no archive (.zip, .whl, .jar, .tgz, .tar.gz)", at.Fragment)
	case path.Ext(o.File) != ".onnx":
		return models.WrongField("file", "%q does not end in .onnx", o.File)
	}
	return nil
}

// place splits the source: the URL that is fetched and, where that is an archive
// and the source names it after a #, the file in it.
func (o Offer) place() (at *url.URL, member string) {
	at, err := url.Parse(o.Source)
	if err != nil {
		return &url.URL{}, "" // Not after check.
	}
	if at.Fragment != "" {
		member = path.Clean(at.Fragment)
	}
	at.Fragment, at.RawFragment = "", ""
	return at, member
}

// pinned returns the manifest with a hash.
func (o Offer) pinned(hash string) []byte {
	if o.Known {
		return o.text
	}
	return []byte(strings.TrimRight(string(o.text), "\n") + "\nsha256: " + hash + "\n")
}

// freely are the licences that ask for nothing but their notice.
var freely = []string{"Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CC-BY-4.0", "ISC"}

// AsksConsent tells that the licence is one that has to be accepted first, such as
// the AGPL, which binds whoever offers a service.
func (o Offer) AsksConsent() bool { return !slices.Contains(freely, o.Licence) }

// FindOffer returns the offer of a name, or an error of kind model_missing.
func FindOffer(offers []Offer, name string) (Offer, error) {
	var names []string
	for _, o := range offers {
		if o.Name == name {
			return o, nil
		}
		names = append(names, o.Name)
	}
	return Offer{}, job.Fail(job.ModelMissing, "pull model", name, "it is not in the catalogue (there are: "+strings.Join(names, ", ")+")",
		"Name one of these, or put the file and a manifest into the models folder by hand", nil)
}
