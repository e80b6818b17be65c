package vm

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"

	"skep/lab/instance"
)

// Result is what a command in the machine came to.
type Result struct {
	Code           int
	Stdout, Stderr []byte
}

// environment is that of a command in the machine, where the agent gives none.
var environment = []string{"HOME=/root", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}

// Exec runs a command as root in the machine that this container runs, past
// its network, by the agent that listens there on a line of its own.
func Exec(ctx context.Context, words []string, stdin []byte) (Result, error) {
	return execute(ctx, agentSocket(), words, stdin)
}

// agentLimit bounds one answer of the agent: a machine that boots has none.
const agentLimit = 20 * time.Second

func execute(ctx context.Context, socket string, words []string, stdin []byte) (Result, error) {
	if len(words) == 0 {
		return Result{}, errors.New("run command in the virtual machine: there is none")
	}
	var started struct {
		PID int `json:"pid"`
	}
	arguments := map[string]any{"path": words[0], "arg": words[1:], "env": environment, "capture-output": true}
	if len(stdin) > 0 {
		arguments["input-data"] = stdin
	}
	err := withAgent(socket, func(d *dialogue) error { return d.ask("guest-exec", arguments, &started) })
	for pause := 20 * time.Millisecond; err == nil; pause = min(2*pause, time.Second) {
		var status struct {
			Exited   bool   `json:"exited"`
			ExitCode int    `json:"exitcode"`
			Signal   int    `json:"signal"`
			Out      []byte `json:"out-data"`
			Err      []byte `json:"err-data"`
		}
		err = withAgent(socket, func(d *dialogue) error {
			return d.ask("guest-exec-status", map[string]int{"pid": started.PID}, &status)
		})
		if err == nil && status.Exited {
			if status.Signal != 0 {
				status.ExitCode = 128 + status.Signal
			}
			return Result{Code: status.ExitCode, Stdout: status.Out, Stderr: status.Err}, nil
		}
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-time.After(pause):
		}
	}
	return Result{}, fmt.Errorf("run command in the virtual machine: %w", err)
}

// withAgent has the line to itself for f: it carries one dialogue at a time,
// and what an interrupted one left is skipped.
func withAgent(socket string, f func(*dialogue) error) error {
	unlock, err := instance.Lock(filepath.Join(filepath.Dir(socket), "agent.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	d, err := open(socket, agentLimit)
	if err != nil {
		return err
	}
	defer d.close()
	if err := d.synchronise(); err != nil {
		return fmt.Errorf("its agent does not answer (does it still boot?): %w", err)
	}
	return f(d)
}

// synchronise reads until the agent has repeated a number that is new.
func (d *dialogue) synchronise() error {
	number := rand.Int32()
	if err := d.send("guest-sync", map[string]int32{"id": number}); err != nil {
		return err
	}
	for {
		var answer struct {
			Return any `json:"return"`
		}
		if err := d.answers.Decode(&answer); err != nil {
			return err
		}
		if got, ok := answer.Return.(float64); ok && int32(got) == number {
			return nil
		}
	}
}
