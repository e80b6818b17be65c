package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"skep/components/dns"
	"skep/components/host"
	"skep/components/ingress"
	"skep/internal/address"
	"skep/internal/firewall"
)

var (
	dnsLabel   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`) // RFC 1123 §2.1
	dnsName    = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	nodeLabel  = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$`)
	labelValue = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
	version    = regexp.MustCompile(`^[0-9]+(\.[0-9]+)*([.+~-][A-Za-z0-9.+~-]+)?$`)
	timeOfDay  = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)
	rangesURL  = regexp.MustCompile(`^https://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~-]+)*$`)
	userName   = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)
)

// leastMTU is what IPv6 demands of every link (RFC 8200 §5).
const leastMTU = 1280

// validate reports every fault of the completed config, each with its key and value.
func (c *Config) validate() error {
	return errors.Join(c.validateDomain(), c.validateDNS(), c.validateTunnel(), c.validateHosts(), c.validateManagers(), c.validateSwarm(), c.validateNodes(),
		c.validateNetworks(), c.validateMesh(), c.validateMode(), c.validateReach(), c.validatePeers(), c.validateAdmins(), c.validatePorts(),
		c.validateUpkeep(), c.validateStacks(), c.validateIngress())
}

func (c *Config) validateDomain() error {
	var faults []error
	if !dnsName.MatchString(c.Domain) {
		faults = append(faults, fmt.Errorf("skep:domain: %q is no DNS name: need one such as example.org", c.Domain))
	}
	if c.DNS.Provider != "cloudflare" && c.DNS.Provider != "none" {
		faults = append(faults, fmt.Errorf("skep:dns.provider: %q: need cloudflare or none", c.DNS.Provider))
	}
	if c.Domain != c.DNS.Zone && !strings.HasSuffix(c.Domain, "."+c.DNS.Zone) {
		faults = append(faults, fmt.Errorf("skep:dns.zone: %q does not hold skep:domain %q", c.DNS.Zone, c.Domain))
	}
	if c.DNS.TTL < 60 || c.DNS.TTL > 86400 {
		faults = append(faults, fmt.Errorf("skep:dns.ttl: %d: need 60 to 86400 seconds", c.DNS.TTL))
	}
	if c.DNS.Proxied && c.DNS.Provider != "cloudflare" {
		faults = append(faults, fmt.Errorf("skep:dns.proxied: true with provider %q: only Cloudflare has proxies", c.DNS.Provider))
	}
	if !rangesURL.MatchString(c.DNS.RangesURL) {
		faults = append(faults, fmt.Errorf("skep:dns.rangesURL: %q: need an https:// address of the folder with ips-v4 and ips-v6, without a slash at its end", c.DNS.RangesURL))
	}
	return errors.Join(faults...)
}

func (c *Config) validateHosts() error {
	if len(c.Hosts) == 0 {
		return errors.New("skep:hosts: empty: name at least one host with role manager")
	}
	var faults []error
	for i, h := range c.Hosts {
		at := fmt.Sprintf("skep:hosts[%d]", i)
		if h.Role != "manager" && h.Role != "worker" {
			faults = append(faults, fmt.Errorf("%s.role: %q: need manager or worker", at, h.Role))
		}
		if h.Epoch < 0 {
			faults = append(faults, fmt.Errorf("%s.epoch: %d: need 0 or more", at, h.Epoch))
		}
		faults = append(faults, validateLabels(at, h))
		if h.Exists() {
			faults = append(faults, c.validateMachine(at, h))
		} else {
			faults = append(faults, c.validateDroplet(at, h))
		}
	}
	return errors.Join(faults...)
}

// validateLabels keeps labels to what survives a list of words, and away from
// those that Skep sets itself.
func validateLabels(at string, h HostConfig) error {
	var faults []error
	for label, value := range h.Labels {
		switch {
		case label == "ingress" || label == "host":
			faults = append(faults, fmt.Errorf("%s.labels.%s: Skep sets this one itself", at, label))
		case !nodeLabel.MatchString(label):
			faults = append(faults, fmt.Errorf("%s.labels: %q: need lower-case letters, digits, dots and dashes", at, label))
		case !labelValue.MatchString(value):
			faults = append(faults, fmt.Errorf("%s.labels.%s: %q: need letters, digits, dots, dashes, underscores", at, label, value))
		}
	}
	return errors.Join(faults...)
}

func (c *Config) validateMachine(at string, h HostConfig) error {
	var faults []error
	key, _, _, rest, err := ssh.ParseAuthorizedKey([]byte(h.HostKey))
	switch {
	case h.HostKey == "":
		faults = append(faults, fmt.Errorf("%s.hostKey: missing for %q: a machine that exists names its own (ssh-keyscan -t ed25519 %s, compared on the machine)", at, h.Name, h.Address))
	case err != nil || len(rest) > 0:
		faults = append(faults, fmt.Errorf("%s.hostKey: %q is no public key: need one line \"ssh-ed25519 AAAA...\"", at, h.HostKey))
	case key.Type() != ssh.KeyAlgoED25519:
		faults = append(faults, fmt.Errorf("%s.hostKey: %s: need the machine's ssh-ed25519 key", at, key.Type()))
	}
	if !userName.MatchString(h.User) {
		faults = append(faults, fmt.Errorf("%s.user: %q is no user name", at, h.User))
	}
	if h.Port < 1 || h.Port > 65535 {
		faults = append(faults, fmt.Errorf("%s.port: %d: need 1 to 65535", at, h.Port))
	}
	if h.Region != "" || h.Size != "" || h.Image != "" {
		faults = append(faults, fmt.Errorf("%s: %q has an address, so region, size and image mean nothing: remove them", at, h.Name))
	}
	if !c.HasSSHKey {
		faults = append(faults, fmt.Errorf("skep:sshPrivateKey: missing: %s %q exists already and must be reached with a key of yours (pulumi config set --secret sshPrivateKey < KEYFILE)", at, h.Name))
	}
	return errors.Join(faults...)
}

func (c *Config) validateDroplet(at string, h HostConfig) error {
	if _, err := host.VPCRange(c.Networks.VPC, h.Region); err != nil {
		return fmt.Errorf("%s.region: %q: %w", at, h.Region, err)
	}
	if h.HostKey != "" || h.User != "" || h.Port != 0 {
		return fmt.Errorf("%s: %q has hostKey, user or port but no address: add the address, or remove them to have a droplet made", at, h.Name)
	}
	return nil
}

// validateManagers keeps a majority possible: an even number of managers can
// lose no more of them than one manager fewer, and has one more to lose.
func (c *Config) validateManagers() error {
	managers := c.managers()
	switch {
	case len(c.Hosts) == 0:
		return nil // said already
	case managers == 0:
		return errors.New("skep:hosts: no host has role manager: need 1, 3 or 5")
	case managers%2 == 0 && !slices.Contains(c.Swarm.Force, forceEven):
		return fmt.Errorf("skep:hosts: %d managers: an even number survives the loss of only %d, like %d would: need an odd number, or %s under skep:swarm.force",
			managers, (managers-1)/2, managers-1, forceEven)
	case managers > 7:
		return fmt.Errorf("skep:hosts: %d managers: more than 7 make every change slower and add no safety", managers)
	}
	return nil
}

// validateNodes checks what hosts and roaming peers share: names and ids.
func (c *Config) validateNodes() error {
	var faults []error
	names, ids := map[string]string{}, map[int]string{}
	check := func(at, name string, id int) {
		if !dnsLabel.MatchString(name) {
			faults = append(faults, fmt.Errorf("%s.name: %q is no DNS label: need 1 to 63 lower-case letters, digits and inner dashes", at, name))
		}
		if name == dns.IngressLabel {
			faults = append(faults, fmt.Errorf("%s.name: %q is reserved: it is the name of all hosts that take visitors", at, name))
		}
		if twin, taken := names[name]; taken {
			faults = append(faults, fmt.Errorf("%s.name: %q is taken by %s", at, name, twin))
		}
		if _, err := address.Host(c.Networks.Mesh, id); err != nil {
			faults = append(faults, fmt.Errorf("%s.id: %w (skep:networks.mesh)", at, err))
		} else if twin, taken := ids[id]; taken {
			faults = append(faults, fmt.Errorf("%s.id: %d is taken by %s", at, id, twin))
		}
		names[name], ids[id] = at, at
	}
	for i, h := range c.Hosts {
		check(fmt.Sprintf("skep:hosts[%d]", i), h.Name, h.ID)
	}
	for i, p := range c.Mesh.Peers {
		check(fmt.Sprintf("skep:mesh.peers[%d]", i), p.Name, p.ID)
	}
	return errors.Join(faults...)
}

// ranges are all networks that config names, Skep's own four first.
func (c *Config) ranges() []address.Network {
	networks := []address.Network{
		{Name: "skep:networks.mesh", Prefix: c.Networks.Mesh},
		{Name: "skep:networks.swarm", Prefix: c.Networks.Swarm},
		{Name: "skep:networks.docker", Prefix: c.Networks.Docker},
		{Name: "skep:networks.vpc", Prefix: c.Networks.VPC},
	}
	for i, lan := range c.Networks.LAN {
		networks = append(networks, address.Network{Name: fmt.Sprintf("skep:networks.lan[%d]", i), Prefix: lan})
	}
	for i, p := range c.Mesh.Peers {
		for j, behind := range p.Networks {
			networks = append(networks, address.Network{Name: fmt.Sprintf("skep:mesh.peers[%d].networks[%d]", i, j), Prefix: behind})
		}
	}
	return networks
}

func (c *Config) validateNetworks() error {
	networks := c.ranges()
	var faults []error
	for _, n := range networks {
		if !n.Prefix.Addr().Is4() || !n.Prefix.IsValid() {
			faults = append(faults, fmt.Errorf("%s: %q: need an IPv4 range", n.Name, n.Prefix))
		}
	}
	for _, n := range networks[1:3] {
		if n.Prefix.IsValid() && n.Prefix.Bits() > 20 {
			faults = append(faults, fmt.Errorf("%s: %q holds only %d networks of /24: need a /20 or larger", n.Name, n.Prefix, address.Subnets(n.Prefix, 24)))
		}
	}
	for i, h := range c.Hosts {
		for _, n := range networks[:3] {
			if h.Exists() && n.Prefix.Contains(h.Address) {
				faults = append(faults, fmt.Errorf("skep:hosts[%d].address: %s lies in %s %s: choose another range for it", i, h.Address, n.Name, n.Prefix))
			}
		}
	}
	return errors.Join(append(faults, address.Overlaps(networks))...)
}

func (c *Config) validateMesh() error {
	var faults []error
	if !c.meshless() && (c.Mesh.MTU < leastMTU || c.Mesh.MTU > 1440) {
		faults = append(faults, fmt.Errorf("skep:mesh.mtu: %d: need %d to 1440 (1500 less WireGuard's 60 over IPv4)", c.Mesh.MTU, leastMTU))
	}
	if c.Mesh.Port < 1 || c.Mesh.Port > 65535 {
		faults = append(faults, fmt.Errorf("skep:mesh.port: %d: need 1 to 65535", c.Mesh.Port))
	}
	if firewall.SwarmOwn("udp", c.Mesh.Port) {
		faults = append(faults, fmt.Errorf("skep:mesh.port: %d is Swarm's own: choose another", c.Mesh.Port))
	}
	if c.Mesh.Epoch < 0 {
		faults = append(faults, fmt.Errorf("skep:mesh.epoch: %d: need 0 or more", c.Mesh.Epoch))
	}
	return errors.Join(faults...)
}

// validateAdmins refuses a list that lets nobody reach SSH, or whose ranges
// hide one another.
func (c *Config) validateAdmins() error {
	if len(c.Admins) == 0 {
		return errors.New("skep:admins: empty: nobody could reach SSH on any host; name the ranges that may")
	}
	faults := []error{firewall.CheckAdmins("skep:admins", c.Admins)}
	for i, admin := range c.Admins {
		if admin != admin.Masked() {
			faults = append(faults, fmt.Errorf("skep:admins[%d]: %s has host bits: did you mean %s?", i, admin, admin.Masked()))
		}
	}
	return errors.Join(faults...)
}

func (c *Config) validateUpkeep() error {
	var faults []error
	if v := c.Engine.Version; v != "" && !version.MatchString(v) {
		faults = append(faults, fmt.Errorf("skep:engine.version: %q is no version: need one such as 28.3 or 28.3.3", v))
	}
	if !timeOfDay.MatchString(c.Upgrades.Window) {
		faults = append(faults, fmt.Errorf("skep:upgrades.window: %q is no time of day: need one such as \"02:00\", UTC, in quotes", c.Upgrades.Window))
	}
	return errors.Join(faults...)
}

func (c *Config) validateStacks() error {
	var faults []error
	seen := map[string]bool{}
	for i, name := range c.Stacks {
		if name == ingress.StackName {
			faults = append(faults, fmt.Errorf("skep:stacks[%d]: %q is Skep's own, which runs Traefik: give the folder another name", i, name))
		}
		if !dnsLabel.MatchString(name) {
			faults = append(faults, fmt.Errorf("skep:stacks[%d]: %q is no stack name: need lower-case letters, digits and inner dashes", i, name))
		}
		if seen[name] {
			faults = append(faults, fmt.Errorf("skep:stacks[%d]: %q is there twice", i, name))
		}
		seen[name] = true
	}
	for from, to := range c.Images {
		if from == "" || to == "" || strings.ContainsAny(from+to, " \t\n") {
			faults = append(faults, fmt.Errorf("skep:images: %q: %q: need one image reference for another", from, to))
		}
	}
	return errors.Join(faults...)
}
