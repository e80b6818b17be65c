package vm

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// Boot runs the machine until it is off. When ctx ends, the machine's power
// button is pressed; whoever cannot wait for that takes the power from the
// container. A reboot from inside does not end it.
func Boot(ctx context.Context, m Machine) error {
	if err := makeDisk(); err != nil {
		return err
	}
	cards, err := connect()
	if err != nil {
		return err
	}
	argv := m.argv(cards)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start qemu: %w", err)
	}
	off := make(chan error, 1)
	go func() { off <- cmd.Wait() }()
	select {
	case err = <-off:
	case <-ctx.Done():
		err = shutDown(off)
	}
	if err != nil {
		return fmt.Errorf("run qemu: %w", err)
	}
	return nil
}

// shutDown presses the power button until the machine is off: one that is still
// booting does not notice.
func shutDown(off <-chan error) error {
	for {
		if err := press(monitorSocket()); err != nil {
			_, _ = fmt.Fprintf(os.Stderr, "lab: %v\n", err)
		}
		select {
		case err := <-off:
			return err
		case <-time.After(10 * time.Second):
		}
	}
}
