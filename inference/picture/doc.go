// Package picture holds frames and stills, and what is seen in them: boxes,
// points, people. It knows no model.
package picture
