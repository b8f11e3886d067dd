// Package inference turns frames of a video into people and mattes with ONNX
// Runtime. It reads model manifests and verifies the files that they name
// (Catalogue, Model), holds one session a model for the whole process
// (Runtime), runs several frames at once and gives the results in frame order
// (Analyser), and writes the pose track (TrackWriter).
//
// Everything in here is deterministic: the results of a video depend on its
// frames and on the models, never on the number of cores or on the load.
package inference
