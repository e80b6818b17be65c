package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Rack is a machine that is of no cloud, as its owner would describe it.
type Rack struct {
	Name    string     `json:"name"`
	Address netip.Addr `json:"address"`
	User    string     `json:"user"`
	Port    int        `json:"port"`
	// HostKey is the public key that its sshd shows, made on the machine.
	HostKey string `json:"hostKey"`
}

// CreateRack boots a machine that somebody else set up: user may log in with
// the keys and become root without a password.
func (l *Lab) CreateRack(ctx context.Context, name, user string, keys []string) (Rack, error) {
	all, err := l.All(ctx)
	if err != nil {
		return Rack{}, err
	}
	for _, m := range all {
		if m.Name == name {
			return Rack{}, fmt.Errorf("create machine %q: the lab has one of that name", name)
		}
	}
	data, err := rackUserData(user, keys)
	if err != nil {
		return Rack{}, fmt.Errorf("create machine %q: %w", name, err)
	}
	m, err := l.Create(ctx, Spec{Name: name, UserData: data, Rack: true})
	if err != nil {
		return Rack{}, err
	}
	key, err := l.hostKey(ctx, m)
	if err != nil {
		return Rack{}, fmt.Errorf("create machine %q: %w", name, err)
	}
	return Rack{Name: name, Address: m.PublicIPv4, User: user, Port: 22, HostKey: key}, nil
}

// rackUserData is cloud-config; JSON is YAML.
func rackUserData(user string, keys []string) (string, error) {
	text, err := json.Marshal(map[string]any{
		"ssh_genkeytypes": []string{"ed25519"},
		"users": []map[string]any{{
			"name": user, "ssh_authorized_keys": keys, "sudo": "ALL=(ALL) NOPASSWD:ALL",
			"shell": "/bin/bash", "lock_passwd": true,
		}},
	})
	return "#cloud-config\n" + string(text) + "\n", err
}

// hostKey waits until the machine's sshd answers and reads its public key.
func (l *Lab) hostKey(ctx context.Context, m Machine) (string, error) {
	if err := AwaitSSH(ctx, m.PublicIPv4, time.Minute); err != nil {
		return "", err
	}
	words := slices.Concat([]string{"exec", l.Container(m)}, l.Inside(), []string{"cat", "/etc/ssh/ssh_host_ed25519_key.pub"})
	out, err := l.docker.Output(ctx, words...)
	if err != nil {
		return "", err
	}
	fields := strings.Fields(string(out))
	if len(fields) < 2 {
		return "", errors.New("read host key: it is empty")
	}
	return fields[0] + " " + fields[1], nil
}

// AwaitSSH waits until something at the address says that it speaks SSH.
func AwaitSSH(ctx context.Context, address netip.Addr, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := greet(ctx, netip.AddrPortFrom(address, 22))
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait %s for SSH on %q: %w", limit, address, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func greet(ctx context.Context, address netip.AddrPort) error {
	conn, err := (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, "tcp", address.String())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return err
	}
	greeting := make([]byte, 4)
	if _, err := conn.Read(greeting); err != nil {
		return err
	}
	if string(greeting) != "SSH-" {
		return fmt.Errorf("it answers %q", greeting)
	}
	return nil
}
