package local

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// What every embedded stage is called and made of.
const (
	// Name is the stage's name in the settings.
	Name = "local"
	// UploadsBucket takes what is to be worked on.
	UploadsBucket = "motionmill-uploads"
	// OutputsBucket holds results.
	OutputsBucket = "motionmill-outputs"
	// Region is what requests to the object store are signed for.
	Region = "us-east-1"
	// Host is the only address that the stage listens on.
	Host = "127.0.0.1"
	// StorePort is the object store's port where it is free.
	StorePort = 7070
)

// Config says where a stage lies and which ports it takes.
type Config struct {
	// Dir is the folder of the stage; it is made when it does not exist.
	Dir string
	// Port is where the API and the page listen; 0 takes any free port.
	Port int
	// StorePort is where the object store listens; 0 takes StorePort when that
	// is free and any other free port when it is not.
	StorePort int
}

// Stage is an opened stage: nobody else runs it until it is closed.
type Stage struct {
	// Dir is the absolute path of the folder.
	Dir string
	// Address is host and port of the API and the page.
	Address string
	// StoreAddress is host and port of the object store.
	StoreAddress string
	// AccessKey and SecretKey are the credentials of the object store's root user.
	AccessKey, SecretKey string

	lock *os.File
}

// DefaultDir returns the folder that a stage lies in when nobody names one:
// motionmill/local in the user's data folder as the XDG base directories say.
func DefaultDir() (string, error) {
	if data := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(data) {
		return filepath.Join(data, "motionmill", "local"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find a folder for the stage: %w; give one by --dir", err)
	}
	return filepath.Join(home, ".local", "share", "motionmill", "local"), nil
}

// Open makes the folder of the stage and its credentials at the first start,
// takes the lock and chooses the ports. It fails with a *BusyError when another
// process runs the stage, and with a *PortError when a port is taken.
func Open(c Config) (*Stage, error) {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("open stage %s: %w", c.Dir, err)
	}
	s := &Stage{Dir: dir}
	for _, folder := range []string{s.Dir, s.ObjectsDir(), s.LogsDir()} {
		// Videos show people: only their owner may look.
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, fmt.Errorf("open stage %s: make folder: %w", dir, err)
		}
	}
	if s.lock, err = lockDir(s.Dir); err != nil {
		return nil, err
	}
	if err := s.prepare(c); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// prepare does the part of Open that needs the lock.
func (s *Stage) prepare(c Config) error {
	var err error
	if s.AccessKey, s.SecretKey, err = credentials(s.CredentialsFile()); err != nil {
		return fmt.Errorf("open stage %s: %w", s.Dir, err)
	}
	if s.Address, err = choosePort(c.Port, "--port"); err != nil {
		return err
	}
	if c.StorePort != 0 {
		s.StoreAddress, err = choosePort(c.StorePort, "--store-port")
		return err
	}
	s.StoreAddress, err = choosePort(StorePort, "--store-port")
	if errors.Is(err, syscall.EADDRINUSE) || s.StoreAddress == s.Address {
		s.StoreAddress, err = choosePort(0, "--store-port")
	}
	return err
}

// choosePort returns the address of a port of Host that can be listened on now;
// port 0 stands for any.
func choosePort(port int, flag string) (string, error) {
	address := net.JoinHostPort(Host, strconv.Itoa(port))
	listener, err := net.Listen("tcp", address)
	if err != nil {
		var system *os.SyscallError
		if errors.As(err, &system) {
			err = system.Err
		}
		return "", &PortError{Address: address, Flag: flag, Err: err}
	}
	address = listener.Addr().String()
	if err := listener.Close(); err != nil {
		return "", fmt.Errorf("try port %s: %w", address, err)
	}
	return address, nil
}

// Close gives the stage free for another process. The folder stays.
func (s *Stage) Close() error {
	if err := s.lock.Close(); err != nil {
		return fmt.Errorf("close stage %s: %w", s.Dir, err)
	}
	return nil
}

// ObjectsDir is the root folder of the object store.
func (s *Stage) ObjectsDir() string { return filepath.Join(s.Dir, "objects") }

// LogsDir is the folder with a log file a child.
func (s *Stage) LogsDir() string { return filepath.Join(s.Dir, "logs") }

// CredentialsFile is the path of the object store's credentials, in the format
// of the AWS tools, profile "motionmill".
func (s *Stage) CredentialsFile() string { return filepath.Join(s.Dir, "credentials") }

// URL is the address of the API and the page.
func (s *Stage) URL() string { return "http://" + s.Address }

// StoreURL is the address of the object store: its S3 endpoint.
func (s *Stage) StoreURL() string { return "http://" + s.StoreAddress }

// WorkQueueURL names the work queue.
func (s *Stage) WorkQueueURL() string { return s.databaseURL("work") }

// InProgressQueueURL names the in-progress queue.
func (s *Stage) InProgressQueueURL() string { return s.databaseURL("in-progress") }

// DeadLetterQueueURL names the dead-letter queue.
func (s *Stage) DeadLetterQueueURL() string { return s.databaseURL("dead-letter") }

// LedgerURL names the ledger.
func (s *Stage) LedgerURL() string { return s.databaseURL("") }

// databaseURL names the stage's database, or a queue in it: a sqlite URL with
// the absolute path of the file, escaped as in any URL.
func (s *Stage) databaseURL(queue string) string {
	u := url.URL{Scheme: "sqlite", Path: filepath.Join(s.Dir, "stage.db")}
	if queue != "" {
		u.RawQuery = url.Values{"queue": {queue}}.Encode()
	}
	return u.String()
}
