package metrics

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"gopkg.in/yaml.v3"
)

// observeDir holds what people load into Prometheus and Grafana.
const observeDir = "../packaging/observe"

// everything returns all measures that any process of ours has.
func everything() *Metrics {
	m := New("1.2.3")
	m.Worker()
	m.API()
	m.Units(func() int { return 0 }, 1)
	m.Disk(func() (uint64, uint64, error) { return 1, 2, nil }, func(error) {})
	m.Queues(map[string]func(context.Context) (QueueDepth, error){})
	return m
}

// described matches what a description says of itself: the name, constant labels and labels.
var described = regexp.MustCompile(`fqName: "([a-z_0-9]+)".*constLabels: {([^}]*)}, variableLabels: {([^}]*)}`)

// namesOf returns the labels of every measure by its name.
func namesOf(m *Metrics) map[string]string {
	descs := make(chan *prometheus.Desc)
	go func() {
		m.registry.Describe(descs)
		close(descs)
	}()
	names := map[string]string{}
	constant := regexp.MustCompile(`="[^"]*"`)
	for d := range descs {
		if found := described.FindStringSubmatch(d.String()); found != nil {
			labels := strings.FieldsFunc(constant.ReplaceAllString(found[2], "")+","+found[3], func(r rune) bool { return r == ',' })
			slices.Sort(labels)
			names[found[1]] = strings.Join(labels, ", ")
		}
	}
	return names
}

// TestEveryMeasureIsDocumented holds docs/metrics.md and the code together:
// names and labels, in both directions.
func TestEveryMeasureIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]string{}
	row := regexp.MustCompile("(?m)^\\| `(motionmill_[a-z_]+)` \\| [a-z]+ \\|([^|]*)\\|")
	for _, found := range row.FindAllStringSubmatch(string(text), -1) {
		labels := strings.FieldsFunc(found[2], func(r rune) bool { return strings.ContainsRune("`, ", r) })
		slices.Sort(labels)
		told[found[1]] = strings.Join(labels, ", ")
	}
	has := namesOf(everything())
	maps.DeleteFunc(has, func(name, _ string) bool { return !strings.HasPrefix(name, prefix) })
	for name, labels := range has {
		if documented, ok := told[name]; !ok || documented != labels {
			t.Errorf("%s has the labels %q; docs/metrics.md has it: %t, with %q", name, labels, ok, documented)
		}
		delete(told, name)
	}
	for name := range told {
		t.Errorf("docs/metrics.md tells of %s, which nothing measures", name)
	}
	if len(has) < 10 {
		t.Errorf("found %d measures only", len(has))
	}
}

// used finds the names of measures in expressions of PromQL.
var used = regexp.MustCompile(`\b(motionmill|process|go|promhttp)_[a-z_]+`)

// TestDashboardAndAlertsUseMeasuresThatAre looks up every name that they use.
func TestDashboardAndAlertsUseMeasuresThatAre(t *testing.T) {
	has := namesOf(everything())
	// What the handler of /metrics registers when it is made.
	has["promhttp_metric_handler_errors_total"] = "cause"
	expressions := append(alertExpressions(t), dashboardExpressions(t)...)
	if len(expressions) < 30 {
		t.Fatalf("found %d expressions only", len(expressions))
	}
	seen := map[string]bool{}
	for _, e := range expressions {
		for _, name := range used.FindAllString(e, -1) {
			base := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
			seen[base] = true
			if _, ok := has[base]; !ok {
				t.Errorf("%q is measured by nothing; it is in %s", name, e)
			}
		}
	}
	for name := range has {
		if strings.HasPrefix(name, prefix) && !seen[name] {
			t.Errorf("no alert and no panel shows %s: what is it for?", name)
		}
	}
}

type rules struct {
	Groups []struct {
		Rules []struct{ Alert, Expr string }
	}
}

func readRules(t *testing.T) rules {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(observeDir, "alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var all rules
	if err := yaml.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func alertExpressions(t *testing.T) (all []string) {
	for _, group := range readRules(t).Groups {
		for _, rule := range group.Rules {
			all = append(all, rule.Expr)
		}
	}
	return all
}

// dashboardExpressions returns every text of the dashboard that is PromQL.
func dashboardExpressions(t *testing.T) (all []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(observeDir, "grafana.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Title      string
		Templating struct{ List []struct{ Definition string } }
		Panels     []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, variable := range dashboard.Templating.List {
		all = append(all, variable.Definition)
	}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			if target.Expr == "" {
				t.Errorf("panel %q asks for nothing", panel.Title)
			}
			all = append(all, target.Expr)
		}
	}
	return all
}

// TestEveryAlertIsTried looks for each alert among those that alerts_test.yml
// has fire.
func TestEveryAlertIsTried(t *testing.T) {
	tests, err := os.ReadFile(filepath.Join(observeDir, "alerts_test.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range readRules(t).Groups {
		for _, rule := range group.Rules {
			if !strings.Contains(string(tests), `alertname="`+rule.Alert+`"}', value: `) {
				t.Errorf("no test has %s fire", rule.Alert)
			}
		}
	}
}
