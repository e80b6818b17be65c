package main

import (
	"context"
	"fmt"
	"net"

	mdns "github.com/miekg/dns"

	"skep/lab/dns"
	"skep/lab/registry"
)

// runServe is the services container: DNS and registry until it is stopped.
func runServe(ctx context.Context, s *session, args []string) error {
	if err := noArgs("serve", args); err != nil {
		return err
	}
	if err := s.open(); err != nil {
		return err
	}
	// Here the engine's resolver, which asks what the machine itself asks.
	resolvers, err := mdns.ClientConfigFromFile("/etc/resolv.conf")
	if err != nil {
		return fmt.Errorf("find resolvers: %w", err)
	}
	names := &dns.Server{Dir: s.instance.CloudDir(), Services: s.instance.Services()}
	for _, server := range resolvers.Servers {
		names.Upstream = append(names.Upstream, net.JoinHostPort(server, resolvers.Port))
	}
	images, err := registry.Open(s.instance.RegistryDir(), s.instance.Gateway())
	if err != nil {
		return err
	}
	cert, err := certificate(s.instance.CADir())
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 2)
	go func() { ended <- names.Serve(ctx, ":53") }()
	go func() { ended <- images.Serve(ctx, ":443", cert) }()
	err = <-ended
	stop()
	<-ended
	return err
}
