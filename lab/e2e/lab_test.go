package e2e

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var hosts = []string{"node-1", "node-2", "node-3"}

// TestLab is one cluster's life. Its steps build on one another, since a
// cluster is dear; each is a subtest, so that a fault has a name.
func TestLab(t *testing.T) {
	c := newCheckout(t)
	t.Parallel() // beside TestHome: two checkouts have their labs side by side
	c.ends()
	c.steps([]step{
		{"up makes what preview showed", testUp},
		{"whoami answers from each host by name", testAnswers},
		{"swarm and mesh are whole", testSwarmAndMesh},
		{"second up changes nothing", testSecondUp},
		{"store holds nothing in plain text", testStoreEncrypted},
		{"no secret is left on the hosts", testCanaries},
		{"scripts read outputs", testScripts},
		{"one change is one change", testOneChange},
		{"prod previews whole", testProdPreview},
		{"another manager speaks for a dead one", testDeadManager},
		{"fourth host joins, dies and is removed", testFourthHost},
		{"host deleted behind our back comes back", testDeletedBehindOurBack},
		{"host that dies during up fails alone", testDiesDuringUp},
		{"gateway killed during up loses nothing", testGatewayKilled},
		{"two managers of three go at once, and two others come", testManagersGo},
		{"destroy leaves nothing", testDestroy},
	})
}

// planned are the URNs that a preview would create.
func planned(c *checkout, stack string) []string {
	var preview struct {
		Steps []struct {
			Op  string
			URN string
		}
	}
	c.data(stack, "pulumi preview --json", &preview)
	var urns []string
	for _, step := range preview.Steps {
		if step.Op == "create" {
			urns = append(urns, step.URN)
		}
	}
	slices.Sort(urns)
	return urns
}

// present are the URNs of a stack's state, but for providers, which previews
// do not list.
func present(c *checkout, stack string) []string {
	var state struct {
		Deployment struct {
			Resources []struct{ URN, Type string }
		}
	}
	c.data(stack, "pulumi stack export", &state)
	var urns []string
	for _, r := range state.Deployment.Resources {
		if !strings.HasPrefix(r.Type, "pulumi:providers:") {
			urns = append(urns, r.URN)
		}
	}
	slices.Sort(urns)
	return urns
}

// A resource that is made only once a value is known would be missing from the
// preview that the operator said yes to.
func testUp(c *checkout) {
	c.run("scripts/tools --packages-for lab")
	c.run(".skep/bin/lab up")
	c.pulumi("lab", "pulumi stack init lab")
	shown := planned(c, "lab")
	start := time.Now()
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	c.t.Logf("first up, hosts' boot included: %s", time.Since(start).Round(100*time.Millisecond))
	if diff := cmp.Diff(shown, present(c, "lab")); diff != "" {
		c.t.Errorf("up made other resources than preview showed (-preview +up):\n%s", diff)
	}
}

func testAnswers(c *checkout) {
	for _, host := range hosts {
		// Each host itself under its name, in clear only to send visitors on.
		address := hostOutputs(c, "lab")[host].PublicAddress
		if out := page(c, "lab", "whoami.skep.test", address, ""); !strings.Contains(out, "Hostname: ") {
			c.t.Errorf("whoami does not answer at %s: %s", host, out)
		}
		if out := c.run("curl -sS --max-time 5 -o /dev/null -w '%{http_code} %{redirect_url}' -H 'Host: whoami.skep.test' http://" + address + "/x?y"); out != "301 https://whoami.skep.test/x?y" {
			c.t.Errorf("%s in clear: %s", host, out)
		}
	}
	for _, host := range hosts {
		// Over the name, through the lab's DNS: any of the three may answer.
		if out := c.ssh("lab", host, fetchThere(c, "lab", "whoami.skep.test")); !strings.Contains(out, "Hostname: ") {
			c.t.Errorf("whoami does not answer on %s: %s", host, out)
		}
	}
}

type hostOutput struct {
	PublicAddress, MeshAddress, HostKey, Role, User string
}

func hostOutputs(c *checkout, stack string) map[string]hostOutput {
	var out map[string]hostOutput
	c.data(stack, "pulumi stack output hosts --json", &out)
	return out
}

func testSwarmAndMesh(c *checkout) {
	for i, host := range hosts {
		nodes := c.on(host, `docker node ls -q | xargs docker node inspect --format "{{.Description.Hostname}} {{.ManagerStatus.Addr}} {{.ManagerStatus.Reachability}} {{.Status.State}}" | sort`)
		want := "node-1 10.90.0.1:2377 reachable ready\nnode-2 10.90.0.2:2377 reachable ready\nnode-3 10.90.0.3:2377 reachable ready"
		if diff := cmp.Diff(want, nodes); diff != "" {
			c.t.Errorf("%s sees other nodes (-want +got):\n%s", host, diff)
		}
		for j := range hosts {
			if i != j {
				c.on(host, fmt.Sprintf("ping -c1 -W2 10.90.0.%d", j+1))
			}
		}
		// Two other hosts and a laptop, each with a key of the pair; the two have
		// shaken hands, the laptop has not been there.
		if got := c.on(host, `wg show wg0 preshared-keys | grep -vc "(none)"`); got != "3" {
			c.t.Errorf("%s has pre-shared keys for %s peers, want 3", host, got)
		}
		if got := c.on(host, `wg show wg0 latest-handshakes | awk "\$2 > 0" | wc -l`); got != "2" {
			c.t.Errorf("%s has shaken hands with %s hosts, want 2", host, got)
		}
		if got := c.on(host, `docker info --format "{{.Swarm.NodeAddr}}"`); got != fmt.Sprintf("10.90.0.%d", i+1) {
			c.t.Errorf("%s is in the swarm as %s, not with its mesh address", host, got)
		}
		if got := c.on(host, "ls /etc/ssh/ssh_host_*_key"); got != "/etc/ssh/ssh_host_ed25519_key" {
			c.t.Errorf("%s still has other host keys than its own: %s", host, got)
		}
	}
}

func testSecondUp(c *checkout) {
	before := tasks(c)
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
	if diff := cmp.Diff(before, tasks(c)); diff != "" {
		c.t.Errorf("an up without changes restarted tasks:\n%s", diff)
	}
}

// tasks are the running tasks of all services.
func tasks(c *checkout) string {
	return c.on("node-1", `docker service ls -q | xargs docker service ps --no-trunc -q --filter desired-state=running | sort`)
}

// tasksBehind are those but Traefik's, which knows the proxies that it trusts from
// its start.
func tasksBehind(c *checkout) string {
	return c.on("node-1", `docker service ls --format "{{.Name}}" | grep -v ^ingress_ | xargs docker service ps --no-trunc -q --filter desired-state=running | sort`)
}

// testStoreEncrypted greps the store's files and names for what must not be
// readable there, after making sure that it is in the state.
func testStoreEncrypted(c *checkout) {
	secrets := []string{"node-1", "whoami", "skep.test", "10.90.0.1"}
	var key string
	c.data("lab", "pulumi stack output sshPrivateKey --show-secrets --json", &key)
	secrets = append(secrets, strings.Split(key, "\n")[1])
	files := 0
	err := filepath.WalkDir(filepath.Join(c.root, ".skep/lab/state/store"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, secret := range secrets {
			if strings.Contains(string(content), secret) || strings.Contains(filepath.Base(path), secret) {
				c.t.Errorf("%s holds %.20q in plain text", path, secret)
			}
		}
		return nil
	})
	if err != nil || files < 3 {
		c.t.Errorf("looked at %d files of the store (%v); want a real one", files, err)
	}
	testStateEncrypted(c, secrets[len(secrets)-1])
}

// testStateEncrypted: inside the gateway the state is JSON, and what is secret
// must be ciphertext there too. The seeds are the roots of all keys.
func testStateEncrypted(c *checkout, key string) {
	var state struct {
		Deployment struct {
			Resources []struct {
				URN     string
				Outputs struct{ Result struct{ Plaintext string } }
			}
		}
	}
	c.data("lab", "pulumi stack export --show-secrets", &state)
	plain, seeds := c.pulumi("lab", "pulumi stack export"), 0
	if strings.Contains(plain, key) {
		c.t.Error("the state holds the SSH key in plain text")
	}
	for _, r := range state.Deployment.Resources {
		var seed string
		if json.Unmarshal([]byte(r.Outputs.Result.Plaintext), &seed) != nil || seed == "" {
			continue
		}
		seeds++
		if strings.Contains(plain, seed) {
			c.t.Errorf("the state holds the seed of %s in plain text", r.URN)
		}
	}
	if want := len(hosts) + 3; seeds != want {
		c.t.Errorf("found %d seeds to look for, want %d: one for each host, the mesh, the access and the certificates", seeds, want)
	}
}

// testCanaries looks for keys and tokens where any user or log reader of a
// host would find them.
func testCanaries(c *checkout) {
	for _, host := range hosts {
		hits := c.on(host, `private=$(wg show wg0 private-key)
			token=$(docker swarm join-token -q worker | cut -c1-25)
			{ journalctl --no-pager -q; cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr "\0" "\n" | grep -v "^private=\|^token="; } |
				grep -cF -f <(printf "%s\n" "$private" "$token") || true`)
		if hits != "0" {
			c.t.Errorf("%s: %s lines of logs or process lists hold a key or a token", host, hits)
		}
		if open := c.on(host, "find /etc/skep /usr/local/lib/skep -type f -perm /077 | head"); open != "" {
			c.t.Errorf("%s: others than root may read %s", host, open)
		}
	}
}

func testScripts(c *checkout) {
	table := c.pulumi("lab", "scripts/outputs")
	for _, want := range []string{"node-1", "skep@", "10.90.0.1", "https://whoami.skep.test"} {
		if !strings.Contains(table, want) {
			c.t.Errorf("scripts/outputs lacks %q:\n%s", want, table)
		}
	}
	var outputs map[string]any
	c.data("lab", "scripts/outputs --json", &outputs)
	if outputs["domain"] != "skep.test" {
		c.t.Errorf("scripts/outputs --json: domain = %v", outputs["domain"])
	}
	var inventory map[string]json.RawMessage
	c.data("lab", "scripts/inventory --list", &inventory)
	if !strings.Contains(string(inventory["_meta"]), `"ansible_user":"skep"`) && !strings.Contains(string(inventory["_meta"]), `"ansible_user": "skep"`) {
		c.t.Errorf("scripts/inventory names another user: %s", inventory["_meta"])
	}
	if table := c.pulumi("lab", "scripts/routes"); strings.Count(table, " ok") != len(hosts) || !strings.Contains(table, "https://whoami.skep.test") {
		c.t.Errorf("scripts/routes:\n%s", table)
	}
	if got := c.ssh("lab", "node-1", "id -un; sudo docker node ls --format {{.Hostname}} | sort | xargs"); got != "skep\nnode-1 node-2 node-3" {
		c.t.Errorf("scripts/ssh: %q", got)
	}
	if !strings.Contains(string(inventory["managers"]), "node-2") {
		c.t.Errorf("scripts/inventory: managers = %s", inventory["managers"])
	}
	// A wrong host key must not be talked past.
	if out := c.pulumi("lab", "pulumi stack output peers --show-secrets --json"); !strings.Contains(out, "[Interface]") {
		c.t.Errorf("the laptop's mesh config is missing: %s", out)
	}
}

func testOneChange(c *checkout) {
	c.edit("stacks/whoami/compose.yaml", "memory: 32M", "memory: 48M")
	out := c.pulumi("lab", "pulumi up --yes --skip-preview")
	// The component, where a preview shows the lines that change, and its deploy.
	if !strings.Contains(out, "~ 2 updated") {
		c.t.Errorf("a changed limit changed more than one resource:\n%s", tail(out))
	}
	got := c.on("node-1", `docker service inspect whoami_whoami --format "{{.Spec.TaskTemplate.Resources.Limits.MemoryBytes}}"`)
	if got != fmt.Sprint(48<<20) {
		c.t.Errorf("the service's memory limit is %s", got)
	}
}

func testProdPreview(c *checkout) {
	// This machine need not reach the registry that its hosts would.
	c.edit("Pulumi.prod.yaml", "  skep:stacks:", "  skep:registries: {docker.io: {check: false}}\n  skep:stacks:")
	c.pulumi("lab", "pulumi stack init prod --no-select")
	before := len(present(c, "lab"))
	out := c.pulumi("lab", "pulumi preview --stack prod")
	for _, want := range []string{"digitalocean:index:Droplet", "cloudflare:index:Record", "whoami-deploy", "to create"} {
		if !strings.Contains(out, want) {
			c.t.Errorf("the preview of prod lacks %q:\n%s", want, tail(out))
		}
	}
	if after := len(present(c, "lab")); after != before {
		c.t.Error("previewing prod changed the lab")
	}
	c.pulumi("lab", "pulumi stack rm prod --yes --preserve-config")
}

const fourth = "    - {name: node-3, id: 3, role: manager}\n"

func addFourth(c *checkout) {
	c.edit("Pulumi.lab.yaml", fourth, fourth+"    - {name: node-4, id: 4}\n")
}

func removeFourth(c *checkout) {
	c.edit("Pulumi.lab.yaml", "    - {name: node-4, id: 4}\n", "")
}

func testFourthHost(c *checkout) {
	before, count := tasks(c), len(present(c, "lab"))
	addFourth(c)
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	if grown := len(present(c, "lab")) - count; grown > 8 {
		c.t.Errorf("a host costs %d resources, want at most 8", grown)
	}
	if got := c.on("node-4", `docker info --format "{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}} {{.Swarm.NodeAddr}}"`); got != "active false 10.90.0.4" {
		c.t.Errorf("node-4 is %q", got)
	}
	c.engine("kill " + c.container("node-4"))
	removeFourth(c)
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	if left := c.container("node-4"); left != "" {
		c.t.Errorf("the machine is still there: %s", left)
	}
	if nodes := c.on("node-2", `docker node ls --format "{{.Hostname}}" | sort | xargs`); nodes != "node-1 node-2 node-3" {
		c.t.Errorf("the swarm has nodes %s", nodes)
	}
	if peers := c.on("node-2", "wg show wg0 peers | wc -l"); peers != "3" {
		c.t.Errorf("node-2 has %s peers, want 3", peers)
	}
	if diff := cmp.Diff(before, tasks(c)); diff != "" {
		c.t.Errorf("tasks of other hosts were restarted:\n%s", diff)
	}
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
}

func testDeletedBehindOurBack(c *checkout) {
	addFourth(c)
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	c.engine("rm -fv " + c.container("node-4"))
	out := c.pulumi("lab", "pulumi refresh --yes --skip-preview")
	if !strings.Contains(out, "1 deleted") {
		c.t.Errorf("refresh did not notice the missing machine:\n%s", tail(out))
	}
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	if got := c.on("node-4", `docker info --format "{{.Swarm.LocalNodeState}}"`); got != "active" {
		c.t.Errorf("the new node-4 is %q", got)
	}
	if nodes := c.on("node-1", `docker node ls --format "{{.Hostname}} {{.Status}}" | sort | xargs`); nodes != "node-1 Ready node-2 Ready node-3 Ready node-4 Ready" {
		c.t.Errorf("the swarm has nodes %s", nodes)
	}
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
}

// A machine that goes dark half-way fails its own resources; once it is back,
// up goes on where it stopped.
func testDiesDuringUp(c *checkout) {
	c.edit("Pulumi.lab.yaml", "    - {name: node-4, id: 4}\n", "    - {name: node-4, id: 4, labels: {disk: ssd}}\n    - {name: node-5, id: 5}\n")
	failed := make(chan string, 1)
	go func() {
		out, err := c.try(inStack("lab", "pulumi up --yes --skip-preview"))
		if err == nil {
			out = ""
		}
		failed <- out
	}()
	c.until(90*time.Second, "node-5 to be made ready", func() bool {
		_, err := c.try(".skep/bin/lab ssh node-5 test -d /usr/local/lib/skep")
		return err == nil
	})
	c.engine("kill " + c.container("node-5"))
	out := <-failed
	if out == "" {
		c.t.Fatal("up succeeded without one of its machines")
	}
	if !strings.Contains(out, "node-5") {
		c.t.Errorf("the fault does not name the host:\n%s", tail(out))
	}
	for _, other := range []string{"mesh-node-1", "mesh-node-2", "mesh-node-4"} {
		if strings.Contains(out, other+" **updating failed**") {
			c.t.Errorf("%s failed with it", other)
		}
	}
	c.engine("start " + c.container("node-5"))
	c.pulumi("lab", "pulumi up --yes --skip-preview")
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
	if got := c.on("node-1", `docker node ls --format "{{.Hostname}} {{.Status}}" | sort | xargs`); !strings.Contains(got, "node-5 Ready") {
		c.t.Errorf("node-5 is not in the swarm: %s", got)
	}
}

// The gateway is one process of the operator's; what Pulumi was told is
// written must be there when it is started again.
func testGatewayKilled(c *checkout) {
	c.edit("Pulumi.lab.yaml", "    - {name: node-5, id: 5}\n", "")
	done := make(chan error, 1)
	go func() {
		_, err := c.try(inStack("lab", "pulumi up --yes --skip-preview"))
		done <- err
	}()
	c.until(60*time.Second, "the update to be under way", func() bool {
		_, err := c.try(inStack("lab", `ls -d "$SKEP_STATE_HOME" >/dev/null; pgrep -f "pulumi up --yes --skip-preview" >/dev/null`))
		return err == nil
	})
	c.pulumi("lab", `kill -9 "$(scripts/state status --json | jq -er .pid)"`)
	if err := <-done; err != nil {
		c.t.Logf("the update ended with: %v", err)
	}
	c.pulumi("lab", "scripts/state start; pulumi cancel --yes 2>/dev/null || true; pulumi refresh --yes --skip-preview; pulumi up --yes --skip-preview")
	c.pulumi("lab", "pulumi up --yes --expect-no-changes")
	if nodes := c.on("node-1", `docker node ls --format "{{.Hostname}}" | sort | xargs`); nodes != "node-1 node-2 node-3 node-4" {
		c.t.Errorf("the swarm has nodes %s", nodes)
	}
}

func testDestroy(c *checkout) {
	// With a machine that is dead: it must not stand in the way.
	c.engine("kill " + c.container("node-4"))
	c.pulumi("lab", "pulumi destroy --yes --skip-preview")
	if left := present(c, "lab"); len(left) > 0 {
		c.t.Errorf("the state still holds %v", left)
	}
	var machines []any
	out := c.run(".skep/bin/lab ls --json 2>/dev/null")
	if err := json.Unmarshal([]byte(out), &machines); err != nil || len(machines) > 0 {
		c.t.Errorf("machines are left (%v): %s", err, out)
	}
	records, _ := filepath.Glob(filepath.Join(c.root, ".skep/lab/cloud/record/*.json"))
	if len(records) > 0 {
		c.t.Errorf("records are left: %v", records)
	}
}
