package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"go.yaml.in/yaml/v3"

	"skep/internal/keys"
	"skep/internal/pulumitest"
)

const (
	commandToken = "command:remote:Command"
	dropletToken = "digitalocean:index/droplet:Droplet"
	recordToken  = "cloudflare:index/record:Record"
	hostKey      = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3iD3pRYSXzBvCoBwZ7H2yDqqRT9yv4ZnmD3pVjXJ0q"
	token        = pulumitest.Canary + "-token"
)

// world answers like the providers do.
func world(config map[string]string) pulumitest.Program {
	object := resource.NewPropertyMapFromMap
	return pulumitest.Program{
		Run: deploy, Config: config, Secrets: []string{"skep:sshPrivateKey"},
		Answers: map[string]pulumitest.Answer{
			"random:index/randomPassword:RandomPassword": func(name string, _ resource.PropertyMap) resource.PropertyMap {
				seed := fmt.Sprintf("%-44.44s", pulumitest.Canary+" seed of "+name)
				return resource.PropertyMap{"result": resource.MakeSecret(resource.NewStringProperty(seed))}
			},
			dropletToken: func(name string, _ resource.PropertyMap) resource.PropertyMap {
				id, _ := strconv.Atoi(name[strings.LastIndexByte(name, '-')+1:])
				return object(map[string]any{"ipv4Address": fmt.Sprintf("192.0.2.%d", 10+id)})
			},
			"digitalocean:index/sshKey:SshKey": func(string, resource.PropertyMap) resource.PropertyMap {
				return object(map[string]any{"fingerprint": "aa:bb"})
			},
			commandToken:     answerCommand,
			certificateToken: answerCertificate,
			zoneDNSSECToken: func(string, resource.PropertyMap) resource.PropertyMap {
				return object(map[string]any{"ds": "2371 13 2 0123456789ABCDEF"})
			},
		},
		Calls: map[string]func(resource.PropertyMap) resource.PropertyMap{
			"cloudflare:index/getZone:getZone": func(args resource.PropertyMap) resource.PropertyMap {
				return object(map[string]any{"id": "zone-id", "zoneId": "zone-id", "accountId": "account-id", "name": args["name"].StringValue()})
			},
		},
	}
}

func answerCommand(name string, _ resource.PropertyMap) resource.PropertyMap {
	stdout := ""
	switch {
	case strings.HasSuffix(name, "-enroll"):
		stdout = hostKey + "\n"
	case name == "swarm-found":
		stdout = "swarm-id"
	case name == "swarm-admit":
		stdout = "manager " + token + "-manager\nworker " + token + "-worker\n"
	case strings.HasPrefix(name, "swarm-"):
		stdout = name + "-node-id"
	}
	return resource.PropertyMap{
		"stdout": resource.MakeSecret(resource.NewStringProperty(stdout)),
		"stderr": resource.MakeSecret(resource.NewStringProperty("")),
	}
}

// shipped reads the config of a stack that ships, as the CLI hands it over.
func shipped(t *testing.T, stack string) map[string]string {
	t.Helper()
	content, err := os.ReadFile("Pulumi." + stack + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Config map[string]any }
	if err := yaml.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	config := map[string]string{}
	for key, value := range file.Config {
		if text, ok := value.(string); ok {
			config[key] = text
			continue
		}
		encoded, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		config[key] = string(encoded)
	}
	return config
}

func withSSHKey(t *testing.T, config map[string]string) map[string]string {
	t.Helper()
	key, err := keys.Seed(strings.Repeat("k", keys.SeedLen)).DeployKey()
	if err != nil {
		t.Fatal(err)
	}
	config = maps.Clone(config)
	config["skep:sshPrivateKey"] = key.Private
	return config
}
