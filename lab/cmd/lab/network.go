package main

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"skep/lab/engine"
	"skep/lab/subnet"
)

func (s *session) networksMade(ctx context.Context) bool {
	found, err := s.docker().Networks(ctx, s.instance.Label())
	return err == nil && len(found) == 2 && s.instance.Subnet.IsValid()
}

// makeNetworks makes the bridge that plays the internet and the one that plays
// the cloud's private network.
func (s *session) makeNetworks(ctx context.Context) error {
	// Another lab may take the addresses between the look and the making.
	var err error
	for range 5 {
		if err = s.tryNetworks(ctx); err == nil {
			return nil
		}
		if !strings.Contains(err.Error(), "overlap") {
			break
		}
	}
	return fmt.Errorf("make networks: %w", err)
}

func (s *session) tryNetworks(ctx context.Context) error {
	if err := s.removeNetworks(ctx); err != nil {
		return err
	}
	taken, err := s.taken(ctx)
	if err != nil {
		return err
	}
	pair, err := subnet.Free(taken)
	if err != nil {
		return err
	}
	i := s.instance
	i.Subnet, i.PrivateSubnet = pair.Public, pair.Private
	if err := s.docker().Run(ctx, networkArgs(i.Label(), i.Network, "skep-"+i.ID, i.Subnet, false)...); err != nil {
		return err
	}
	return s.docker().Run(ctx, networkArgs(i.Label(), i.PrivateNetwork, "skepp-"+i.ID, i.PrivateSubnet, true)...)
}

// networkArgs is the docker command that makes a bridge. Interface names are
// at most 15 bytes long.
func networkArgs(label, name, device string, addresses netip.Prefix, internal bool) []string {
	args := []string{
		"network", "create", "--driver", "bridge", "--label", label,
		"--subnet", addresses.String(), "--gateway", addresses.Addr().Next().String(),
		"--opt", "com.docker.network.bridge.name=" + device,
	}
	if internal {
		args = append(args, "--internal")
	}
	return append(args, name)
}

// taken is all that the machine and the engine use already.
func (s *session) taken(ctx context.Context) ([]netip.Prefix, error) {
	taken, err := subnet.Routed()
	if err != nil {
		return nil, err
	}
	networks, err := s.docker().Networks(ctx)
	if err != nil {
		return nil, err
	}
	for _, n := range networks {
		taken = append(taken, n.Subnets()...)
	}
	return taken, nil
}

func (s *session) removeNetworks(ctx context.Context) error {
	found, err := s.docker().Networks(ctx, s.instance.Label())
	if err != nil {
		return err
	}
	for _, n := range found {
		if err := s.docker().Run(ctx, "network", "rm", n.ID); err != nil && !engine.IsNotFound(err) {
			return err
		}
	}
	return nil
}
