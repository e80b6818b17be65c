package host

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"skep/internal/keys"
)

func TestPickTakesTheFirstThatWillDo(t *testing.T) {
	logins := []Login{{Name: "node-1", PrivateKey: "secret"}, {Name: "node-2", PrivateKey: "secret"}, {Name: "node-3", PrivateKey: "secret"}}
	for _, c := range []struct {
		name, dead, want, warning string
		asked                     int
	}{
		{"the first", "", "node-1", "", 1},
		{"another in its place", "node-1", "node-2", "through node-2, since node-1: gone", 2},
		{"nobody", "node-1 node-2 node-3", "node-1", "no manager can be asked", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			var warnings []string
			asked := 0
			choice := Choice{Ask: func(l Login, _ string) error {
				asked++
				if strings.Contains(c.dead, l.Name) {
					return errors.New("gone")
				}
				return nil
			}}
			got, err := choice.pick(logins, func(text string) error { warnings = append(warnings, text); return nil })
			if err != nil || got.Name != c.want || asked != c.asked {
				t.Errorf("picked %q after %d questions (%v), want %q after %d", got.Name, asked, err, c.want, c.asked)
			}
			if said := strings.Join(warnings, "|"); !strings.Contains(said, c.warning) || c.warning == "" && said != "" {
				t.Errorf("warned %q, want %q", said, c.warning)
			}
			if got.PrivateKey != "" {
				t.Error("the key goes on with the answer")
			}
		})
	}
}

func TestAsk(t *testing.T) {
	hostKey := testSigner(t, 'a')
	key, err := keys.Seed(strings.Repeat("k", keys.SeedLen)).DeployKey()
	if err != nil {
		t.Fatal(err)
	}
	at := serve(t, answering(t, hostKey, key.Public))
	login := Login{Address: at.Addr().String(), Port: int(at.Port()), User: "keeper", PrivateKey: key.Private, HostKey: authorized(hostKey)}
	if err := Ask(login, "yes"); err != nil {
		t.Errorf("a manager is refused: %v", err)
	}
	if err := Ask(login, "no"); err == nil || !strings.Contains(err.Error(), "it is not") || errors.Is(err, ErrUnreachable) {
		t.Errorf("a refusal is told as %v", err)
	}
	login.HostKey = authorized(testSigner(t, 'b'))
	if err := Ask(login, "yes"); err == nil || errors.Is(err, ErrUnreachable) {
		t.Errorf("another machine gives %v", err)
	}
	login.Port = 1
	if err := Ask(login, "yes"); !errors.Is(err, ErrUnreachable) {
		t.Errorf("a closed port gives %v", err)
	}
}

// answering is an SSH server that runs nothing: what ends in yes succeeds.
func answering(t *testing.T, hostKey ssh.Signer, user string) func(net.Conn) {
	t.Helper()
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))) != user {
			return nil, errors.New("unknown key")
		}
		return nil, nil
	}}
	config.AddHostKey(hostKey)
	return func(connection net.Conn) {
		_, channels, requests, err := ssh.NewServerConn(connection, config)
		if err != nil {
			return
		}
		go ssh.DiscardRequests(requests)
		for c := range channels {
			channel, wants, err := c.Accept()
			if err != nil {
				return
			}
			for want := range wants {
				_ = want.Reply(true, nil)
				status := byte(0)
				if line := string(want.Payload[4:]); line != "sudo -n timeout --kill-after=10 30 yes" {
					status = 1
					_, _ = io.WriteString(channel.Stderr(), "it is not\nand more\n")
				}
				_, _ = channel.SendRequest("exit-status", false, []byte{0, 0, 0, status})
				_ = channel.Close()
			}
		}
	}
}
