package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"

	"skep/internal/decode"
	"skep/internal/keys"
	"skep/internal/wireguard"
)

// Config is what an operator writes in Pulumi.<stack>.yaml, with defaults
// filled in. Pulumi.yaml describes each key.
type Config struct {
	Domain       string
	Hosts        []HostConfig
	Networks     NetworksConfig
	Mesh         MeshConfig
	Swarm        SwarmConfig
	DigitalOcean DigitalOceanConfig
	Admins       []netip.Prefix
	Engine       EngineConfig
	Upgrades     UpgradesConfig
	DNS          DNSConfig
	Ingress      IngressConfig
	Stacks       []string
	Images       map[string]string
	// Variables are what compose files may use beside DOMAIN and STACK.
	Variables map[string]any
	// Secrets are values that stacks' secrets come from. They are held in clear
	// here, and leave the program as secret outputs only.
	Secrets map[string]string
	// Registries are those that need a login, or another way to be asked.
	Registries map[string]RegistryConfig
	// ACMEToken answers ACME challenges at Cloudflare.
	ACMEToken string
	// SSHPrivateKey is the operator's key, or an empty output where a derived
	// one is used; HasSSHKey says which.
	SSHPrivateKey pulumi.StringOutput
	HasSSHKey     bool
}

// HostConfig is one machine.
type HostConfig struct {
	Name    string            `json:"name"`
	ID      int               `json:"id"`
	Role    string            `json:"role"`
	Ingress *bool             `json:"ingress"`
	Labels  map[string]string `json:"labels"`
	Epoch   int               `json:"epoch"`
	// Availability is what the swarm may do with it: active, pause or drain.
	Availability string `json:"availability"`
	// Of machines that exist already.
	Address netip.Addr `json:"address"`
	User    string     `json:"user"`
	Port    int        `json:"port"`
	HostKey string     `json:"hostKey"`
	// Where the mesh finds them, if not at Address.
	NAT       bool         `json:"nat"`
	Endpoints []netip.Addr `json:"endpoints"`
	// Of droplets.
	Region string `json:"region"`
	Size   string `json:"size"`
	Image  string `json:"image"`
}

// Exists says whether the machine is there already and is not ours to make.
func (h HostConfig) Exists() bool { return h.Address.IsValid() }

// Manager says whether the host is to manage the swarm.
func (h HostConfig) Manager() bool { return h.Role == "manager" }

// NetworksConfig are the address ranges of the cluster.
type NetworksConfig struct {
	Mesh   netip.Prefix   `json:"mesh"`
	Swarm  netip.Prefix   `json:"swarm"`
	Docker netip.Prefix   `json:"docker"`
	VPC    netip.Prefix   `json:"vpc"`
	LAN    []netip.Prefix `json:"lan"`
}

// MeshConfig is WireGuard.
type MeshConfig struct {
	// Mode is wireguard, or none: hosts on one LAN then talk over it, and what
	// containers say to one another is encrypted by Docker.
	Mode      string       `json:"mode"`
	Port      int          `json:"port"`
	MTU       int          `json:"mtu"`
	Epoch     int          `json:"epoch"`
	Userspace string       `json:"userspace"`
	Peers     []PeerConfig `json:"peers"`
}

// PeerConfig is a laptop or phone.
type PeerConfig struct {
	Name  string   `json:"name"`
	ID    int      `json:"id"`
	Epoch int      `json:"epoch"`
	Allow []string `json:"allow"`
	DNS   []string `json:"dns"`
	// Networks are the ranges behind it.
	Networks []netip.Prefix `json:"networks"`
	// PublicKey is that of a peer which keeps its private key to itself.
	PublicKey string `json:"publicKey"`
}

// DigitalOceanConfig are the defaults of droplets.
type DigitalOceanConfig struct {
	Region string `json:"region"`
	Size   string `json:"size"`
	Image  string `json:"image"`
}

// EngineConfig is Docker Engine.
type EngineConfig struct {
	// Version pins it: 28.3 means the newest 28.3.x that the host can get.
	Version string `json:"version"`
}

// UpgradesConfig says when hosts install security upgrades.
type UpgradesConfig struct {
	// Window is when the first host begins, a time of day, UTC.
	Window string `json:"window"`
	// Reboot allows hosts to reboot where an upgrade asks for it.
	Reboot bool `json:"reboot"`
}

// DNSConfig says who keeps the names.
type DNSConfig struct {
	Provider string `json:"provider"`
	Zone     string `json:"zone"`
	TTL      int    `json:"ttl"`
	// Proxied lets visitors come through Cloudflare only.
	Proxied bool `json:"proxied"`
	// RangesURL is where hosts fetch the ranges of Cloudflare's proxies.
	RangesURL string `json:"rangesURL"`
	// The rest is in config_dns.go.
	CAA         []string `json:"caa"`
	Mail        string   `json:"mail"`
	DNSSEC      bool     `json:"dnssec"`
	Settings    string   `json:"settings"`
	OriginPulls *bool    `json:"originPulls"`
	Epoch       int      `json:"epoch"`
	Dynamic     string   `json:"dynamic"`
}

// loadConfig reads, completes and checks the stack's config, and reports every
// fault at once, before anything is touched.
func loadConfig(ctx *pulumi.Context) (*Config, error) {
	source := config.New(ctx, "")
	c := defaults()
	faults := []error{unknownKeys(source)}
	for key, into := range c.keys() {
		if text := source.Get(key); text != "" {
			faults = append(faults, decode.Into("skep:"+key, text, into))
		}
	}
	c.Domain = strings.ToLower(source.Get("domain"))
	faults = append(faults, c.readSSHKey(ctx, source), c.readSecrets(ctx, source), c.readRegistries(ctx, source), c.readACMEToken(ctx, source))
	if err := errors.Join(faults...); err != nil {
		return nil, configFault(err)
	}
	c.complete()
	c.completeIngress(source)
	if err := errors.Join(c.validate(), c.checkSSHKey(source)); err != nil {
		return nil, configFault(err)
	}
	return c, nil
}

func configFault(err error) error {
	return fmt.Errorf("the stack's config has faults; nothing was touched:\n%w", err)
}

func defaults() *Config {
	return &Config{
		Networks: NetworksConfig{
			Mesh:   netip.MustParsePrefix("10.90.0.0/24"),
			Swarm:  netip.MustParsePrefix("10.91.0.0/16"),
			Docker: netip.MustParsePrefix("10.92.0.0/16"),
			VPC:    netip.MustParsePrefix("10.93.0.0/20"),
		},
		Mesh:         MeshConfig{Mode: "wireguard", Port: wireguard.DefaultPort},
		DigitalOcean: DigitalOceanConfig{Region: "fra1", Size: "s-1vcpu-2gb", Image: "debian-13-x64"},
		Admins:       []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")},
		Upgrades:     UpgradesConfig{Window: "02:00", Reboot: true},
		DNS:          DNSConfig{Provider: "cloudflare", TTL: 300, RangesURL: "https://www.cloudflare.com"},
	}
}

// keys are the config keys that hold more than text, and where each goes.
func (c *Config) keys() map[string]any {
	return map[string]any{
		"hosts": &c.Hosts, "networks": &c.Networks, "mesh": &c.Mesh, "swarm": &c.Swarm, "digitalocean": &c.DigitalOcean,
		"admins": &c.Admins, "engine": &c.Engine, "upgrades": &c.Upgrades, "dns": &c.DNS, "ingress": &c.Ingress, "stacks": &c.Stacks,
		"images":    &c.Images,
		"variables": &c.Variables,
	}
}

// unknownKeys finds keys of ours that nothing reads: a typo would otherwise
// leave a default in force without a word. The engine hands the program all
// config as JSON in this variable (sdk/go/pulumi, EnvConfig).
func unknownKeys(source *config.Config) error {
	var all map[string]json.RawMessage
	if text := os.Getenv(pulumi.EnvConfig); text == "" || json.Unmarshal([]byte(text), &all) != nil {
		return nil
	}
	known := []string{"acmeToken", "domain", "registries", "secrets", "sshPrivateKey"}
	for key := range (&Config{}).keys() {
		known = append(known, key)
	}
	slices.Sort(known)
	var faults []error
	for key := range all {
		name, ours := strings.CutPrefix(key, "skep:")
		if ours && !slices.Contains(known, name) {
			faults = append(faults, fmt.Errorf("%s: unknown key: need one of %s", key, strings.Join(known, ", ")))
		}
	}
	return errors.Join(faults...)
}

func (c *Config) readSSHKey(ctx *pulumi.Context, source *config.Config) error {
	c.HasSSHKey = source.Get("sshPrivateKey") != ""
	if !c.HasSSHKey {
		return nil
	}
	c.SSHPrivateKey = source.RequireSecret("sshPrivateKey")
	if !ctx.IsConfigSecret("skep:sshPrivateKey") {
		return errors.New("skep:sshPrivateKey: it stands in plain text: set it anew with pulumi config set --secret sshPrivateKey < KEYFILE, and make a new key if the file was shared")
	}
	return nil
}

// checkSSHKey parses the key before any provider sees it: one that is handed a
// malformed key prints it.
func (c *Config) checkSSHKey(source *config.Config) error {
	if !c.HasSSHKey {
		return nil
	}
	if _, err := keys.ParsePrivateKey(source.Get("sshPrivateKey")); err != nil {
		return fmt.Errorf("skep:sshPrivateKey: %w", err)
	}
	return nil
}

// complete fills in what depends on other keys.
func (c *Config) complete() {
	if c.Mesh.MTU == 0 {
		c.Mesh.MTU = wireguard.DefaultMTU
		if c.meshless() {
			c.Mesh.MTU = etherMTU
		}
	}
	if c.DNS.Zone == "" {
		c.DNS.Zone = c.Domain
	}
	for i := range c.Hosts {
		h := &c.Hosts[i]
		h.Role = orDefault(h.Role, "worker")
		h.Availability = orDefault(h.Availability, "active")
		if h.Ingress == nil {
			ingress := h.Manager()
			h.Ingress = &ingress
		}
		if h.Exists() {
			h.User = orDefault(h.User, "root")
			h.Port = orDefault(h.Port, 22)
			continue
		}
		h.Region = orDefault(h.Region, c.DigitalOcean.Region)
		h.Size = orDefault(h.Size, c.DigitalOcean.Size)
		h.Image = orDefault(h.Image, c.DigitalOcean.Image)
	}
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}
