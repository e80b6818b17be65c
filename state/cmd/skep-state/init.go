package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"skep/state/internal/daemon"
	"skep/state/internal/home"
	"skep/state/internal/store"
)

type action = func(context.Context, terminal, home.Home, []string) error

func initCommand(flags *flag.FlagSet) action {
	conf := flags.String("remote-conf", "", "rclone configuration `file` with a section [store]: keep the state there instead of in a local folder")
	port := flags.Int("port", 0, "loopback `port` of the gateway (default: a free one, kept from then on)")
	empty := flags.Bool("empty-store", false, "accept that a store which held objects is empty now")
	return func(_ context.Context, t terminal, h home.Home, _ []string) error {
		options := home.Options{Port: *port, EmptyStore: *empty}
		if *port < 0 || *port > 65535 {
			return fmt.Errorf("use port %d: it is not between 1 and 65535", *port)
		}
		if *conf != "" {
			text, err := os.ReadFile(*conf)
			if err != nil {
				return fmt.Errorf("read remote configuration: %w", err)
			}
			if _, err := store.ParseRemote(string(text)); err != nil {
				return err
			}
			options.RemoteConf = text
		}
		if *conf != "" || *port != 0 {
			if err := refuseRunning(h); err != nil {
				return err
			}
		}
		if err := h.Init(options); err != nil {
			return err
		}
		key, err := h.CryptKey()
		if err != nil {
			return err
		}
		fmt.Fprintf(t.out, "state home  %s\nstore       %s\nkey         %s (keep a copy elsewhere: scripts/state key export)\n", h.Dir, store.Describe(h), key.Fingerprint())
		return nil
	}
}

// refuseRunning protects what a running gateway has read already.
func refuseRunning(h home.Home) error {
	if process, running, err := daemon.Running(h); err != nil {
		return err
	} else if running {
		return fmt.Errorf("change the state home: its gateway runs (pid %d): run scripts/state stop first", process.PID)
	}
	return nil
}
