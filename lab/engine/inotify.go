package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"skep/lab/instance"
)

// inotifySetting bounds the inotify instances of one user over the whole
// machine, hosts in containers included: systemd, Docker and wireguard-go of
// each host take some, so the usual 128 are gone after some twenty hosts, and
// the next one fails with "too many open files".
const inotifySetting = "/proc/sys/fs/inotify/max_user_instances"

// inotifyInstances is enough for several labs of ten hosts.
const inotifyInstances = 2048

func (d Daemon) inotifyFile() string { return filepath.Join(d.Run, "inotify") }

// raiseInotify lifts the bound and writes down what it was. Where the machine
// does not let us, its own bound stays: a small lab fits.
func (d Daemon) raiseInotify(setting string) error {
	text, err := os.ReadFile(setting)
	if err != nil {
		return nil
	}
	before, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || before >= inotifyInstances {
		return nil
	}
	if err := os.WriteFile(setting, []byte(strconv.Itoa(inotifyInstances)), 0o600); err != nil {
		return nil
	}
	if _, err := os.Stat(d.inotifyFile()); err == nil {
		return nil
	}
	return instance.WriteFile(d.inotifyFile(), []byte(strconv.Itoa(before)), 0o600)
}

// restoreInotify puts the bound back to what it was.
func (d Daemon) restoreInotify(setting string) error {
	before, err := os.ReadFile(d.inotifyFile())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = os.WriteFile(setting, before, 0o600)
	}
	if err != nil {
		return fmt.Errorf("restore %s: %w", setting, err)
	}
	return nil
}
