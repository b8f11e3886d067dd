package media

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Names of playlists within a rung's folder and of the master.
const (
	masterName   = "master.m3u8"
	playlistName = "playlist.m3u8"
	iframesName  = "iframes.m3u8"
	audioFolder  = "audio"
	audioGroup   = "audio"
)

// listed is a track as it lies in its folder.
type listed struct {
	*track
	folder   string
	segments []segment
	// rate is in frames a second.
	rate float64
}

// extent is a stretch of a playlist: seconds and bytes.
type extent struct {
	seconds float64
	bytes   int64
}

func (l listed) seconds(ticks int64) float64 { return float64(ticks) / float64(l.timescale) }

// end is when the track ends, in ticks.
func (l listed) end() int64 {
	last := int64(0)
	for _, f := range l.fragments {
		last = max(last, f.end)
	}
	return last
}

// extents are the segments' lengths: each lasts until the next one starts.
func (l listed) extents() []extent {
	var all []extent
	for i, s := range l.segments {
		until := l.end()
		if i+1 < len(l.segments) {
			until = l.segments[i+1].start()
		}
		all = append(all, extent{l.seconds(until - s.start()), s.bytes()})
	}
	return all
}

// keys are the lengths of the keyframes: each stands until the next one.
func (l listed) keys() []extent {
	var all []extent
	for i, f := range l.fragments {
		until := l.end()
		if i+1 < len(l.fragments) {
			until = l.fragments[i+1].start
		}
		all = append(all, extent{l.seconds(until - f.start), f.key})
	}
	return all
}

// media is the playlist of a track (RFC 8216, 4.3.3).
func (l listed) media() string {
	var text strings.Builder
	extents := l.extents()
	l.head(&text, extents, false)
	for i, s := range l.segments {
		fmt.Fprintf(&text, "#EXTINF:%.6f,\n%s\n", extents[i].seconds, s.name)
	}
	text.WriteString("#EXT-X-ENDLIST\n")
	return text.String()
}

// iframes is the playlist of a track's keyframes, for fast winding: where each
// lies in its segment, with the header of its fragment (RFC 8216, 4.3.3.6).
func (l listed) iframes() string {
	var text strings.Builder
	keys := l.keys()
	l.head(&text, keys, true)
	i := 0
	for _, s := range l.segments {
		at := int64(0)
		for _, f := range s.fragments {
			fmt.Fprintf(&text, "#EXTINF:%.6f,\n#EXT-X-BYTERANGE:%d@%d\n%s\n", keys[i].seconds, f.key, at, s.name)
			at += f.bytes
			i++
		}
	}
	text.WriteString("#EXT-X-ENDLIST\n")
	return text.String()
}

func (l listed) head(text *strings.Builder, extents []extent, iframes bool) {
	fmt.Fprintf(text, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:%d\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n", target(extents))
	if iframes {
		text.WriteString("#EXT-X-I-FRAMES-ONLY\n")
	} else {
		text.WriteString("#EXT-X-INDEPENDENT-SEGMENTS\n")
	}
	fmt.Fprintf(text, "#EXT-X-MAP:URI=%q\n", initName)
}

// target is the longest extent in whole seconds, at least 1.
func target(extents []extent) int {
	longest := 1.0
	for _, e := range extents {
		longest = math.Max(longest, math.Round(e.seconds))
	}
	return int(longest)
}

// average is the rate of all extents in bits a second.
func average(extents []extent) float64 {
	sum := extent{}
	for _, e := range extents {
		sum.seconds, sum.bytes = sum.seconds+e.seconds, sum.bytes+e.bytes
	}
	return 8 * float64(sum.bytes) / sum.seconds
}

// peak is the highest rate of neighbouring extents, in bits a second, that together last
// from half to one and a half of the target (RFC 8216bis, 4.4.6.2, BANDWIDTH).
// It is no lower than the average.
func peak(extents []extent) float64 {
	most, length := average(extents), float64(target(extents))
	for i := range extents {
		sum := extent{}
		for _, e := range extents[i:] {
			sum.seconds, sum.bytes = sum.seconds+e.seconds, sum.bytes+e.bytes
			if sum.seconds > 1.5*length {
				break
			}
			if sum.seconds >= 0.5*length {
				most = math.Max(most, 8*float64(sum.bytes)/sum.seconds)
			}
		}
	}
	return most
}

// master is the playlist of the rungs, with the sound if there is any (RFC
// 8216, 4.3.4). What it says of bandwidth counts video and sound together.
func master(rungs []listed, sound *listed) string {
	var text strings.Builder
	text.WriteString("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n")
	group, soundCodec, soundPeak, soundMean := "", "", 0.0, 0.0
	if sound != nil {
		fmt.Fprintf(&text, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=%q,NAME=\"Sound\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"%d\",URI=\"%s/%s\"\n",
			audioGroup, sound.channels, sound.folder, playlistName)
		group, soundCodec = ",AUDIO="+strconv.Quote(audioGroup), ","+sound.codec
		soundPeak, soundMean = peak(sound.extents()), average(sound.extents())
	}
	for _, r := range rungs {
		extents := r.extents()
		fmt.Fprintf(&text, "#EXT-X-STREAM-INF:BANDWIDTH=%.0f,AVERAGE-BANDWIDTH=%.0f,CODECS=%q,RESOLUTION=%dx%d,FRAME-RATE=%.3f,CLOSED-CAPTIONS=NONE%s\n%s/%s\n",
			math.Ceil(peak(extents)+soundPeak), math.Ceil(average(extents)+soundMean), r.codec+soundCodec, r.width, r.height, r.rate, group, r.folder, playlistName)
	}
	for _, r := range rungs {
		keys := r.keys()
		fmt.Fprintf(&text, "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=%.0f,AVERAGE-BANDWIDTH=%.0f,CODECS=%q,RESOLUTION=%dx%d,URI=\"%s/%s\"\n",
			math.Ceil(peak(keys)), math.Ceil(average(keys)), r.codec, r.width, r.height, r.folder, iframesName)
	}
	return text.String()
}
