package main

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"text/tabwriter"
	"time"
)

// host is one line of `lab ls`.
type host struct {
	Name    string     `json:"name"`
	ID      int        `json:"id"`
	Address netip.Addr `json:"address"`
	Private netip.Addr `json:"privateAddress,omitzero"`
	Status  string     `json:"status"`
	// Kind is droplet for a machine of the cloud, rack for one of none.
	Kind      string    `json:"kind"`
	Container string    `json:"container"`
	Created   time.Time `json:"created"`
}

func runList(ctx context.Context, s *session, args []string) error {
	flags := flag.NewFlagSet("lab ls", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "print JSON")
	if rest, err := parse(flags, args); err != nil {
		return err
	} else if len(rest) > 0 {
		return fmt.Errorf("list hosts: it takes no argument such as %q", rest[0])
	}
	if err := s.open(); err != nil {
		return err
	}
	hosts, err := s.hosts(ctx)
	if err != nil {
		return err
	}
	if *asJSON {
		return printJSON(hosts)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "NAME\tID\tADDRESS\tSTATUS\tKIND\tAGE")
	for _, h := range hosts {
		age := time.Since(h.Created).Round(time.Second)
		_, _ = fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\n", h.Name, h.ID, h.Address, h.Status, h.Kind, age)
	}
	return w.Flush()
}

func (s *session) hosts(ctx context.Context) ([]host, error) {
	all, err := s.machines().All(ctx)
	if err != nil {
		return nil, err
	}
	hosts := []host{}
	for _, m := range all {
		kind := "droplet"
		if m.Rack {
			kind = "rack"
		}
		hosts = append(hosts, host{
			Name: m.Name, ID: m.ID, Address: m.PublicIPv4, Private: m.PrivateIPv4, Status: string(m.Status),
			Kind: kind, Container: s.machines().Container(m), Created: m.Created,
		})
	}
	return hosts, nil
}
