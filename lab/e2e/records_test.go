package e2e

import (
	"regexp"
	"strings"
)

// importCommand is what an error tells to do.
var importCommand = regexp.MustCompile(`(?m)^\s*(pulumi import .*)$`)

// testRecordsOfOthers asks for a null MX where somebody takes mail already.
func testRecordsOfOthers(c *checkout) {
	zone := strings.TrimSpace(c.run(`basename "$(grep -l '"skep.test"' .skep/lab/cloud/zone/*.json)" .json`))
	const path, others = ".skep/lab/cloud/record/0000others.json", `{"id":"0000others","zone":"skep.test","name":"skep.test","type":"MX","content":"mail.example.net","priority":10,"ttl":300,"zoneId":"`
	c.write(path, others+zone+`"}`)
	c.edit("Pulumi.lab.yaml", "proxied: true}", "proxied: true, mail: none, caa: [auto], dnssec: true, settings: manage}")
	before := c.run("ls .skep/lab/cloud/record")
	for _, line := range []string{"pulumi preview", "pulumi up --yes --skip-preview --target '**dns-mx.skep.test' --target-dependents"} {
		out, err := c.try(inStack("lab", line))
		if err == nil || !strings.Contains(out, "there is a record skep.test MX mail.example.net already") {
			c.t.Errorf("%s: error is %v:\n%s", line, err, tail(out))
		}
	}
	if got := c.read(path); got != others+zone+`"}` {
		c.t.Errorf("the record of others has changed: %s", got)
	}
	if after := c.run("ls .skep/lab/cloud/record"); after != before {
		c.t.Errorf("records were made all the same: %s", after)
	}
	out, _ := c.try(inStack("lab", "pulumi preview"))
	command := importCommand.FindStringSubmatch(out)
	if command == nil {
		c.t.Fatalf("no command to import it:\n%s", tail(out))
	}
	c.pulumi("lab", command[1])
	c.pulumi("lab", "pulumi up --yes --skip-preview && pulumi up --yes --expect-no-changes")
	if got := c.read(path); !strings.Contains(got, `"content": "."`) || !strings.Contains(got, "made by Skep") {
		c.t.Errorf("the imported record was not taken over in its place: %s", got)
	}
	if got := strings.TrimSpace(c.pulumi("lab", "pulumi stack output --json dns")); !strings.Contains(got, "IN DS ") {
		c.t.Errorf("the output dns has no DS record: %s", got)
	}
}
