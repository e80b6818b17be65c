package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"skep/lab/ca"
	"skep/lab/cloud"
	"skep/lab/dns"
	"skep/lab/engine"
	"skep/lab/images"
)

// servicesLabel marks the container of DNS and registry; its value is the
// digest of the program that it runs.
const servicesLabel = "skep.services"

func (s *session) servicesRun(ctx context.Context) bool {
	digest, err := fileDigest(s.program())
	if err != nil {
		return false
	}
	found, err := s.docker().Containers(ctx, s.instance.Label(), servicesLabel+"="+digest)
	return err == nil && len(found) == 1 && found[0].State.Running && s.servicesAnswer(ctx) == nil
}

// startServices runs `lab serve` in a container of its own on the lab's
// network: hosts see a machine there, and no port of this machine is used.
func (s *session) startServices(ctx context.Context) error {
	old, err := s.docker().Containers(ctx, s.instance.Label(), servicesLabel)
	if err != nil {
		return fmt.Errorf("start services: %w", err)
	}
	for _, c := range old {
		if err := s.docker().Run(ctx, "rm", "--force", "--volumes", c.ID); err != nil && !engine.IsNotFound(err) {
			return fmt.Errorf("start services: %w", err)
		}
	}
	digest, err := fileDigest(s.program())
	if err != nil {
		return fmt.Errorf("start services: %w", err)
	}
	if err := s.docker().Run(ctx, s.servicesArgs(digest)...); err != nil {
		return fmt.Errorf("start services: %w", err)
	}
	if err := poll(ctx, 20*time.Second, s.servicesAnswer); err != nil {
		log, _ := s.docker().Output(ctx, "logs", "--tail", "10", s.servicesName())
		return fmt.Errorf("wait for services: %w\n%s", err, log)
	}
	return nil
}

func (s *session) servicesName() string { return "skep-" + s.instance.ID + "-services" }

// servicesArgs is the docker command that starts the container. It needs ports
// below 1024 and its files, nothing else; its files belong to the operator.
func (s *session) servicesArgs(digest string) []string {
	i := s.instance
	return []string{
		"run", "--detach", "--name", s.servicesName(), "--hostname", "services",
		"--label", i.Label(), "--label", servicesLabel + "=" + digest,
		"--network", i.Network, "--ip", i.Services().String(),
		"--restart", "unless-stopped", "--init",
		"--user", fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid()), "--cap-drop", "ALL",
		"--sysctl", "net.ipv4.ip_unprivileged_port_start=0",
		"--security-opt", "no-new-privileges", "--read-only",
		"--memory", "256m", "--pids-limit", "256", "--log-opt", "max-size=1m",
		// At the path that it has here, so that every path in it means the same.
		"--volume", i.Dir + ":" + i.Dir,
		"--workdir", i.Dir,
		"--entrypoint", s.program(), i.HostImage,
		"--dir", i.Dir, "serve",
	}
}

// servicesAnswer checks both from where this program runs.
func (s *session) servicesAnswer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	address := s.instance.Services().String()
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(address, "53"))
	}}
	if _, err := resolver.LookupHost(ctx, dns.Registry+"."); err != nil {
		return err
	}
	target, err := s.target()
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+dns.Registry+"/v2/", nil)
	if err != nil {
		return err
	}
	response, err := target.Transport().RoundTrip(request)
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("ask registry: %s", response.Status)
	}
	return nil
}

// target is the lab's registry as this program reaches it.
func (s *session) target() (images.Target, error) {
	authority, err := ca.Open(s.instance.CADir())
	if err != nil {
		return images.Target{}, err
	}
	return images.Target{Host: dns.Registry, Address: s.instance.Services(), Trust: authority.Pool()}, nil
}

// certificate is that of the services' names; every start of the services has a fresh one.
func certificate(dir string) (tls.Certificate, error) {
	authority, err := ca.Open(dir)
	if err != nil {
		return tls.Certificate{}, err
	}
	return authority.Issue(dns.Registry, dns.ACME, cloud.RangesHost, cloud.APIHost)
}
