package notice

import (
	"regexp"
	"slices"
	"strings"
)

// removed stands where a secret was.
const removed = "[removed]"

// What is secret wherever it stands: the parameters that sign or open a URL,
// credentials in a URL, bearer tokens and tokens as such (RFC 7519), ids of AWS
// keys, and what stands behind a word for a secret.
var (
	secretParameters = regexp.MustCompile(`(?i)([?&;](?:x-amz-(?:signature|credential|security-token)|signature|sig|awsaccesskeyid|policy|key-pair-id|access_token|refresh_token|id_token|token|share|key|api_?key|secret|password|code)=)[^&\s"'<>]+`)
	secretUserinfo   = regexp.MustCompile(`(?i)\b([a-z][a-z0-9+.-]*://)[^/\s"'@]+@`)
	secretBearers    = regexp.MustCompile(`(?i)\b((?:bearer|basic)\s+)[a-z0-9._~+/=-]{8,}`)
	secretTokens     = regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`)
	secretKeyIDs     = regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`)
	secretSettings   = regexp.MustCompile(`(?i)\b([a-z0-9_]*(?:secret|password|passwd|token|access_key|api_?key|authorization)[a-z0-9_]*["']?\s*[=:]\s*["']?)(?:bearer\s+)?[^\s"'&,;<>]{4,}`)
	secretHooks      = regexp.MustCompile(`(?i)(https?://hooks\.slack\.com/)\S+`)
)

// Scrubber removes secrets from what is told to others.
type Scrubber struct{ known []string }

// leastKnown is the length, in bytes, from which a secret is looked for by
// itself: shorter ones are words that stand in sentences.
const leastKnown = 8

// NewScrubber returns a scrubber that knows some secrets by themselves, besides
// those that their looks or their place give away.
func NewScrubber(secrets ...string) *Scrubber {
	s := &Scrubber{}
	for _, secret := range secrets {
		if len(secret) >= leastKnown {
			s.known = append(s.known, secret)
		}
	}
	slices.SortFunc(s.known, func(a, b string) int { return len(b) - len(a) }) // One may hold another.
	return s
}

// Scrub returns text without secrets.
func (s *Scrubber) Scrub(text string) string {
	for _, secret := range s.known {
		text = strings.ReplaceAll(text, secret, removed)
	}
	for _, pattern := range []*regexp.Regexp{secretHooks, secretUserinfo, secretParameters, secretSettings, secretBearers} {
		text = pattern.ReplaceAllString(text, "${1}"+removed)
	}
	for _, pattern := range []*regexp.Regexp{secretTokens, secretKeyIDs} {
		text = pattern.ReplaceAllString(text, removed)
	}
	return text
}
