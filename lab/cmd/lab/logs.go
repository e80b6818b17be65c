package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"skep/lab/engine"
	"skep/lab/machine"
)

// source is one thing that a host can tell about itself.
type source struct {
	file    string
	command string
}

// sources never include secrets: wg show prints none of its keys' private
// halves, and user data stays where it is.
var sources = []source{
	{"journal.txt", "journalctl --no-pager --output short-precise"},
	{"cloud-init.txt", "cloud-init status --long; cat /var/log/cloud-init-output.log"},
	{"units.txt", "systemctl --no-pager --failed; systemctl --no-pager list-units"},
	{"docker.txt", "docker info; docker ps --all --no-trunc; docker node ls; docker service ls"},
	{"containers.txt", `for c in $(docker ps --all --quiet); do docker inspect --format "== {{.Name}}" "$c"; docker logs --tail 200 "$c"; done`},
	{"network.txt", "ip address; ip route; wg show; nft list ruleset; ss --listening --numeric --tcp --udp --processes"},
}

func runLogs(ctx context.Context, s *session, args []string) error {
	flags := flag.NewFlagSet("lab logs", flag.ContinueOnError)
	dir := flags.String("all", "", "write the logs of all hosts and of the lab into this directory")
	rest, err := parse(flags, args)
	if err != nil {
		return err
	}
	if (*dir == "") == (len(rest) == 0) || len(rest) > 1 {
		return errors.New("run lab logs: name one host, or --all DIR")
	}
	if err := s.open(); err != nil {
		return err
	}
	if *dir != "" {
		return s.collect(ctx, *dir)
	}
	m, err := s.named(ctx, rest[0])
	if err != nil {
		return err
	}
	for _, from := range sources {
		fmt.Printf("==== %s\n%s\n", from.file, s.tell(ctx, m, from))
	}
	return nil
}

// collect writes DIR/<host>/<file>, and the lab's own logs into DIR.
func (s *session) collect(ctx context.Context, dir string) error {
	all, err := s.machines().All(ctx)
	if err != nil {
		return err
	}
	var wait sync.WaitGroup
	faults := make([]error, len(all))
	for i, m := range all {
		wait.Go(func() { faults[i] = s.collectHost(ctx, filepath.Join(dir, fmt.Sprintf("%s-%d", m.Name, m.ID)), m) })
	}
	wait.Wait()
	own := map[string][]byte{"services.txt": s.output(ctx, "logs", "--timestamps", s.servicesName())}
	if text, err := os.ReadFile(engine.Own.Log()); err == nil {
		own["engine.txt"] = text
	}
	faults = append(faults, writeAll(dir, own))
	return errors.Join(faults...)
}

func (s *session) collectHost(ctx context.Context, dir string, m machine.Machine) error {
	files := map[string][]byte{"console.txt": s.output(ctx, "logs", s.machines().Container(m))}
	if m.Status == machine.Active {
		for _, from := range sources {
			files[from.file] = s.tell(ctx, m, from)
		}
	}
	return writeAll(dir, files)
}

func (s *session) tell(ctx context.Context, m machine.Machine, from source) []byte {
	words := slices.Concat([]string{"exec", s.machines().Container(m)}, s.machines().Inside(), []string{"bash", "-c", from.command})
	return s.output(ctx, words...)
}

// output returns all that a docker command prints; logs are worth having also
// when half of them cannot be had.
func (s *session) output(ctx context.Context, args ...string) []byte {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	text, err := s.docker().Command(ctx, args...).CombinedOutput()
	if err != nil {
		text = fmt.Appendf(text, "\nlab: the above ended with: %v\n", err)
	}
	return text
}

func writeAll(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write logs: %w", err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return fmt.Errorf("write logs: %w", err)
		}
	}
	return nil
}
