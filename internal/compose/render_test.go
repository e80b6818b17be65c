package compose

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"go.yaml.in/yaml/v3"

	"skep/internal/golden"
	"skep/internal/keys"
	"skep/internal/secret"
)

const testSeed = keys.Seed("seed-of-a-test-that-is-long-enough-for-a-seed")

// everything is a stack that uses what there is.
const everything = `name: shop
services:
  db:
    image: ` + pinned + `
    user: "100:100"
    cap_drop: [ALL]
    read_only: true
    tmpfs: [/run/postgresql, "/tmp:size=64m,mode=1777"]
    shm_size_is_not_used: &no null
    volumes: ["data:/var/lib/postgresql"]
    secrets: [db_password]
    environment: {PGDATA: /var/lib/postgresql/data, FSYNC: true}
    healthcheck: {test: [CMD, pg_isready], interval: 2s}
    deploy: {resources: {limits: {memory: 256M, cpus: 0.5}}}
  migrate:
    image: ` + pinned + `
    user: "101:101"
    cap_drop: [ALL]
    read_only: true
    entrypoint: /usr/bin/psql -h db
    command: ["-f", "/schema.sql", "$$1"]
    configs: [{source: schema, target: /schema.sql, mode: "0440"}]
    environment: [PGUSER=app, PGPASSWORD]
    depends_on: {db: {condition: service_healthy}}
    deploy: {mode: replicated-job, resources: {limits: {memory: 64M}}}
    x-skep: {env_from_secrets: {PGPASSWORD: db_password}}
  web:
    image: ` + pinned + `
    user: "102:102"
    cap_drop: [ALL]
    read_only: true
    networks: [edge, default]
    ports: ["8080:80", {mode: host, target: 443, published: "443"}]
    secrets: [{source: url, target: database-url}, api]
    configs: [nginx]
    extra_hosts: ["a.example=192.0.2.1"]
    healthcheck: {test: [CMD, /check]}
    depends_on: {migrate: {condition: service_completed_successfully}}
    deploy: {replicas: 2, labels: {on: true}, resources: {limits: {memory: 64M}}}
  cache:
    image: ` + pinned + `
    user: "103:103"
    cap_drop: [ALL]
    read_only: true
    healthcheck: {test: [CMD, /check]}
    deploy: {update_config: {monitor: 2s}, resources: {limits: {memory: 64M}}}
networks:
  edge: {external: true, name: edge-core}
volumes:
  data: {x-skep: {host: node-1, delete: true}}
secrets:
  db_password: {x-skep: {generate: {length: 40}, rotate: 1}}
  url: {x-skep: {template: "postgres://app:{{ .db_password }}@db/app"}}
  api: {x-skep: {from: "config:api"}}
configs:
  nginx: {file: ./nginx.conf, x-skep: {template: true}}
  schema: {file: schema.sql}
x-skep:
  variables: {WORKERS: 4}
`

var besides = fstest.MapFS{
	"nginx.conf": {Data: []byte("worker_processes {{ .WORKERS }};\nserver_name {{ .DOMAIN }};\n")},
	"schema.sql": {Data: []byte("create table if not exists t (n int);\n")},
}

func everythingFile(t *testing.T) *File {
	t.Helper()
	file := parse(t, strings.Replace(everything, "    shm_size_is_not_used: &no null\n", "", 1), besides)
	if _, err := Check([]*File{file}, World{Hosts: []string{"node-1"}, Secrets: []string{"api"}}); err != nil {
		t.Fatal(err)
	}
	return file
}

func sealedFor(t *testing.T, f *File, api string) Sealed {
	t.Helper()
	values, err := f.SecretValues(secret.Sources{Seed: testSeed, Config: map[string]string{"api": api}})
	if err != nil {
		t.Fatal(err)
	}
	return Sealed{Seed: testSeed, Values: values, Logins: map[string]Login{
		"docker.io": {"me", "registry-password"}, "unused.example": {"me", "another-password"},
	}}
}

func TestRenderEverything(t *testing.T) {
	got, err := everythingFile(t).Render(Rendering{MTU: 1420})
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, filepath.Join("testdata", "everything.rendered"), got)
	var tree map[string]any
	if err := yaml.Unmarshal([]byte(got), &tree); err == nil {
		t.Error("the text is YAML, so Pulumi would show all of it for one changed line")
	}
}

func TestArchive(t *testing.T) {
	file := everythingFile(t)
	got, err := file.Archive(Rendering{MTU: 1420}, sealedFor(t, file, "an api key\nof two lines"))
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, filepath.Join("testdata", "everything.archive"), got)
	for range 20 {
		again, err := everythingFile(t).Archive(Rendering{MTU: 1420}, sealedFor(t, file, "an api key\nof two lines"))
		if err != nil || again != got {
			t.Fatalf("a second archive differs (%v)", err)
		}
	}
}

// Nothing but the archive's own parts for it holds a secret.
func TestValuesStayInTheirFiles(t *testing.T) {
	file := everythingFile(t)
	sealed := sealedFor(t, file, "CANARY-of-the-api")
	archive, err := file.Archive(Rendering{MTU: 1420}, sealed)
	if err != nil {
		t.Fatal(err)
	}
	rendered, err := file.Render(Rendering{MTU: 1420})
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range sealed.Values {
		if strings.Contains(rendered, value) || strings.Contains(archive, value) {
			t.Errorf("the value of %s stands in clear", name)
		}
		if encoded := base64.StdEncoding.EncodeToString([]byte(value)); strings.Count(strings.ReplaceAll(archive, "\n", ""), encoded) != 2 {
			t.Errorf("want the value of %s in its object and under redact, and nowhere else", name)
		}
	}
}

// A changed value renames its object, and only services that mount it change.
func TestOnlyWhatMountsAChangeChanges(t *testing.T) {
	file := everythingFile(t)
	services := func(archive string) map[string]string {
		found := map[string]string{}
		for part := range strings.SplitSeq(archive, "@@skep ") {
			var wave struct{ Services map[string]yaml.Node }
			if path, text, _ := strings.Cut(part, "\n"); strings.HasPrefix(path, "wave-") && yaml.Unmarshal([]byte(text), &wave) == nil {
				for name, node := range wave.Services {
					body, err := yaml.Marshal(&node)
					if err != nil {
						t.Fatal(err)
					}
					found[name] = string(body)
				}
			}
		}
		return found
	}
	before, err := file.Archive(Rendering{MTU: 1420}, sealedFor(t, file, "one value"))
	if err != nil {
		t.Fatal(err)
	}
	after, err := file.Archive(Rendering{MTU: 1420}, sealedFor(t, file, "another value"))
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`s_api_[0-9a-f]{10}`)
	if a, b := name.FindString(before), name.FindString(after); a == b || a == "" {
		t.Errorf("the object's name stays %q with another value", a)
	}
	if len(services(before)) != 4 {
		t.Fatalf("the test sees %d services of 4", len(services(before)))
	}
	for service, text := range services(before) {
		if services(after)[service] != text {
			t.Errorf("service %s itself changed with the value", service)
		}
	}
	if strings.Count(before, name.FindString(before)) != 2 {
		t.Errorf("want the object's name in its wave and its file:\n%s", before)
	}
}

func TestWaves(t *testing.T) {
	if got := fmt.Sprint(everythingFile(t).waves); got != "[[cache db] [migrate] [web]]" {
		t.Errorf("waves are %s", got)
	}
	for content, want := range map[string]string{
		sound("a", 100, "depends_on: [b]") + sound("b", 101, "depends_on: [a]"):                           "depends_on goes in a circle: a → b → a",
		sound("a", 100, "depends_on: [a]"):                                                                "depends_on goes in a circle: a → a",
		sound("a", 100, "depends_on: [b]"):                                                                `depends on "b", which the file has not`,
		sound("a", 100, "depends_on: {b: {condition: service_completed_successfully}}") + sound("b", 101): `waits for "b" to complete, which is no job`,
	} {
		file := parse(t, "services:\n"+content, nil)
		if _, err := Check([]*File{file}, World{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not hold %q", err, want)
		}
	}
	file := parse(t, "services:\n"+sound("a", 100, "depends_on: {b: {condition: service_started, required: false}}"), nil)
	if _, err := Check([]*File{file}, World{}); err != nil {
		t.Errorf("a dependency that is not required: %v", err)
	}
}

// The defaults make a rollout without a gap where that can be.
func TestRolloutDefaults(t *testing.T) {
	for name, c := range map[string]struct{ line, order, monitor string }{
		"stateless":     {"hostname: a", "start-first", "5s"},
		"unchecked":     {"healthcheck: -", "stop-first", "15s"},
		"host port":     {"ports: [{mode: host, target: 80, published: 80}]", "stop-first", "5s"},
		"ingress port":  {"ports: ['80:80']", "start-first", "5s"},
		"volume":        {"volumes: ['pinned:/d']", "stop-first", "5s"},
		"network drive": {"volumes: ['shared:/d']", "start-first", "5s"},
		"its own":       {"deploy: {update_config: {order: stop-first, monitor: 1m}}", "stop-first", "1m"},
	} {
		file := parse(t, "services:\n"+sound("a", 100, c.line)+declared, nil)
		deploy := mapping(file.renderService(service{file, "a", file.service("a")}, Rendering{})["deploy"])
		update, rollback := mapping(deploy["update_config"]), mapping(deploy["rollback_config"])
		if update["order"] != c.order || update["monitor"] != c.monitor || update["failure_action"] != "rollback" || rollback["order"] != c.order {
			t.Errorf("%s: update %v, rollback %v", name, update, rollback)
		}
	}
}

// A hundred stacks of four services each, read from disk as the program does.
func BenchmarkHundredStacks(b *testing.B) {
	dir := b.TempDir()
	var stacks []string
	for i := range 100 {
		stack := fmt.Sprintf("s%d", i)
		content := strings.NewReplacer("    shm_size_is_not_used: &no null\n", "", "8080:80", fmt.Sprintf("%d:80", 9000+i),
			`"443"`, fmt.Sprintf(`"%d"`, 10000+i), `"10`, fmt.Sprintf(`"%d0`, i+1)).Replace(everything)
		if err := os.Mkdir(filepath.Join(dir, stack), 0o755); err != nil {
			b.Fatal(err)
		}
		for name, text := range map[string]string{FileName: content, "nginx.conf": string(besides["nginx.conf"].Data), "schema.sql": "x"} {
			if err := os.WriteFile(filepath.Join(dir, stack, name), []byte(text), 0o644); err != nil {
				b.Fatal(err)
			}
		}
		stacks = append(stacks, stack)
	}
	for b.Loop() {
		files, err := LoadAll(dir, stacks, map[string]string{"DOMAIN": "skep.test"})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Check(files, World{Hosts: []string{"node-1"}, Secrets: []string{"api"}}); err != nil {
			b.Fatal(err)
		}
		for _, file := range files {
			if _, err := file.Render(Rendering{MTU: 1420}); err != nil {
				b.Fatal(err)
			}
		}
	}
}
