// Package track follows people from frame to frame: who of those seen now is who
// of before (Scene, by the Hungarian method, the likeness of poses and a Kalman filter),
// where to look for whom (Following), and points without jitter (Smoother). It
// knows no model.
package track
