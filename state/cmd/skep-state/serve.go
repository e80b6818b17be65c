package main

import (
	"context"
	"flag"
	"fmt"
	"os/signal"
	"syscall"
	"time"

	rclone "github.com/rclone/rclone/fs"

	"skep/state/internal/daemon"
	"skep/state/internal/gateway"
	"skep/state/internal/home"
	"skep/state/internal/store"
)

func serveCommand(*flag.FlagSet) action {
	return func(ctx context.Context, t terminal, h home.Home, _ []string) error {
		rclone.GetConfig(ctx).LogLevel = rclone.LogLevelNotice // into the log
		release, err := daemon.Hold(h)
		if err != nil {
			daemon.Report(err)
			return err
		}
		defer release()
		server, err := serve(ctx, h)
		daemon.Report(err)
		if err != nil {
			return err
		}
		t.note("%s serving %s on %s", time.Now().UTC().Format(time.RFC3339), store.Describe(h), server.Address)
		ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
		defer stop()
		return server.Wait(ctx)
	}
}

// serve proves the key and then serves the store.
func serve(ctx context.Context, h home.Home) (*gateway.Server, error) {
	key, err := h.CryptKey()
	if err != nil {
		return nil, err
	}
	credentials, err := h.Credentials()
	if err != nil {
		return nil, err
	}
	address, err := h.Address()
	if err != nil {
		return nil, err
	}
	s, err := store.Open(ctx, h, key)
	if err != nil {
		return nil, err
	}
	return gateway.Start(s, address, credentials)
}

func startCommand(*flag.FlagSet) action {
	return func(_ context.Context, t terminal, h home.Home, _ []string) error {
		started, err := ensure(h)
		if err != nil {
			return err
		}
		address, err := h.Address()
		if err != nil {
			return err
		}
		word := "already running"
		if started {
			word = "started"
		}
		fmt.Fprintf(t.out, "%s on http://%s, store %s\n", word, address, store.Describe(h))
		return nil
	}
}

// ensure is what every command calls that needs the gateway.
func ensure(h home.Home) (started bool, err error) {
	if err := h.Check(); err != nil {
		return false, err
	}
	return daemon.Start(h)
}

func stopCommand(*flag.FlagSet) action {
	return func(_ context.Context, t terminal, h home.Home, _ []string) error {
		stopped, err := daemon.Stop(h)
		if err != nil {
			return err
		}
		word := "not running"
		if stopped {
			word = "stopped"
		}
		fmt.Fprintln(t.out, word)
		return nil
	}
}
