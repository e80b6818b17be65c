package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"skep/lab/engine"
	"skep/lab/instance"
)

// Delete removes a machine with its disks. One that does not exist is already
// removed: no error.
func (l *Lab) Delete(ctx context.Context, id int) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	m, err := l.Machine(ctx, id)
	if err == nil {
		err = l.docker.Run(ctx, "rm", "--force", "--volumes", l.Container(m))
	}
	if err != nil && !errors.Is(err, ErrNotFound) && !engine.IsNotFound(err) {
		return fmt.Errorf("delete machine %d: %w", id, err)
	}
	if err := os.Remove(l.overlayPath(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete machine %d: %w", id, err)
	}
	return nil
}

// PowerOff stops a machine cleanly; its addresses and disks stay.
func (l *Lab) PowerOff(ctx context.Context, id int) error {
	return l.power(ctx, id, "stop")
}

// PowerOn boots a machine that is off.
func (l *Lab) PowerOn(ctx context.Context, id int) error {
	return l.power(ctx, id, "start")
}

// Reboot stops a machine cleanly and boots it again.
func (l *Lab) Reboot(ctx context.Context, id int) error {
	return l.power(ctx, id, "restart")
}

// Kill takes the power from a machine: nothing on it gets to say goodbye.
func (l *Lab) Kill(ctx context.Context, id int) error {
	return l.power(ctx, id, "kill")
}

func (l *Lab) power(ctx context.Context, id int, verb string) error {
	limit := 2 * time.Minute
	if l.virtual() {
		limit = virtualStop*time.Second + time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	m, err := l.Machine(ctx, id)
	if err != nil {
		return err
	}
	if err := l.docker.Run(ctx, verb, l.Container(m)); err != nil {
		return fmt.Errorf("%s machine %d: %w", verb, id, err)
	}
	return nil
}

// changed is what the cloud can change on a machine after it was made.
type changed struct {
	Name   string            `json:"name"`
	Size   string            `json:"size"`
	Tags   []string          `json:"tags,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
}

// Relabel changes what can change on a machine without a new one: Name, Size,
// Tags and Labels of s replace the machine's. The host's own name stays, as it
// does in the real cloud. Labels of a container cannot change, so these parts
// are kept in <CloudDir>/droplet/<id>.json.
func (l *Lab) Relabel(ctx context.Context, id int, s Spec) (Machine, error) {
	m, err := l.Machine(ctx, id)
	if err != nil {
		return Machine{}, err
	}
	if s.Size != m.Size {
		limit := memory(s.Size)
		// The limit of swap must not be below that of memory at any moment.
		err := l.docker.Run(ctx, "update", "--memory", limit, "--memory-swap", "-1", l.Container(m))
		if err != nil {
			return Machine{}, fmt.Errorf("resize machine %d to %q: %w", id, s.Size, err)
		}
	}
	text, err := json.Marshal(changed{Name: s.Name, Size: s.Size, Tags: s.Tags, Labels: s.Labels})
	if err != nil {
		return Machine{}, fmt.Errorf("change machine %d: %w", id, err)
	}
	if err := instance.WriteFile(l.overlayPath(id), text, 0o600); err != nil {
		return Machine{}, fmt.Errorf("change machine %d: %w", id, err)
	}
	return l.Machine(ctx, id)
}

func (l *Lab) overlayPath(id int) string {
	return filepath.Join(l.instance.CloudDir(), "droplet", fmt.Sprintf("%d.json", id))
}

// overlay applies what Relabel kept.
func (l *Lab) overlay(m *Machine) error {
	text, err := os.ReadFile(l.overlayPath(m.ID))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var c changed
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil {
		return fmt.Errorf("read changes of machine %d: %w", m.ID, err)
	}
	m.Name, m.Size, m.Tags, m.Labels = c.Name, c.Size, c.Tags, c.Labels
	return nil
}
