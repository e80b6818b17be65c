package digitalocean

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"skep/lab/plugin/bridge/bridgetest"
)

func TestChecks(t *testing.T) {
	for _, test := range []struct {
		kind string
		in   m
		want string
	}{
		{"Droplet", m{"size": "s"}, `Missing required argument. The argument "image" is required, but no definition was found.. Examine values at 'x.image'.`},
		{"Droplet", with(smallest(), m{"sise": "big"}), "Invalid or unknown key. Examine values at 'x.sise'."},
		{"Droplet", with(smallest(), m{"ipv4Address": "1.2.3.4"}), "Value for unconfigurable attribute. Can't configure a value for \"ipv4_address\": its value will be decided automatically based on the result of applying this configuration.. Examine values at 'x.ipv4Address'."},
		{"Droplet", with(smallest(), m{"name": ""}), "name must not be empty, got . Examine values at 'x.name'."},
		{"Droplet", with(smallest(), m{"backups": list{}}), "Attribute must be a single value, not a list. Examine values at 'x.backups'."},
		{"Droplet", with(smallest(), m{"backups": "maybe"}), `cannot parse '' as bool: strconv.ParseBool: parsing "maybe": invalid syntax. Examine values at 'x.backups'.`},
		{"Droplet", with(smallest(), m{"tags": list{"no spaces"}}), "tags may contain lowercase letters, numbers, colons, dashes, and underscores; there is a limit of 255 characters per tag. Examine values at 'x.tags[0]'."},
		{"Droplet", with(smallest(), m{"backupPolicy": m{"plan": "daily"}}), "Missing required argument. \"backup_policy\": all of `backup_policy,backups` must be specified. Examine values at 'x.backupPolicy'."},
		{"Droplet", with(smallest(), m{"backups": true, "backupPolicy": m{"hour": 24}}), "expected backup_policy.0.hour to be in the range (0 - 20), got 24. Examine values at 'x.backupPolicy.hour'."},
		{"Droplet", with(smallest(), m{"userData": bridgetest.Unknown, "name": bridgetest.Unknown}), ""},
		{"Droplet", with(smallest(), m{"monitoring": "true"}), ""},
		{"SshKey", m{}, `Missing required argument. The argument "public_key" is required, but no definition was found.. Examine values at 'x.publicKey'.`},
		{"Vpc", m{"region": "nyc3", "ipRange": "10.0.0.0"}, `expected "ip_range" to be a valid CIDR Value, got 10.0.0.0: invalid CIDR address: 10.0.0.0. Examine values at 'x.ipRange'.`},
		{"Firewall", m{"inboundRules": list{m{"protocol": "sctp"}}}, `expected inbound_rule.0.protocol to be one of ["tcp" "udp" "icmp"], got sctp. Examine values at 'x.inboundRules[0].protocol'.`},
		{"Firewall", m{"inboundRules": list{m{"protocol": "tcp", "port": 22}}}, "Invalid or unknown key. Examine values at 'x.inboundRules[0].port'."},
		{"Volume", m{"region": "nyc3", "size": 0}, "expected size to be at least (1), got 0. Examine values at 'x.size'."},
		{"Volume", m{"region": "nyc3", "size": 1.5}, "Attribute must be a whole number, got 1.5. Examine values at 'x.size'."},
		{"Volume", m{"region": "nyc3", "size": 1, "initialFilesystemType": "xfs", "filesystemType": "ext4"}, "Conflicting configuration arguments. \"filesystem_type\": conflicts with initial_filesystem_type. Examine values at 'x.filesystemType'."},
		{"VolumeAttachment", m{"dropletId": 0, "volumeId": "v"}, "droplet_id must not be zero, got 0. Examine values at 'x.dropletId'."},
		{"ReservedIpAssignment", m{"dropletId": 1, "ipAddress": "::1"}, "expected ip_address to contain a valid IPv4 address, got: ::1. Examine values at 'x.ipAddress'."},
		{"Project", m{"environment": "lab"}, `expected environment to be one of ["development" "staging" "production"], got lab. Examine values at 'x.environment'.`},
	} {
		_, failures := newWorld(t).engine(test.kind).Check(nil, test.in)
		if got := strings.Join(failures, "; "); got != test.want {
			t.Errorf("%s %v: check says\n%q, want\n%q", test.kind, test.in, got, test.want)
		}
	}
}

func TestNoToken(t *testing.T) {
	w := newWorld(t)
	t.Setenv("DIGITALOCEAN_TOKEN", "")
	t.Setenv("DIGITALOCEAN_ACCESS_TOKEN", "")
	if err := w.engine("Tag").Configure(m{}); err != nil {
		t.Fatal(err)
	}
	_, err := w.engine("SshKey").TryCreate(m{"publicKey": testKey})
	refuses(t, "create without a token", err, `Error creating SSH Key: POST https://api.digitalocean.com/v2/account/keys: 401 (request "`)
	refuses(t, "create without a token", err, "Unable to authenticate you")
	t.Setenv("DIGITALOCEAN_ACCESS_TOKEN", "from the environment")
	if err := w.engine("Tag").Configure(m{}); err != nil {
		t.Fatal(err)
	}
	w.engine("SshKey").Create(m{"publicKey": testKey})
}

func TestSSHKey(t *testing.T) {
	w := newWorld(t)
	e := w.engine("SshKey")
	r := e.Create(m{"publicKey": testKey, "name": "a"})
	_, err := e.TryCreate(m{"publicKey": testKey, "name": "b"})
	refuses(t, "the same key again", err, "SSH Key is already in use on your account")
	_, err = e.TryCreate(m{"publicKey": "ssh-ed25519 AAAA", "name": "b"})
	refuses(t, "no key", err, "Key invalid, key should be of the format `type key [comment]`")
	for _, test := range []struct {
		in   m
		want string
	}{
		{m{"publicKey": strings.TrimSpace(testKey), "name": "a"}, ""},
		{m{"publicKey": otherKey, "name": "a"}, "publicKey:UPDATE_REPLACE"},
		{m{"publicKey": testKey, "name": "b"}, "name:UPDATE"},
	} {
		if got := e.Diff(r, test.in); got != test.want {
			t.Errorf("%v: diff is %q, want %q", test.in, got, test.want)
		}
	}
	r = e.Update(r, m{"publicKey": testKey, "name": "b"})
	if got := e.Refresh(r); got.State["name"] != "b" {
		t.Errorf("after the update the state is %v", got.State)
	}
	if got := e.Import(r.ID); got.Inputs["publicKey"] != testKey {
		t.Errorf("imported inputs are %v", got.Inputs)
	}
	e.Delete(r)
	e.Delete(r)
	if got := e.Refresh(r); got.ID != "" {
		t.Errorf("after the delete refresh finds %q", got.ID)
	}
}

func TestVPC(t *testing.T) {
	e := newWorld(t).engine("Vpc")
	r := e.Create(m{"region": "nyc3", "name": "a", "ipRange": "10.1.0.0/16"})
	for want, in := range map[string]m{
		"This range/size overlaps with another VPC network in your account.": {"region": "nyc3", "ipRange": "10.1.2.0/24"},
		"already exists":                  {"region": "nyc3", "name": "a"},
		"RFC 1918":                        {"region": "nyc3", "ipRange": "8.8.8.0/24"},
		`region "moon1" is not available`: {"region": "moon1"},
	} {
		_, err := e.TryCreate(in)
		refuses(t, "VPC", err, want)
	}
	for _, test := range []struct {
		in   m
		want string
	}{
		{m{"region": "nyc3", "name": "a"}, ""},
		{m{"region": "nyc3", "name": "a", "ipRange": "10.2.0.0/16"}, "ipRange:UPDATE_REPLACE"},
		{m{"region": "ams3", "name": "a"}, "region:UPDATE_REPLACE"},
		{m{"region": "nyc3", "name": "b", "description": "d"}, "description:UPDATE name:UPDATE"},
	} {
		if got := e.Diff(r, test.in); got != test.want {
			t.Errorf("%v: diff is %q, want %q", test.in, got, test.want)
		}
	}
	r = e.Update(r, m{"region": "nyc3", "name": "b", "description": "d"})
	if got := e.Import(r.ID); got.State["name"] != "b" || got.Inputs["description"] != "d" {
		t.Errorf("imported %v, %v", got.Inputs, got.State)
	}
}

func rule(more m) m {
	return with(m{"protocol": "tcp", "portRange": "22", "sourceAddresses": list{"0.0.0.0/0", "::/0"}}, more)
}

func TestFirewall(t *testing.T) {
	w := newWorld(t)
	w.engine("Droplet").Create(smallest())
	e := w.engine("Firewall")
	in := m{
		"name": "f", "dropletIds": list{1001}, "tags": list{"a"},
		"inboundRules":  list{rule(nil), rule(m{"protocol": "icmp", "portRange": nil})},
		"outboundRules": list{m{"protocol": "udp", "portRange": "all", "destinationAddresses": list{"0.0.0.0/0"}}},
	}
	r := e.Create(in)
	if r.State["status"] != "succeeded" || r.State["createdAt"] == "" {
		t.Errorf("state is %v", r.State)
	}
	for _, test := range []struct {
		more m
		want string
	}{
		{m{}, ""},
		{m{"inboundRules": list{rule(m{"protocol": "icmp", "portRange": nil, "sourceTags": list{}}), rule(m{"sourceAddresses": list{"::/0", "0.0.0.0/0"}})}}, ""},
		{m{"inboundRules": list{rule(nil)}}, "inboundRules[1]:DELETE"},
		{m{"inboundRules": list{rule(m{"portRange": "2222"}), rule(m{"protocol": "icmp", "portRange": nil})}}, "inboundRules[0].portRange:UPDATE"},
		{m{"dropletIds": list{1001, 1002}}, "dropletIds[1]:ADD"},
		{m{"name": "g"}, "name:UPDATE"},
	} {
		if got := e.Diff(r, with(in, test.more)); got != test.want {
			t.Errorf("%v: diff is %q, want %q", test.more, got, test.want)
		}
	}
	seen := e.Refresh(r)
	if diff := cmp.Diff(r.State, seen.State); diff != "" {
		t.Errorf("refresh without drift (-before +after):\n%s", diff)
	}
	r = e.Update(r, with(in, m{"inboundRules": nil}))
	if got := e.Import(r.ID); got.Inputs["inboundRules"] != nil || got.Inputs["outboundRules"] == nil {
		t.Errorf("imported inputs are %v", got.Inputs)
	}
}

func TestFirewallRefusals(t *testing.T) {
	e := newWorld(t).engine("Firewall")
	for want, bad := range map[string]m{
		"At least one rule must be specified":                                      {"name": "f"},
		"`port_range` of inbound rules is required if protocol is `tcp` or `udp`":  {"inboundRules": list{rule(m{"portRange": nil})}},
		`invalid port range "ssh"`:                                                 {"inboundRules": list{rule(m{"portRange": "ssh"})}},
		"a rule must have at least one source":                                     {"inboundRules": list{rule(m{"sourceAddresses": nil})}},
		`invalid source address "anywhere"`:                                        {"inboundRules": list{rule(m{"sourceAddresses": list{"anywhere"}})}},
		"droplet 4711 not found":                                                   {"inboundRules": list{rule(nil)}, "dropletIds": list{4711}},
		"`port_range` of outbound rules is required if protocol is `tcp` or `udp`": {"outboundRules": list{m{"protocol": "tcp"}}},
	} {
		_, err := e.TryCreate(bad)
		refuses(t, "firewall", err, want)
	}
	if _, err := e.Preview(m{"inboundRules": bridgetest.Unknown}); err != nil {
		t.Errorf("preview with rules that are not known: %v", err)
	}
}
