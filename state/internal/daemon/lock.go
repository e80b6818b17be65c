// Package daemon runs the gateway in the background: one per state home, found again by a lock that it holds.
package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"skep/state/internal/home"
)

// lockFile is held locked by the running gateway and says which process that is. The kernel drops the lock with the
// process, so a pid that was reused after a crash or a reboot is never taken for our gateway.
const lockFile = "gateway.lock"

// Process describes the running gateway.
type Process struct {
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
}

// Hold marks the calling process as the gateway of this home until it ends.
func Hold(h home.Home) (release func(), err error) {
	file, err := os.OpenFile(h.Path(lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock state home %q: %w", h.Dir, err)
	}
	// Whoever asks for the status holds a shared lock for an instant, so one refusal proves nothing.
	locked := poll(2*time.Second, func() bool { return flock(file, syscall.LOCK_EX) == nil })
	if !locked {
		file.Close()
		return nil, fmt.Errorf("lock state home %q: another gateway runs there", h.Dir)
	}
	text, err := json.Marshal(Process{PID: os.Getpid(), Started: time.Now().UTC().Truncate(time.Second)})
	if err == nil {
		err = errors.Join(file.Truncate(0), writeAt(file, text))
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("write %q: %w", file.Name(), err)
	}
	return func() { file.Close() }, nil
}

// Running finds the gateway of this home; false when there is none.
func Running(h home.Home) (Process, bool, error) {
	file, err := os.Open(h.Path(lockFile))
	if errors.Is(err, os.ErrNotExist) {
		return Process{}, false, nil
	}
	if err != nil {
		return Process{}, false, fmt.Errorf("look for the gateway: %w", err)
	}
	defer file.Close()
	if flock(file, syscall.LOCK_SH) == nil {
		return Process{}, false, nil
	}
	var process Process
	// The lock is taken a moment before the pid is written.
	known := poll(2*time.Second, func() bool {
		text, err := io.ReadAll(io.NewSectionReader(file, 0, 1<<10))
		return err == nil && json.Unmarshal(text, &process) == nil && process.PID > 1
	})
	if !known {
		return Process{}, false, fmt.Errorf("look for the gateway: %q is locked but names no process: end what holds it", file.Name())
	}
	return process, true, nil
}

func flock(file *os.File, how int) error { return syscall.Flock(int(file.Fd()), how|syscall.LOCK_NB) }

func writeAt(file *os.File, text []byte) error {
	_, err := file.WriteAt(text, 0)
	return err
}

// poll asks until the answer is yes or the time is over.
func poll(limit time.Duration, done func() bool) bool {
	for deadline := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		if done() {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}
