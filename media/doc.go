// Package media reads and writes video by running ffprobe and ffmpeg.
//
// Find looks the two programs up. Tools.Probe decides, before any work,
// whether a file is a video within the limits and what it needs to be shown
// upright in BT.709. Tools.Decode runs one ffmpeg that decodes the file once
// into the web rendition and the rungs below it, the poster, thumbnails and raw
// frames with their exact timestamps; Tools.Composite runs a second one that
// merges small mattes and drawn layers, sent frame by frame, into the overlay
// and the silhouettes. Tools.Sample and NewLadder choose the rungs before, and
// Tools.Package makes HLS of them afterwards. Tools.Loudness measures sound.
// Tools.Inspect counts what an output holds.
//
// Time: in every output the first frame of the source is at zero and each
// other frame keeps its own distance from it; nothing is duplicated or
// dropped. Sound is cut or padded to the same zero.
//
// Every child process runs without a shell, in a group of its own, with an
// empty environment, no standard input, only the file and pipe protocols, one
// demuxer chosen here from the file's first bytes, a deadline and resource
// limits, in the best sandbox that works here, and dies with this process. The package knows no job but for the
// kinds of error, and no model.
package media
