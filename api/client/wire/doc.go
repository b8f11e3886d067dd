// Package wire has the types and calls of Motionmill's API, generated from its
// description (api/testdata/openapi.json) by make openapi.
//
// ClientWithResponses makes one call a method and parses the answer of the
// status that the call is described with (JSON200, JSON201, JSON202); any other
// answer leaves it nil, and a problem is in ApplicationProblemJSONDefault.
// Package client, one folder up, is made of it and adds what a program wants:
// errors, tries, uploads in parts, lists and events.
package wire
