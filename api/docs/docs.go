// Package docs holds the page on which people read and try the calls of the
// API. It is Swagger UI as it is published (Apache License 2.0, in its folder;
// scripts/vendor-docs.sh fetches another version), and needs no network.
package docs

import (
	"embed"
	"io/fs"
)

//go:embed index.html start.js swagger-ui
var files embed.FS

// Files returns what the page is made of, by the last part of its path:
// index.html, and what it asks for below /docs/.
func Files() map[string][]byte {
	found := map[string][]byte{}
	for name, at := range map[string]string{
		"index.html": "index.html", "start.js": "start.js",
		"swagger-ui-bundle.js": "swagger-ui/swagger-ui-bundle.js", "swagger-ui.css": "swagger-ui/swagger-ui.css", "LICENSE": "swagger-ui/LICENSE",
	} {
		content, err := fs.ReadFile(files, at)
		if err != nil { // They are part of the program.
			panic(err)
		}
		found[name] = content
	}
	return found
}
