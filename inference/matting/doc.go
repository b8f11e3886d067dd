// Package matting makes of the mattes that a model gives those that a video
// shows: without what is no person and without holes, along the edges that the frame
// shows, and steady from frame to frame. It knows no model.
package matting
