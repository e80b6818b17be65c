package digitalocean

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"skep/lab/cloud"
	"skep/lab/machine"
	"skep/lab/plugin/bridge"
	"skep/lab/plugin/bridge/bridgetest"
)

type m = bridgetest.Map

type list = []any

// fakeMachines is machines without an engine.
type fakeMachines struct {
	mu    sync.Mutex
	next  int
	hosts map[int]machine.Machine
	// seen is the last spec that was created, and calls what was asked.
	seen  machine.Spec
	calls []string
}

var _ machines = (*fakeMachines)(nil)

func (f *fakeMachines) Create(_ context.Context, s machine.Spec) (machine.Machine, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next++
	f.seen = s
	s.UserData = ""
	host := machine.Machine{
		ID: 1000 + f.next, Spec: s, Status: machine.Active, Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		PublicIPv4:  netip.AddrFrom4([4]byte{10, 77, 0, byte(10 + f.next)}),
		PrivateIPv4: netip.AddrFrom4([4]byte{10, 78, 0, byte(10 + f.next)}),
	}
	f.hosts[host.ID] = host
	return host, nil
}

func (f *fakeMachines) Machine(_ context.Context, id int) (machine.Machine, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	host, ok := f.hosts[id]
	if !ok {
		return host, machine.ErrNotFound
	}
	return host, nil
}

func (f *fakeMachines) Machines(context.Context) ([]machine.Machine, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []machine.Machine
	for _, host := range f.hosts {
		all = append(all, host)
	}
	return all, nil
}

func (f *fakeMachines) Delete(_ context.Context, id int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, "delete")
	delete(f.hosts, id)
	return nil
}

func (f *fakeMachines) PowerOff(_ context.Context, id int) error {
	return f.power(id, machine.Off, "off")
}

func (f *fakeMachines) PowerOn(_ context.Context, id int) error {
	return f.power(id, machine.Active, "on")
}

func (f *fakeMachines) power(id int, s machine.Status, call string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call)
	host := f.hosts[id]
	host.Status = s
	f.hosts[id] = host
	return nil
}

func (f *fakeMachines) Relabel(_ context.Context, id int, s machine.Spec) (machine.Machine, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, "relabel")
	host, ok := f.hosts[id]
	if !ok {
		return host, machine.ErrNotFound
	}
	host.Name, host.Size, host.Tags, host.Labels = s.Name, s.Size, s.Tags, s.Labels
	f.hosts[id] = host
	return host, nil
}

// world is an account with a fake lab.
type world struct {
	t        *testing.T
	account  *account
	machines *fakeMachines
	store    *cloud.Store
	server   *bridge.Server
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, machines: &fakeMachines{hosts: map[int]machine.Machine{}}, store: cloud.Open(t.TempDir())}
	w.account = &account{open: func() (lab, error) {
		return lab{store: w.store, machines: w.machines, private: "10.78.0.0/24"}, nil
	}}
	w.server = bridge.New(nil, provider(w.account))
	if err := w.engine("Tag").Configure(m{"token": "any"}); err != nil {
		t.Fatal(err)
	}
	return w
}

// engine plays the engine for a resource called x.
func (w *world) engine(kind string) *bridgetest.Engine {
	return w.named(kind, "x")
}

func (w *world) named(kind, name string) *bridgetest.Engine {
	return &bridgetest.Engine{
		T: w.t, Server: w.server, Name: name,
		Type: "digitalocean:index/" + strings.ToLower(kind[:1]) + kind[1:] + ":" + kind,
	}
}

func refuses(t *testing.T, what string, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: error is %v, want one with %q", what, err, want)
	}
}

const (
	testKey         = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEiR8CLqQqx+I3zSGKoXmfNwMs5J0wk9Raw/hLjTpD0r\n"
	testFingerprint = "54:e7:cc:2e:99:e1:f8:fd:ce:a1:fa:64:e0:ed:80:9b"
	otherKey        = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMJ8h1ae1MSBcxJzzjDDbVqK0+X6k9Cb1j8cH+gmB4uz"
)
