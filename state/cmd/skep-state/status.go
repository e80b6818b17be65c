package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"time"

	"skep/state/internal/client"
	"skep/state/internal/daemon"
	"skep/state/internal/home"
	"skep/state/internal/store"
)

// status is what `status --json` prints.
type status struct {
	Home     string     `json:"home"`
	Store    string     `json:"store"`
	Key      string     `json:"key"` // fingerprint
	Endpoint string     `json:"endpoint"`
	Running  bool       `json:"running"`
	Answers  bool       `json:"answers"`
	PID      int        `json:"pid,omitempty"`
	Started  *time.Time `json:"started,omitempty"`
	Fault    string     `json:"fault,omitempty"` // why it runs but does not answer
}

func statusCommand(flags *flag.FlagSet) action {
	asJSON := flags.Bool("json", false, "print JSON")
	return func(ctx context.Context, t terminal, h home.Home, _ []string) error {
		s, err := readStatus(ctx, h)
		if err != nil {
			return err
		}
		if *asJSON {
			text, err := json.MarshalIndent(s, "", "  ")
			if err != nil {
				return fmt.Errorf("encode the status: %w", err)
			}
			fmt.Fprintf(t.out, "%s\n", text)
		} else {
			fmt.Fprintf(t.out, "gateway     %s\nendpoint    %s\nstate home  %s\nstore       %s\nkey         %s\n", s.word(), s.Endpoint, s.Home, s.Store, s.Key)
		}
		if !s.Running {
			return errNotRunning
		}
		if !s.Answers {
			return fmt.Errorf("reach the gateway: %s: run scripts/state stop, then start", s.Fault)
		}
		return nil
	}
}

func (s status) word() string {
	if s.Running {
		return fmt.Sprintf("running (pid %d, since %s)", s.PID, s.Started.Format(time.RFC3339))
	}
	return "not running"
}

func readStatus(ctx context.Context, h home.Home) (status, error) {
	if err := h.Check(); err != nil {
		return status{}, err
	}
	key, err := h.CryptKey()
	if err != nil {
		return status{}, err
	}
	address, err := h.Address()
	if err != nil {
		return status{}, err
	}
	s := status{Home: h.Dir, Store: store.Describe(h), Key: key.Fingerprint(), Endpoint: "http://" + address}
	process, running, err := daemon.Running(h)
	if err != nil || !running {
		return s, err
	}
	s.Running, s.PID, s.Started = true, process.PID, &process.Started
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := client.Answers(ctx, h); err != nil {
		s.Fault = err.Error()
		return s, nil
	}
	s.Answers = true
	return s, nil
}
