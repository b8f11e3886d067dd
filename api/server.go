package api

import (
	"net/http"
	"time"
)

// NewServer returns a server for handler on addr (host:port) with the limits
// that suit it: headers must come soon, while bodies and answers may take as
// long as an upload or an event stream does. Calls of the API itself bound the
// reading of their bodies on their own. When handler is an API, shutting the
// server down ends its event streams.
func NewServer(addr string, handler http.Handler) *http.Server {
	server := &http.Server{
		Addr:              addr,
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
	if a, ok := handler.(*API); ok {
		server.RegisterOnShutdown(a.Close)
	}
	return server
}
