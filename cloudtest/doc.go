// Package cloudtest starts servers that stand in for AWS, for tests: moto (S3,
// SQS, DynamoDB and more), ElasticMQ (SQS) and dynalite (DynamoDB). None is
// ours, which is the point of testing against them.
//
// Each call starts a server of its own on a free port of 127.0.0.1, returns
// the settings that reach it once it answers, and ends it with the test; also
// when the test process is killed. All data of a server are in its memory. A
// start takes from half a second (dynalite) to some seconds (moto), so tests of
// one server are best subtests of one test that starts it.
//
// Where a server is not installed the test is skipped and says what to run.
// Programs are looked for where `scripts/setup.sh test` puts them, in pinned
// versions, and then on PATH. A server that is installed and does not start fails the test, and
// shows its log; so does any test that failed otherwise.
package cloudtest
