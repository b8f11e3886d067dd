package local

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary is also the program of the children: with this variable set
// it reports to the test over a connection and does as it is told.
const stageVariable = "MOTIONMILL_TEST_CONTROL"

func TestMain(m *testing.M) {
	if address := os.Getenv(stageVariable); address != "" {
		os.Exit(play(address, os.Args[1], os.Args[2:]))
	}
	os.Exit(m.Run())
}

// play is the life of a child called name.
func play(address, name string, traits []string) int {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		fmt.Fprintln(os.Stderr, "dial test:", err)
		return 1
	}
	terms := make(chan os.Signal, 1)
	signal.Notify(terms, syscall.SIGTERM)
	fmt.Fprintf(conn, "start %s %d\n", name, os.Getpid())
	for _, trait := range traits {
		if !strings.HasPrefix(trait, "with=") {
			continue
		}
		// Another process of the same group.
		other := exec.Command(os.Args[0], strings.TrimPrefix(trait, "with="))
		if err := other.Start(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	if name == "supervisor" {
		return playSupervisor(address)
	}
	orders := make(chan string)
	go func() {
		lines := bufio.NewScanner(conn)
		for lines.Scan() {
			orders <- lines.Text()
		}
	}()
	for {
		select {
		case <-terms:
			fmt.Fprintf(conn, "term %s %d\n", name, os.Getpid())
		case order := <-orders:
			word, rest, _ := strings.Cut(order, " ")
			switch word {
			case "say":
				fmt.Fprintln(os.Stderr, rest)
			case "panic":
				panic(rest)
			case "exit":
				status, err := strconv.Atoi(rest)
				if err != nil {
					panic(err)
				}
				return status
			}
		}
	}
}

// playSupervisor runs a supervisor with one child until it is killed.
func playSupervisor(address string) int {
	dir, err := os.MkdirTemp("", "motionmill-supervisor-")
	if err != nil {
		return 1
	}
	s, err := NewSupervisor(SupervisorConfig{
		LogsDir:  dir,
		Children: []Child{{Name: "orphan", Args: []string{"orphan"}, Env: []string{stageVariable + "=" + address}}},
	})
	if err != nil {
		return 1
	}
	// The child has its log open; nobody needs its name.
	if err := s.Run(context.Background(), nil); err != nil {
		return 1
	}
	return 0
}

// control is the test's end of the children's connections.
type control struct {
	t       *testing.T
	address string
	events  chan event
}

// event is what a child did: "start", "term", or "gone" when its connection ended.
type event struct {
	what, name string
	pid        int
	conn       net.Conn
}

func newControl(t *testing.T) *control {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	c := &control{t: t, address: listener.Addr().String(), events: make(chan event, 100)}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go c.read(conn)
		}
	}()
	return c
}

func (c *control) read(conn net.Conn) {
	e := event{conn: conn}
	lines := bufio.NewReader(conn)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
				c.t.Errorf("read child: %v", err)
			}
			conn.Close()
			e.what = "gone"
			c.events <- e
			return
		}
		if _, err := fmt.Sscanf(line, "%s %s %d", &e.what, &e.name, &e.pid); err != nil {
			c.t.Errorf("read child %q: %v", line, err)
		}
		c.events <- e
	}
}

// expect waits for the next event and fails unless it is this one.
func (c *control) expect(what, name string) event {
	c.t.Helper()
	select {
	case e := <-c.events:
		if e.what != what || e.name != name {
			c.t.Fatalf("child %s: %s, want %s: %s", e.name, e.what, name, what)
		}
		return e
	case <-time.After(time.Minute):
		c.t.Fatalf("nothing happens, want child %s: %s", name, what)
	}
	return event{}
}

// expectAll waits for events, each written as "start worker", in any order: what
// one child does before another reaches the test over two connections.
func (c *control) expectAll(events ...string) map[string]event {
	c.t.Helper()
	found := map[string]event{}
	for range events {
		select {
		case e := <-c.events:
			what := e.what + " " + e.name
			if !slices.Contains(events, what) {
				c.t.Fatalf("%s, want all of %q", what, events)
			}
			found[what] = e
		case <-time.After(time.Minute):
			c.t.Fatalf("only %v, want all of %q", found, events)
		}
	}
	if len(found) != len(events) {
		c.t.Fatalf("%v, want all of %q", found, events)
	}
	return found
}

// quiet fails when something has happened.
func (c *control) quiet() {
	c.t.Helper()
	select {
	case e := <-c.events:
		c.t.Fatalf("child %s: %s, want nothing yet", e.name, e.what)
	default:
	}
}

func (c *control) child(name string, traits ...string) Child {
	// The race detector would have every child wait for a second at its end.
	env := []string{stageVariable + "=" + c.address, "GORACE=atexit_sleep_ms=0"}
	return Child{Name: name, Args: append([]string{name}, traits...), Env: env}
}

// tell gives a child an order.
func (e event) tell(t *testing.T, order string) {
	t.Helper()
	if _, err := fmt.Fprintln(e.conn, order); err != nil {
		t.Fatal(err)
	}
}
