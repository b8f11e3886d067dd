package motionmill_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// stageOutputs are those that every stage has.
func stageOutputs() map[string]any {
	return map[string]any{
		"AWS_REGION":                       "eu-west-1",
		"MOTIONMILL_STAGE":                 "dev",
		"MOTIONMILL_UPLOADS_BUCKET":        "uploads",
		"MOTIONMILL_OUTPUTS_BUCKET":        "outputs",
		"MOTIONMILL_WORK_QUEUE_URL":        "https://sqs.eu-west-1.amazonaws.com/123456789012/work",
		"MOTIONMILL_IN_PROGRESS_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/in-progress",
		"MOTIONMILL_DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/dead-letter",
		"MOTIONMILL_LEDGER_TABLE":          "ledger",
	}
}

// checkout is a folder with env.sh and a stage dev, and a program terraform
// that prints outputs.json of the folder if it is asked as env.sh should ask.
type checkout struct {
	t   *testing.T
	dir string
}

func newCheckout(t *testing.T) *checkout {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skipf("env.sh needs a shell: %v", err)
	}
	script, err := os.ReadFile("env.sh")
	if err != nil {
		t.Fatal(err)
	}
	c := &checkout{t: t, dir: t.TempDir()}
	c.write("env.sh", string(script), 0o755)
	c.write("bin/terraform", `#!/bin/sh
[ "$*" = "-chdir=terraform/stages/dev output -json" ] || { echo "asked: $*" >&2; exit 9; }
cat outputs.json || { echo "Error: no state" >&2; exit 1; }
`, 0o755)
	c.write("terraform/stages/dev/main.tf", "", 0o644)
	return c
}

func (c *checkout) write(name, content string, mode os.FileMode) {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		c.t.Fatal(err)
	}
}

func (c *checkout) read(name string) string {
	c.t.Helper()
	content, err := os.ReadFile(filepath.Join(c.dir, name))
	if err != nil {
		c.t.Fatal(err)
	}
	return string(content)
}

// terraformPrints makes terraform print outputs.
func (c *checkout) terraformPrints(outputs map[string]any) {
	c.t.Helper()
	described := map[string]any{}
	for name, value := range outputs {
		described[name] = map[string]any{"sensitive": false, "type": "string", "value": value}
	}
	text, err := json.MarshalIndent(described, "", "  ")
	if err != nil {
		c.t.Fatal(err)
	}
	c.write("outputs.json", string(text), 0o600)
}

// run runs env.sh from another folder and returns its status and what it said.
func (c *checkout) run(variables []string, args ...string) (status int, said string) {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), filepath.Join(c.dir, "env.sh"), args...)
	cmd.Dir = c.t.TempDir()
	cmd.Env = append(os.Environ(), "TERRAFORM=", "PATH="+filepath.Join(c.dir, "bin")+":"+os.Getenv("PATH"))
	cmd.Env = append(cmd.Env, variables...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		c.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// shellReads gives the value that a shell has for a variable after reading .env.
func (c *checkout) shellReads(name string) string {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), "sh", "-c", `. ./.env && printf '%s' "$`+name+`"`)
	cmd.Dir = c.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.t.Fatalf("read .env: %v\n%s\n%s", err, out, c.read(".env"))
	}
	return string(out)
}

func TestEnvRoundTrip(t *testing.T) {
	c := newCheckout(t)
	outputs := stageOutputs()
	nasty := map[string]string{
		"MOTIONMILL_SPACES":     "  two  blanks\tand a tab ",
		"MOTIONMILL_QUOTES":     `it's "quoted" 'twice'` + "'",
		"MOTIONMILL_EXPANSION":  "$HOME ${HOME} $(touch pwned) `touch pwned` \\n \\",
		"MOTIONMILL_SEPARATORS": "a;b&c|d>e<f#g!h*i?j[k]~",
		"MOTIONMILL_LINES":      "first\nMOTIONMILL_STAGE='other'\n\nlast\r\n!",
		"MOTIONMILL_LETTERS":    "žluťoučký 動画 🎬 \u2028",
		"MOTIONMILL_JSON":       `{"value": ["}", "]", "\\", "/"]}`,
		"MOTIONMILL_CONTROL":    "\x01\b\f\x1b\x7f",
		"MOTIONMILL_EMPTY":      "",
	}
	for name, value := range nasty {
		outputs[name] = value
	}
	outputs["MOTIONMILL_CAPACITY"] = 12
	outputs["MOTIONMILL_REQUIRE_GPU"] = true
	outputs["MOTIONMILL_NOTHING"] = nil
	outputs["MOTIONMILL_LIST"] = []any{"a", map[string]any{"value": "b"}, []any{}, map[string]any{}}
	outputs["url"] = "https://example.com"
	c.terraformPrints(outputs)
	if status, said := c.run(nil, "dev"); status != 0 {
		t.Fatalf("exit status %d: %s", status, said)
	}
	for name, want := range stageOutputs() {
		nasty[name] = want.(string)
	}
	nasty["MOTIONMILL_CAPACITY"], nasty["MOTIONMILL_REQUIRE_GPU"] = "12", "true"
	for name, want := range nasty {
		if got := c.shellReads(name); got != want {
			t.Errorf("%s is %q to a shell, want %q", name, got, want)
		}
	}
	for _, name := range []string{"url", "MOTIONMILL_NOTHING", "MOTIONMILL_LIST"} {
		if strings.Contains(c.read(".env"), "\n"+name+"=") {
			t.Errorf(".env holds %s, which is no setting", name)
		}
	}
	if _, err := os.Stat(filepath.Join(c.dir, "pwned")); err == nil {
		t.Error("a value was run as a command")
	}
}

func TestEnvReadsEveryForm(t *testing.T) {
	c := newCheckout(t)
	text := `{"MOTIONMILL_ESCAPES":{"type":"string","value":"\u003ca\u0026b\u003e \ud83c\udfac \u00e9 \/ \"\\"},"other":{"value":-1.5e3}`
	for name, value := range stageOutputs() {
		text += `,"` + name + `":{"value":"` + value.(string) + `","type":["object",{"value":"string"}]}`
	}
	c.write("outputs.json", text+"}", 0o600)
	if status, said := c.run(nil, "dev"); status != 0 {
		t.Fatalf("exit status %d: %s", status, said)
	}
	if got, want := c.shellReads("MOTIONMILL_ESCAPES"), `<a&b> 🎬 é / "\`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := c.shellReads("MOTIONMILL_LEDGER_TABLE"); got != "ledger" {
		t.Errorf("the table is %q, want ledger", got)
	}
}

func TestEnvIsPrivateAndKeepsTheOldOne(t *testing.T) {
	c := newCheckout(t)
	c.write(".env", "MOTIONMILL_STAGE=mine\n", 0o644)
	c.terraformPrints(stageOutputs())
	if status, said := c.run(nil, "dev"); status != 0 {
		t.Fatalf("exit status %d: %s", status, said)
	}
	if got := c.read(".env.bak"); got != "MOTIONMILL_STAGE=mine\n" {
		t.Errorf(".env.bak holds %q", got)
	}
	if status, said := c.run(nil, "dev"); status != 0 {
		t.Fatalf("the second time: exit status %d: %s", status, said)
	}
	if got := c.read(".env.bak"); got != "MOTIONMILL_STAGE=mine\n" {
		t.Errorf("an unchanged stage has replaced .env.bak by %q", got)
	}
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		switch {
		case err != nil:
			t.Fatal(err)
		case !strings.HasPrefix(entry.Name(), ".env"):
		case entry.Name() != ".env" && entry.Name() != ".env.bak":
			t.Errorf("%s was left behind", entry.Name())
		case info.Mode().Perm() != 0o600:
			t.Errorf("%s has mode %o, want 600", entry.Name(), info.Mode().Perm())
		}
	}
}

func TestEnvSaysWhatIsMissing(t *testing.T) {
	tests := map[string]struct {
		change    func(c *checkout)
		variables []string
		args      []string
		status    int
		said      string
	}{
		"no stage":            {args: []string{}, status: 2, said: "usage"},
		"two stages":          {args: []string{"dev", "prod"}, status: 2, said: "usage"},
		"unknown stage":       {args: []string{"production"}, status: 2, said: "no stage 'production'"},
		"a way out":           {args: []string{"../stages/dev"}, status: 2, said: "no stage"},
		"an option":           {args: []string{"-help"}, status: 2, said: "no stage"},
		"no terraform":        {variables: []string{"TERRAFORM=terraform-that-is-not-there"}, status: 3, said: "no program terraform-that-is-not-there"},
		"state unreadable":    {change: func(c *checkout) { _ = os.Remove(filepath.Join(c.dir, "outputs.json")) }, status: 3, said: "Error: no state"},
		"not applied":         {change: func(c *checkout) { c.terraformPrints(nil) }, status: 3, said: "MOTIONMILL_UPLOADS_BUCKET"},
		"an output missing":   {change: without("MOTIONMILL_LEDGER_TABLE"), status: 3, said: "lacks the outputs MOTIONMILL_LEDGER_TABLE;"},
		"an output empty":     {change: with("MOTIONMILL_WORK_QUEUE_URL", ""), status: 3, said: "MOTIONMILL_WORK_QUEUE_URL;"},
		"an output not text":  {change: with("MOTIONMILL_STAGE", []string{"dev"}), status: 3, said: "MOTIONMILL_STAGE;"},
		"a NUL":               {change: with("MOTIONMILL_OTHER", "a\x00b"), status: 3, said: "NUL"},
		"no JSON":             {change: func(c *checkout) { c.write("outputs.json", "Warning: hello", 0o600) }, status: 3, said: "cannot be read"},
		"JSON that breaks":    {change: func(c *checkout) { c.write("outputs.json", `{"MOTIONMILL_STAGE":{"value":"de`, 0o600) }, status: 3, said: "without an end"},
		"JSON and more":       {change: func(c *checkout) { c.write("outputs.json", `{} {}`, 0o600) }, status: 3, said: "more after its end"},
		"a program elsewhere": {variables: []string{"TERRAFORM=false"}, status: 3, said: "run: false -chdir="},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCheckout(t)
			c.write(".env", "before\n", 0o600)
			c.terraformPrints(stageOutputs())
			if test.change != nil {
				test.change(c)
			}
			if test.args == nil {
				test.args = []string{"dev"}
			}
			status, said := c.run(test.variables, test.args...)
			if status != test.status || !strings.Contains(said, test.said) {
				t.Errorf("exit status %d, want %d; said %q, want %q in it", status, test.status, said, test.said)
			}
			if got := c.read(".env"); got != "before\n" {
				t.Errorf(".env was changed to %q", got)
			}
		})
	}
}

func without(name string) func(*checkout) {
	return func(c *checkout) {
		outputs := stageOutputs()
		delete(outputs, name)
		c.terraformPrints(outputs)
	}
}

func with(name string, value any) func(*checkout) {
	return func(c *checkout) {
		outputs := stageOutputs()
		outputs[name] = value
		c.terraformPrints(outputs)
	}
}
