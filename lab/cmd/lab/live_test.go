package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	mdns "github.com/miekg/dns"
	"golang.org/x/crypto/ssh"

	"skep/lab/cloud"
	"skep/lab/hostimage"
	"skep/lab/machine"
)

// permission is the sentence that lets a test start machines.
const permission = "may start machines here"

// TestLab goes through the life of a lab: it needs root, or an engine, and
// takes minutes when the host image is not in the cache.
func TestLab(t *testing.T) {
	if os.Getenv("SKEP_LAB_TEST") != permission {
		t.Skipf("skipping, set SKEP_LAB_TEST=%q to run: it boots a machine on this one", permission)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	s := newTestSession(t)
	t.Cleanup(func() {
		clean, done := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Minute)
		defer done()
		if err := runDown(clean, s, nil); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(s.dir); !removed(err) {
			t.Errorf("directory after down: %v", err)
		}
	})
	for range 2 {
		if err := runUp(ctx, s, nil); err != nil {
			t.Fatal(err)
		}
	}
	// As another lab does that loads it at the same moment: the first loses its
	// name, and `lab down` must remove both.
	check(t, hostimage.Import(ctx, s.docker(), s.cache))
	host := droplet{t: t, s: s}
	host.create(ctx)
	for name, run := range map[string]func(){
		"user data":          host.checkUserData,
		"registry and names": func() { host.checkServices(ctx) },
		"power":              func() { host.checkPower(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			host.t = t
			run()
		})
	}
	t.Run("reset", func(t *testing.T) { checkReset(ctx, t, s) })
}

// droplet is one machine with the keys that the test gave it.
type droplet struct {
	t       *testing.T
	s       *session
	client  ssh.Signer
	hostKey ssh.PublicKey
	machine machine.Machine
}

func (d *droplet) create(ctx context.Context) {
	d.t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	check(d.t, err)
	d.client, err = ssh.NewSignerFromKey(private)
	check(d.t, err)
	d.machine, err = d.s.machines().Create(ctx, machine.Spec{
		Name: "node-1", Size: "s-1vcpu-1gb", UserData: d.userData(),
		AuthorizedKeys: []string{strings.TrimSpace(string(ssh.MarshalAuthorizedKey(d.client.PublicKey())))},
	})
	check(d.t, err)
	check(d.t, machine.AwaitSSH(ctx, d.machine.PublicIPv4, time.Minute))
}

// userData names the host key, and only an ECDSA one: no other may exist.
func (d *droplet) userData() string {
	d.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(d.t, err)
	d.hostKey, err = ssh.NewPublicKey(key.Public())
	check(d.t, err)
	block, err := ssh.MarshalPrivateKey(key, "")
	check(d.t, err)
	text, err := json.Marshal(map[string]any{
		"ssh_keys": map[string]string{
			"ecdsa_private": string(pem.EncodeToMemory(block)),
			"ecdsa_public":  strings.TrimSpace(string(ssh.MarshalAuthorizedKey(d.hostKey))),
		},
		"write_files": []map[string]string{{"path": "/etc/written", "content": "by cloud-init", "permissions": "0600"}},
		"runcmd":      []string{"touch /etc/ran"},
	})
	check(d.t, err)
	return "#cloud-config\n" + string(text) + "\n"
}

// run runs a command over SSH with the pinned host key.
func (d *droplet) run(command string) string {
	d.t.Helper()
	client, err := ssh.Dial("tcp", netip.AddrPortFrom(d.machine.PublicIPv4, 22).String(), &ssh.ClientConfig{
		User: "root", Auth: []ssh.AuthMethod{ssh.PublicKeys(d.client)}, Timeout: 10 * time.Second,
		HostKeyCallback:   ssh.FixedHostKey(d.hostKey),
		HostKeyAlgorithms: []string{d.hostKey.Type()},
	})
	check(d.t, err)
	defer func() { _ = client.Close() }()
	session, err := client.NewSession()
	check(d.t, err)
	out, err := session.CombinedOutput(command)
	if err != nil {
		d.t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (d *droplet) checkUserData() {
	d.t.Helper()
	for command, want := range map[string]string{
		"cloud-init status --wait":   "status: done",
		"ls /etc/ssh/ssh_host_*_key": "/etc/ssh/ssh_host_ecdsa_key",
		"cloud-init status --wait >/dev/null; cat /etc/written; stat -c %a /etc/written; ls /etc/ran": "by cloud-init600\n/etc/ran",
		"stat -c %a /var/lib/cloud/seed/nocloud/user-data":                                            "600",
		"hostname; sshd -T | grep -i ^passwordauthentication":                                         "node-1\npasswordauthentication no",
		"sysctl -n -w kernel.panic=77; cat /proc/sys/kernel/panic":                                    "77\n77",
		"systemctl is-system-running --wait; docker info -f {{.ID}} >/dev/null && echo docker":        "running\ndocker",
	} {
		if got := strings.TrimLeft(d.run(command), "."); strings.TrimSpace(got) != want {
			d.t.Errorf("%s: got %q, want %q", command, got, want)
		}
	}
	if text, err := os.ReadFile("/proc/sys/kernel/panic"); err != nil || strings.TrimSpace(string(text)) == "77" {
		d.t.Errorf("a setting of a host reached this machine: %q, %v", text, err)
	}
}

func (d *droplet) checkServices(ctx context.Context) {
	d.t.Helper()
	check(d.t, cloud.Open(d.s.instance.CloudDir()).Put(cloud.Records, "r1", cloud.Record{
		ID: "r1", Zone: domain, Name: "node-1." + domain, Type: "A", Content: d.machine.PublicIPv4.String(), TTL: 60,
	}))
	query := new(mdns.Msg).SetQuestion("node-1."+domain+".", mdns.TypeA)
	answer, err := mdns.ExchangeContext(ctx, query, net.JoinHostPort(d.s.instance.Services().String(), "53"))
	check(d.t, err)
	if len(answer.Answer) != 1 || !strings.HasSuffix(answer.Answer[0].String(), d.machine.PublicIPv4.String()) {
		d.t.Errorf("answer: %s", answer)
	}
	if got := d.run("getent ahostsv4 node-1." + domain + " | head -n 1"); !strings.HasPrefix(got, d.machine.PublicIPv4.String()) {
		d.t.Errorf("asked on the host: %q", got)
	}
	b, err := d.s.readBuilt()
	check(d.t, err)
	for upstream, image := range b.Images {
		got := d.run("docker run --rm --user 20010:20010 --cap-drop ALL --read-only " + image + " -port x 2>&1 || true")
		if !strings.Contains(got, "Starting up on port x") {
			d.t.Errorf("%s as %s: %s", upstream, image, got)
		}
	}
}

func (d *droplet) checkPower(ctx context.Context) {
	d.t.Helper()
	lab, id := d.s.machines(), d.machine.ID
	check(d.t, lab.PowerOff(ctx, id))
	off, err := lab.Machine(ctx, id)
	check(d.t, err)
	if off.Status != machine.Off {
		d.t.Errorf("after power off: %s", off.Status)
	}
	changed := off.Spec
	changed.Name, changed.Size, changed.Tags = "renamed", "s-2vcpu-4gb", []string{"a"}
	_, err = lab.Relabel(ctx, id, changed)
	check(d.t, err)
	check(d.t, lab.PowerOn(ctx, id))
	check(d.t, machine.AwaitSSH(ctx, d.machine.PublicIPv4, time.Minute))
	on, err := lab.Machine(ctx, id)
	check(d.t, err)
	if on.Status != machine.Active || on.PublicIPv4 != d.machine.PublicIPv4 || on.Name != "renamed" || len(on.Tags) != 1 {
		d.t.Errorf("after power on: %+v", on)
	}
	if got := d.run("hostname; ip -4 -brief address show eth0 | tr -s ' ' | cut -d ' ' -f 3"); got != fmt.Sprintf("node-1\n%s/24", on.PublicIPv4) {
		d.t.Errorf("on the host: %q", got)
	}
}

func checkReset(ctx context.Context, t *testing.T, s *session) {
	t.Helper()
	all, err := s.machines().All(ctx)
	check(t, err)
	store := cloud.Open(s.instance.CloudDir())
	before, err := store.IDs(cloud.Zones)
	check(t, err)
	check(t, runReset(ctx, s, nil))
	for _, m := range all {
		if _, err := s.machines().Machine(ctx, m.ID); !errors.Is(err, machine.ErrNotFound) {
			t.Errorf("machine after reset: %v", err)
		}
		check(t, s.machines().Delete(ctx, m.ID))
	}
	records, err := store.IDs(cloud.Records)
	check(t, err)
	zones, err := store.IDs(cloud.Zones)
	check(t, err)
	// The account keeps its zones.
	if len(records) != 0 || len(zones) == 0 || !cmp.Equal(zones, before) {
		t.Errorf("after reset: records %v, zones %v, before %v", records, zones, before)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
