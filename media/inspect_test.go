package media

import "testing"

// TestCodecs names codecs for players (RFC 6381), with what hardware makes that does less than
// it was asked for.
func TestCodecs(t *testing.T) {
	for want, streams := range map[string][]stream{
		"avc1.640028,mp4a.40.2": {{Codec: "h264", Profile: "High", Level: 40}, {Codec: "aac", Profile: "LC"}},
		"avc1.4d401f":           {{Codec: "h264", Profile: "Main", Level: 31}},
		"avc1.42c01e":           {{Codec: "h264", Profile: "Constrained Baseline", Level: 30}},
		"h264":                  {{Codec: "h264", Profile: "High 4:4:4 Predictive", Level: 40}},
		"vp9":                   {{Codec: "vp9"}},
	} {
		if got := codecs(streams); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
