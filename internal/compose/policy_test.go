package compose

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const pinned = "x@sha256:200689790a0a0ea48ca45992e0450bc26ccab5307375b41c84dfc4f2475937ab"

// sound is a service that breaks no rule; change replaces or adds lines.
func sound(name string, uid int, more ...string) string {
	lines := []string{
		"image: " + pinned, fmt.Sprintf("user: \"%d:%d\"", uid, uid), "cap_drop: [ALL]", "read_only: true",
		"healthcheck: {test: [CMD, /check]}", "deploy: {resources: {limits: {memory: 64M}}}",
	}
	for _, line := range more {
		key, _, _ := strings.Cut(line, ":")
		lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, key+":") })
		if !strings.HasSuffix(line, ": -") {
			lines = append(lines, line)
		}
	}
	return "  " + name + ":\n    " + strings.Join(lines, "\n    ") + "\n"
}

const declared = `networks: {n: {}, h: {external: true, name: host}}
volumes: {data: {}, pinned: {x-skep: {host: node-1}}, shared: {driver_opts: {type: nfs}}}
`

var breaches = []struct{ name, line, rule string }{
	{"sound", "hostname: a", ""},
	{"tag", "image: x:1", "image-digest"},
	{"short digest", "image: x@sha256:00", "image-digest"},
	{"socket", "volumes: ['/var/run/docker.sock:/s:ro']", "docker-socket"},
	{"folder of the socket", "volumes: ['/run/:/s:ro']", "docker-socket"},
	{"root", "volumes: ['/:/s:ro']", "docker-socket"},
	{"host network", "networks: [h]", "host-network"},
	{"no cap_drop", "cap_drop: -", "cap-drop"},
	{"some cap_drop", "cap_drop: [CHOWN]", "cap-drop"},
	{"cap_add", "cap_add: [CAP_SYS_ADMIN]", "cap-add"},
	{"small cap_add", "cap_add: [NET_BIND_SERVICE]", ""},
	{"no user", "user: -", "user"},
	{"root by number", "user: \"0:0\"", "user"},
	{"user by name", "user: nobody", "user"},
	{"group by name", "user: \"100:nogroup\"", "user"},
	{"user alone", "user: \"100\"", ""},
	{"writable", "read_only: false", "read-only"},
	{"password", "environment: {DB_PASSWORD: hunter2}", "secret-in-environment"},
	{"password in a list", "environment: ['API_KEY=abcdef']", "secret-in-environment"},
	{"password file", "environment: {DB_PASSWORD_FILE: /run/secrets/p}", ""},
	{"login in a url", "environment: {DATABASE: 'postgres://u:p@db/x'}", "secret-in-environment"},
	{"url", "environment: {DATABASE: 'postgres://db/x', TOKEN_TTL: 60s, KEYBOARD: us, ALLOW_TOKENS: true}", ""},
	{"no memory limit", "deploy: {resources: {limits: {cpus: '1'}}}", "memory-limit"},
	{"no health check", "healthcheck: -", "health-check"},
	{"health check off", "healthcheck: {disable: true}", "health-check"},
	{"health check none", "healthcheck: {test: [NONE]}", "health-check"},
	{"volume anywhere", "volumes: ['data:/d']", "pinned-volume"},
	{"volume on a host", "volumes: ['pinned:/d']", ""},
	{"volume on the net", "volumes: ['shared:/d']", ""},
	{"bind of a file here", "volumes: ['./a:/a:ro']", "bind-mount"},
	{"bind of the host's", "volumes: ['/etc:/a:ro']", "bind-mount"},
	{"bind of the time", "volumes: ['/etc/localtime:/etc/localtime:ro']", ""},
	{"bind of data", "volumes: ['/srv/x:/a:ro']", ""},
	{"bind out of data", "volumes: ['/srv/../etc:/a:ro']", "bind-mount"},
	{"bind that keeps data", "volumes: ['/srv/x:/a']", "pinned-volume"},
}

// Each rule finds its breach, and nothing in a sound service.
func TestRules(t *testing.T) {
	for _, c := range breaches {
		file := parse(t, "services:\n"+sound("a", 100, c.line)+declared, nil)
		_, err := Check([]*File{file}, World{Hosts: []string{"node-1"}})
		switch {
		case c.rule == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.rule != "" && (err == nil || !strings.Contains(err.Error(), "(rule "+c.rule+")") || strings.Count(err.Error(), "\n") > 0):
			t.Errorf("%s: want one fault of rule %s, got %v", c.name, c.rule, err)
		case c.rule != "" && !regexp.MustCompile(`^c\.yaml:\d+:\d+: service "a": .+: .+ \(rule `).MatchString(err.Error()):
			t.Errorf("%s: no place or remedy in %v", c.name, err)
		}
		if c.rule == "" {
			continue
		}
		waived := parse(t, "services:\n"+sound("a", 100, c.line, "x-skep: {waive: {"+c.rule+": it is a test}}")+declared, nil)
		notes, err := Check([]*File{waived}, World{Hosts: []string{"node-1"}})
		if err != nil || !strings.Contains(fmt.Sprint(notes), `service "a" waives rule `+c.rule+": it is a test") {
			t.Errorf("%s: waived: %v, notes %v", c.name, err, notes)
		}
	}
}

func TestEveryRuleIsTested(t *testing.T) {
	for _, r := range policy {
		if r.why == "" || !slices.ContainsFunc(breaches, func(c struct{ name, line, rule string }) bool { return c.rule == r.name }) {
			t.Errorf("rule %s has no reason, or no test", r.name)
		}
	}
}

func TestPinnedServicesHaveOneTask(t *testing.T) {
	for _, deploy := range []string{"{replicas: 2, resources: {limits: {memory: 1M}}}", "{mode: global, resources: {limits: {memory: 1M}}}"} {
		file := parse(t, "services:\n"+sound("a", 100, "volumes: ['pinned:/d']", "deploy: "+deploy)+declared, nil)
		_, err := Check([]*File{file}, World{Hosts: []string{"node-1"}})
		if err == nil || !strings.Contains(err.Error(), "several tasks would share the data in pinned") {
			t.Errorf("%s: %v", deploy, err)
		}
	}
}

// What is wrong in all files is told in one go, in the order of files and lines.
func TestAllFaultsAtOnce(t *testing.T) {
	one := parse(t, "services:\n"+sound("a", 100, "ports: ['80:80']")+sound("b", 100, "image: x:1", "privileged: true"), nil)
	two, err := Parse("d.yaml", "t", nil, []byte("services:\n"+sound("c", 100, "ports: ['80:80']", "volumes: ['nowhere:/d']")), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Check([]*File{one, two}, World{})
	if err == nil {
		t.Fatal("no faults")
	}
	for _, want := range []string{
		`c.yaml:17:5: service "b": Swarm ignores or refuses "privileged"`, `c.yaml:16:5: service "b": image x:1 is not pinned`,
		`service "b": user 100 is taken by service "a" of stack "s": choose another number (rule user-unique)`,
		`d.yaml:4:5: service "c": user 100 is taken by service "a" of stack "s"`,
		`d.yaml:9:13: service "c": port 80/tcp is taken by service "a" of stack "s"`,
		`service "c": volume "nowhere" is not declared: declare it under volumes:`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in:\n%v", want, err)
		}
	}
	lines := strings.Split(err.Error(), "\n")
	if !slices.IsSortedFunc(lines, func(a, b string) int { return strings.Compare(a[:6], b[:6]) }) {
		t.Errorf("faults are in no order:\n%v", err)
	}
}

func TestWaivers(t *testing.T) {
	for name, c := range map[string]struct{ service, file, want string }{
		"unused":         {"x-skep: {waive: {read-only: why}}", "", "the waiver of rule read-only waives nothing: remove it"},
		"unused, file":   {"hostname: a", "x-skep: {waive: {read-only: why}}", "the waiver of rule read-only waives nothing: remove it"},
		"unknown":        {"x-skep: {waive: {readonly: why}}", "", `there is no rule "readonly": the rules are image-digest, `},
		"no reason":      {"x-skep: {waive: {read-only: ' '}}", "", "rule read-only is waived without a reason"},
		"of the file":    {"read_only: false", "x-skep: {waive: {read-only: why}}", ""},
		"own goes first": {"read_only: false\n    x-skep: {waive: {read-only: why}}", "x-skep: {waive: {read-only: why}}", "the waiver of rule read-only waives nothing"},
	} {
		file := parse(t, "services:\n"+sound("a", 100, c.service)+c.file, nil)
		_, err := Check([]*File{file}, World{})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

// What Swarm drops is a fault where the file would run otherwise than it says,
// and a note where it would not.
func TestIgnoredBySwarm(t *testing.T) {
	for line, want := range map[string]string{
		"privileged: true":                                  `ignores or refuses "privileged": add single capabilities`,
		"security_opt: [label=disable]":                     `"security_opt"`,
		"devices: [/dev/kvm]":                               `"devices"`,
		"restart: on-failure":                               "Swarm ignores restart: on-failure: use deploy.restart_policy",
		"networks: {n: {ipv4_address: 10.0.0.9}}":           `Swarm ignores "ipv4_address" of a network`,
		"profiles: [debug]":                                 `"profiles"`,
		"links: [b]":                                        `"links"`,
		"env_file: .env":                                    `"env_file"`,
		"extends: {service: b}":                             `"extends"`,
		"ports: ['127.0.0.1:80:80']":                        "host_ip",
		"healthcheck: {test: [CMD, x], start_interval: 1s}": "start_interval",
		"deploy: {mode: sometimes, resources: {limits: {memory: 1M}}}":                                          `deploy.mode "sometimes" is none of Swarm's`,
		"deploy: {mode: replicated-job, update_config: {order: stop-first}, resources: {limits: {memory: 1M}}}": "a job has no update_config",
		"deploy: {mode: global, replicas: 2, resources: {limits: {memory: 1M}}}":                                "not a number of replicas",
		"tmpfs: ['/tmp:uid=1000']": `Swarm has no option "uid=1000" for a tmpfs`,
		"environment: [HOME]":      "HOME takes its value from the environment of whoever deploys",
		"secrets: [nowhere]":       `secret "nowhere" is not declared`,
		"configs: [nowhere]":       `config "nowhere" is not declared`,
		"networks: [nowhere]":      `network "nowhere" is not declared`,
	} {
		file := parse(t, "services:\n"+sound("a", 100, line)+sound("b", 101)+declared, nil)
		_, err := Check([]*File{file}, World{Hosts: []string{"node-1"}})
		if err == nil || !strings.Contains(err.Error(), want) || !regexp.MustCompile(`(?m)^c\.yaml:[89]:\d+: `).MatchString(err.Error()) {
			t.Errorf("%s: error %v does not hold %q or its line", line, err, want)
		}
	}
	for line, want := range map[string]string{
		"container_name: xy": `service "a": Swarm ignores container_name`,
		"restart: always":    `service "a": restart: always is what Swarm does anyway`,
		"build: .":           `service "a": Swarm ignores build`,
		"expose: ['80']":     `service "a": Swarm ignores expose`,
		"depends_on: [b]":    `service "a": depends_on orders deploys; Swarm does not order restarts`,
	} {
		file := parse(t, "services:\n"+sound("a", 100, line)+sound("b", 101)+declared, nil)
		notes, err := Check([]*File{file}, World{Hosts: []string{"node-1"}})
		if err != nil || !strings.Contains(fmt.Sprint(notes), want) {
			t.Errorf("%s: error %v, notes %v do not hold %q", line, err, notes, want)
		}
		rendered, err := file.Render(Rendering{})
		key, _, _ := strings.Cut(line, ":")
		if err != nil || strings.Contains(rendered, key+":") {
			t.Errorf("%s is in what Swarm gets (%v):\n%s", key, err, rendered)
		}
	}
}
