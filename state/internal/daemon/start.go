package daemon

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"skep/state/internal/home"
)

const (
	logFile = "gateway.log"
	logKeep = 1 << 20 // the log starts anew when it is larger than this at start

	startLimit = 60 * time.Second
	stopLimit  = 20 * time.Second

	// readyFD is where the gateway reports to its parent; ready is what it says when it serves.
	readyFD = 3
	ready   = "ready"
)

// passedOn are the only variables that a gateway inherits: what it needs to reach a remote, and nothing that could hold
// one of Pulumi's secrets or change rclone's behaviour.
var passedOn = []string{
	"PATH", "HOME", "TMPDIR", "TZ", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
}

// Start makes sure that the gateway of this home runs and answers; it returns false when it ran already.
func Start(h home.Home) (started bool, err error) {
	release, err := one(h)
	if err != nil {
		return false, err
	}
	defer release()
	if _, running, err := Running(h); running || err != nil {
		return false, err
	}
	return true, spawn(h)
}

// one lets a single caller start the gateway at a time.
func one(h home.Home) (func(), error) {
	file, err := os.OpenFile(h.Path("start.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start the gateway: %w", err)
	}
	if !poll(startLimit, func() bool { return flock(file, syscall.LOCK_EX) == nil }) {
		file.Close()
		return nil, errors.New("start the gateway: another start does not finish: end it first")
	}
	return func() { file.Close() }, nil
}

// spawn starts this program again as the gateway, in a session of its own, and waits for its report.
func spawn(h home.Home) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("start the gateway: %w", err)
	}
	log, err := openLog(h)
	if err != nil {
		return err
	}
	defer log.Close()
	report, child, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start the gateway: %w", err)
	}
	defer report.Close()
	command := exec.Command(self)
	command.Args = []string{"skep-state", "serve", "--home", h.Dir}
	command.Dir = "/"
	command.Env = environment()
	command.Stdout, command.Stderr = log, log
	command.ExtraFiles = []*os.File{child} // becomes readyFD
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = command.Start()
	child.Close()
	if err != nil {
		return fmt.Errorf("start the gateway: %w", err)
	}
	if err := await(report); err != nil {
		command.Process.Kill()
		command.Wait()
		return err
	}
	return command.Process.Release()
}

// await reads the gateway's report: ready, or the one line that says why not.
func await(report *os.File) error {
	if err := report.SetReadDeadline(time.Now().Add(startLimit)); err != nil {
		return fmt.Errorf("wait for the gateway: %w", err)
	}
	text, err := io.ReadAll(report)
	switch message := strings.TrimSpace(string(text)); {
	case message == ready:
		return nil
	case message != "":
		return errors.New(message)
	case err != nil:
		return fmt.Errorf("wait for the gateway: it did not answer in %s: see %s in the state home", startLimit, logFile)
	default:
		return fmt.Errorf("start the gateway: it ended at once: see %s in the state home", logFile)
	}
}

// Report tells the process that started this gateway how it went. Without such a process it does nothing.
func Report(failure error) {
	file := os.NewFile(readyFD, "report")
	if info, err := file.Stat(); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		return
	}
	message := ready
	if failure != nil {
		message = failure.Error()
	}
	io.WriteString(file, message) // the parent may be gone: nothing is lost then
	file.Close()
}

// Stop ends the gateway of this home; it returns false when none ran.
func Stop(h home.Home) (stopped bool, err error) {
	process, running, err := Running(h)
	if !running || err != nil {
		return false, err
	}
	gone := func() bool {
		now, running, err := Running(h)
		return err == nil && (!running || now.PID != process.PID)
	}
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if err := syscall.Kill(process.PID, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return false, fmt.Errorf("stop the gateway (pid %d): %w", process.PID, err)
		}
		if poll(stopLimit, gone) {
			return true, nil
		}
	}
	return false, fmt.Errorf("stop the gateway (pid %d): it does not end", process.PID)
}

func openLog(h home.Home) (*os.File, error) {
	flags := os.O_WRONLY | os.O_CREATE | os.O_APPEND
	if info, err := os.Stat(h.Path(logFile)); err == nil && info.Size() > logKeep {
		flags |= os.O_TRUNC
	}
	log, err := os.OpenFile(h.Path(logFile), flags, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the gateway's log: %w", err)
	}
	return log, nil
}

func environment() []string {
	var kept []string
	for _, name := range passedOn {
		if value, found := os.LookupEnv(name); found {
			kept = append(kept, name+"="+value)
		}
	}
	return kept
}
