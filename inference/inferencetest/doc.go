// Package inferencetest is what the tests of inference share: the shared test
// data, models and graphs made by hand, sessions that answer as they are told.
package inferencetest
