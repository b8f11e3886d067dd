// Package inference turns the frames of a video into people, mattes and the pose
// track. It puts the packages below it together, each of which knows one thing,
// in the direction in which a frame goes:
//
//	models, pull  what models there are, which are chosen, where they come from
//	onnx          ONNX Runtime: sessions, providers, buffers (the only cgo)
//	picture       frames, boxes, points: the words that all others share
//	fit           a picture into a model's input, and what was found back
//	family        what each family of models answers: poses, boxes, masks, mattes
//	track         people from frame to frame, smoothed
//	matting       mattes from frame to frame
//	generic       any other model as a step of a profile
//
// What is here runs several frames at once and gives the results in frame order
// (Analyser), finds people in single pictures, and writes the pose track (TrackWriter).
//
// Everything in here is deterministic: the results of a video depend on its
// frames and on the models, never on the number of cores or on the load.
package inference
