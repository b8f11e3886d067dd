package api

import "net/http"

// Direct is direct, for tests.
var Direct = direct

// SetImportClient replaces what imports fetch with.
func (a *API) SetImportClient(c *http.Client) { a.imports.client = c }
