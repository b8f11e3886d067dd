package api_test

import (
	"os/exec"
	"testing"

	"github.com/motionmill/motionmill/api"
	"github.com/motionmill/motionmill/job"
)

// Schemathesis makes up calls from the description, good ones and bad ones: none
// may be answered by a server error, by a status or a type that is not
// described, or by a body that is not as described.
func TestSchemathesis(t *testing.T) {
	program, err := exec.LookPath("schemathesis")
	if err != nil {
		t.Skip("schemathesis is not installed: make setup fetches it")
	}
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	s := newStage(t, func(c *api.Config) { c.Deliveries = &deliveries{all: someDeliveries(3)} })
	s.succeed("j1")
	s.ledger.Set(record("j2", job.Dead))
	cmd := exec.CommandContext(t.Context(), program, "--no-color", "run", s.url+"/openapi.json", //nolint:gosec // the tests' own tool
		"--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
		"--max-examples", "15", "--phases", "examples,coverage,fuzzing", "--seed", "1", "--generation-database", "none",
		"--request-timeout", "20", "--suppress-health-check", "all")
	cmd.Dir = t.TempDir()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
