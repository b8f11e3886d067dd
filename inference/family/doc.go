// Package family reads what models of people say: poses, boxes, masks and
// mattes. Each family of models is a file of its own, which lays a picture into the
// graph's input (fit), runs it (onnx), and decodes the outputs into px of the picture.
// New makes the family of a model; Draft tells it from the graph alone. It looks at one
// picture at a time, or for models that remember at one video, and follows nobody.
package family
