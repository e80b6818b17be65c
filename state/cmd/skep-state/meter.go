package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"skep/state/internal/home"
	"skep/state/internal/meter"
)

func meterCommand(*flag.FlagSet) action {
	return func(ctx context.Context, t terminal, h home.Home, args []string) error {
		if len(args) == 0 {
			return errors.New("say which command to measure: scripts/state meter pulumi preview")
		}
		if _, err := ensure(h); err != nil {
			return err
		}
		address, err := h.Address()
		if err != nil {
			return err
		}
		url, err := h.BackendURL()
		if err != nil {
			return err
		}
		m, err := meter.Start(address)
		if err != nil {
			return err
		}
		defer m.Close()
		command := exec.CommandContext(ctx, args[0], args[1:]...)
		command.Stdin, command.Stdout, command.Stderr = t.in, t.out, t.err
		escape := func(a string) string { return strings.ReplaceAll(a, ":", "%3A") }
		command.Env = append(os.Environ(), "PULUMI_BACKEND_URL="+strings.Replace(url, escape(address), escape(m.Address()), 1))
		err = command.Run()
		fmt.Fprintf(t.err, `{"sent": %d, "received": %d, "connections": %d}`+"\n", m.Sent(), m.Received(), m.Connections())
		if err != nil {
			return fmt.Errorf("run %q: %w", args[0], err)
		}
		return nil
	}
}
