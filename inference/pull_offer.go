package inference

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/motionmill/motionmill/job"
)

//go:embed pull/*.yaml
var offered embed.FS

// Offer is a model that can be pulled: where it comes from, and the manifest that
// it is installed with.
type Offer struct {
	Manifest
	// Known tells that the file's SHA-256 is known. Where it is not, the first
	// file that is fetched decides, and only when the user trusts it.
	Known bool

	text []byte // the manifest; without a sha256 where that is not known
}

// Offers returns the models that can be pulled, by name.
func Offers() ([]Offer, error) {
	entries, err := offered.ReadDir("pull")
	if err != nil {
		return nil, fmt.Errorf("list models that can be pulled: %w", err)
	}
	var offers []Offer
	for _, entry := range entries {
		text, err := offered.ReadFile(path.Join("pull", entry.Name()))
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

// parseOffer reads a manifest that may lack the hash.
func parseOffer(text []byte) (o Offer, err error) {
	o.text = text
	o.Known = slices.ContainsFunc(strings.Split(string(text), "\n"), func(line string) bool { return strings.HasPrefix(line, "sha256:") })
	if o.Known {
		o.Manifest, err = ParseManifest(text)
	} else {
		o.Manifest, err = ParseManifest(o.pinned(strings.Repeat("0", 64)))
		o.SHA256 = ""
	}
	if err == nil && o.Source == "" {
		err = wrongField("source", "is missing")
	}
	return o, err
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

// zipped tells that the source is an archive which holds the file.
func (o Offer) zipped() bool { return strings.HasSuffix(strings.ToLower(o.Source), ".zip") }

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
