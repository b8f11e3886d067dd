package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	corsMethods = "GET, HEAD, POST, PUT, DELETE"
	// corsExposed are the headers of answers that other origins' scripts may read.
	corsExposed = "Content-Disposition, ETag, Location, Ratelimit-Limit, Ratelimit-Remaining, Ratelimit-Reset, Retry-After, X-Request-Id"
)

// checkOrigins refuses what is no origin, and the wildcard: with it any page
// could have the browser of whoever can reach the API use it.
func checkOrigins(origins []string) error {
	for _, origin := range origins {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Scheme+"://"+u.Host != origin {
			return fmt.Errorf("the CORS origin %q is not an origin, such as https://app.example.com", origin)
		}
	}
	return nil
}

// allowOrigin lets the scripts of allowed origins read the answer. It answers
// a preflight itself and then returns true.
func (a *API) allowOrigin(w http.ResponseWriter, r *http.Request) bool {
	if len(a.cfg.CORSOrigins) == 0 {
		return false
	}
	head := w.Header()
	head.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if !slices.Contains(a.cfg.CORSOrigins, origin) {
		return false
	}
	head.Set("Access-Control-Allow-Origin", origin)
	head.Set("Access-Control-Allow-Credentials", "true")
	head.Set("Access-Control-Expose-Headers", corsExposed)
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	head.Add("Vary", "Access-Control-Request-Headers")
	head.Set("Access-Control-Allow-Methods", corsMethods)
	if asked := r.Header.Get("Access-Control-Request-Headers"); plainHeaders(asked) {
		head.Set("Access-Control-Allow-Headers", asked)
	}
	head.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// plainHeaders tells whether a list of header names holds nothing else.
func plainHeaders(names string) bool {
	return names != "" && len(names) < 2048 && strings.Trim(strings.ToLower(names), "abcdefghijklmnopqrstuvwxyz0123456789-, ") == ""
}
