package main

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"skep/internal/pulumitest"
)

const shop = `services:
  web:
    image: x@sha256:200689790a0a0ea48ca45992e0450bc26ccab5307375b41c84dfc4f2475937ab
    user: "100:100"
    cap_drop: [ALL]
    read_only: true
    healthcheck: {test: [CMD, /check]}
    volumes: ["data:/d", "cache:/c"]
    secrets: [password, hash, api]
    configs: [conf]
    environment: {GREETING: "${GREETING}"}
    deploy: {resources: {limits: {memory: 64M}}}
volumes:
  data: {x-skep: {host: node-2}}
  cache: {x-skep: {host: node-2, delete: true}}
secrets:
  password: {x-skep: {generate: {length: 40}}}
  hash: {x-skep: {bcrypt: password}}
  api: {x-skep: {from: "config:api"}}
configs:
  conf: {file: ./conf, x-skep: {template: true}}
`

const partner = `services:
  web:
    image: registry.example/x@sha256:200689790a0a0ea48ca45992e0450bc26ccab5307375b41c84dfc4f2475937ab
    user: "101:101"
    cap_drop: [ALL]
    read_only: true
    healthcheck: {test: [CMD, /check]}
    secrets: [password]
    deploy: {resources: {limits: {memory: 64M}}}
secrets:
  password: {x-skep: {from: "stack:shop.password"}}
`

// inFolder puts the program in a folder with these stacks.
func inFolder(t *testing.T, stacks map[string]string) map[string]string {
	t.Helper()
	config := shipped(t, "lab")
	dir := t.TempDir()
	var names []string
	for name, content := range stacks {
		folder := filepath.Join(dir, "stacks", name)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string]string{"compose.yaml": content, "conf": "domain {{ .DOMAIN }}\n"} {
			if err := os.WriteFile(filepath.Join(folder, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		names = append(names, `"`+name+`"`)
	}
	config["skep:stacks"] = "[" + strings.Join(names, ",") + "]"
	t.Chdir(dir)
	return config
}

// worldWithSecrets is world with encrypted values in config.
func worldWithSecrets(config map[string]string) pulumitest.Program {
	p := world(config)
	p.Secrets = append(p.Secrets, "skep:secrets", "skep:registries")
	return p
}

// file is a file of a stack's archive.
func archived(t *testing.T, archive, path string) string {
	t.Helper()
	for part := range strings.SplitSeq("\n"+archive, "\n@@skep ") {
		if name, text, _ := strings.Cut(part, "\n"); name == path || strings.HasSuffix(path, "*") && strings.HasPrefix(name, strings.TrimSuffix(path, "*")) {
			return text
		}
	}
	t.Fatalf("no %s in the archive", path)
	return ""
}

func decoded(t *testing.T, text string) string {
	t.Helper()
	value, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(text, "\n", ""))
	if err != nil {
		t.Fatal(err)
	}
	return string(value)
}

func TestSecretsTravelInTheArchiveOnly(t *testing.T) {
	config := inFolder(t, map[string]string{"shop": shop, "partner": partner})
	config["skep:variables"] = `{"GREETING":"hello"}`
	config["skep:secrets"] = `{"api":"` + pulumitest.Canary + `-api"}`
	config["skep:registries"] = `{"registry.example":{"username":"me","password":"` + pulumitest.Canary + `-password"},"other.example":{"username":"me","password":"` + pulumitest.Canary + `-other"}}`
	g := pulumitest.Run(t, worldWithSecrets(config))
	deploy := g.Named(t, commandToken, "shop-deploy")
	archive := pulumitest.Text(deploy, "stdin")
	if !pulumitest.Secret(deploy, "stdin") {
		t.Error("the archive is no secret")
	}
	if got := decoded(t, archived(t, archive, "secret/shop_api_*")); got != pulumitest.Canary+"-api" {
		t.Errorf("the secret from config is %q", got)
	}
	if got := decoded(t, archived(t, archive, "config/shop_conf_*")); got != "domain skep.test\n" {
		t.Errorf("the config is %q", got)
	}
	if text := archived(t, archive, "wave-1.yaml"); !strings.Contains(text, "GREETING: hello") || !regexp.MustCompile(`name: shop_password_[0-9a-f]{10}\n`).MatchString(text) {
		t.Errorf("the compose file is\n%s", text)
	}
	if line := pulumitest.Text(deploy, "delete"); !strings.HasSuffix(line, "undo shop --delete-volumes shop_cache") {
		t.Errorf("undo is %s", line)
	}
	theirs := pulumitest.Text(g.Named(t, commandToken, "partner-deploy"), "stdin")
	if ours := decoded(t, archived(t, archive, "secret/shop_password_*")); decoded(t, archived(t, theirs, "secret/partner_password_*")) != ours || len(ours) != 40 {
		t.Errorf("the secret of the other stack differs from %q", ours)
	}
	if login := archived(t, theirs, "docker/config.json"); !strings.Contains(login, "registry.example") || strings.Contains(login, "other.example") || strings.Contains(archive, "docker/config.json") {
		t.Errorf("logins are %s", login)
	}
	component := g.Named(t, "skep:stack:Stack", "shop")
	if text := pulumitest.Text(component, "compose"); pulumitest.Secret(component, "compose") || !strings.Contains(text, "GREETING: hello") || !strings.Contains(text, "shop_password_<digest>") {
		t.Errorf("the preview shows\n%s", text)
	}
	count := 0
	for _, r := range g.Resources {
		if strings.HasPrefix(r.Name, "shop") {
			count++
		}
	}
	if count > 4 {
		t.Errorf("a stack has %d resources, want at most 4", count)
	}
	again := pulumitest.Run(t, worldWithSecrets(config))
	if pulumitest.Text(again.Named(t, commandToken, "shop-deploy"), "stdin") != archive {
		t.Error("a second run gives another archive")
	}
}

func TestSecretConfigIsRefusedInPlainText(t *testing.T) {
	for key, c := range map[string]struct{ value, want string }{
		"skep:secrets":      {`{"api":"hunter2hunter2"}`, "skep:secrets: it stands in plain text"},
		"skep:registries":   {`{"r.example":{"username":"me","password":"hunter2hunter2"}}`, "skep:registries.r.example.password: it stands in plain text"},
		"skep:registries ":  {`{"r.example":{"password":"hunter2hunter2","user":"me"}}`, "skep:registries.r.example.user: unknown key"},
		"skep:registries  ": {`{"r.example":{"check":"hunter2hunter2"}}`, "skep:registries.r.example.check: need true or false"},
		"skep:variables":    {`["x"]`, "skep:variables: "},
	} {
		config := shipped(t, "lab")
		config[strings.TrimSpace(key)] = c.value
		_, err := pulumitest.Start(t, world(config))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestStackFaultsAreAllToldAtOnce(t *testing.T) {
	config := inFolder(t, map[string]string{"shop": shop, "partner": strings.Replace(partner, "101:101", "100:100", 1)})
	_, err := pulumitest.Start(t, world(config))
	if err == nil {
		t.Fatal("no faults")
	}
	for _, want := range []string{
		"nothing was touched", "stacks/shop/compose.yaml:11:30: variable ${GREETING} has no value",
		`stacks/shop/compose.yaml:19:18: secret "api": skep:secrets has no "api"`, "user 100 is taken by service",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
}
