// Package web holds the page: upload, progress, and a player that draws the
// skeleton over the video and lays the silhouette over a checkerboard. It is
// plain modern JavaScript in modules, with no build step, and talks only to
// the API of the origin that served it.
package web

import (
	"embed"
	"io/fs"
)

//go:embed static
var static embed.FS

// Files returns the page's files by their paths below the site's root;
// index.html is the page itself.
func Files() fs.FS {
	files, err := fs.Sub(static, "static")
	if err != nil { // "static" is a valid path, and the build fails without it.
		panic(err)
	}
	return files
}
