package compose

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"skep/internal/traefik"
)

// web is a file with one routed service; more is added to the service.
func web(more, end string) string {
	return `services:
  web:
    image: ` + pinned + `
    networks: [own]
    deploy:
      replicas: 3
      labels:
        traefik.http.routers.web.rule: Host(` + "`www.${DOMAIN}`" + `) || Host(` + "`${DOMAIN}`" + `)
        traefik.http.services.web.loadbalancer.server.port: 8080
        backup: "yes"
` + more + `
  listed:
    image: ` + pinned + `
    deploy:
      labels:
        - traefik.tcp.routers.db.rule=HostSNI(` + "`db.${DOMAIN}`" + `)
        - traefik.tcp.services.db.loadbalancer.server.port=5432
  off:
    image: ` + pinned + `
    deploy:
      labels:
        traefik.enable: false
        traefik.http.routers.off.rule: Host(` + "`off.${DOMAIN}`" + `)
        traefik.http.services.off.loadbalancer.server.port: 80
networks:
  own: {}
` + end
}

func TestIngressHasLabelsWithPlaces(t *testing.T) {
	f := parse(t, web("    x-skep: {auth: sso, access: mesh, bare: true}", "x-skep: {zone: core}"), nil)
	services := f.Ingress()
	if len(services) != 3 {
		t.Fatalf("want 3 services, got %v", services)
	}
	want := traefik.Service{Stack: "s", Name: "listed", Zone: "core", Replicas: 1, Place: "c.yaml:12:3", Labels: []traefik.Label{
		{Key: "traefik.tcp.routers.db.rule", Value: "HostSNI(`db.skep.test`)", Place: "c.yaml:16:11"},
		{Key: "traefik.tcp.services.db.loadbalancer.server.port", Value: "5432", Place: "c.yaml:17:11"},
	}}
	if diff := cmp.Diff(want, services[0]); diff != "" {
		t.Errorf("the listed service differs (-want +got):\n%s", diff)
	}
	want = traefik.Service{Stack: "s", Name: "web", Zone: "core", Replicas: 3, Auth: "sso", Access: "mesh", Bare: true, Place: "c.yaml:2:3", Labels: []traefik.Label{
		{Key: "traefik.http.routers.web.rule", Value: "Host(`www.skep.test`) || Host(`skep.test`)", Place: "c.yaml:8:9"},
		{Key: "traefik.http.services.web.loadbalancer.server.port", Value: "8080", Place: "c.yaml:9:9"},
	}}
	if diff := cmp.Diff(want, services[2]); diff != "" {
		t.Errorf("the web service differs (-want +got):\n%s", diff)
	}
	var hosts []string
	for _, r := range f.Routes() {
		hosts = append(hosts, r.Host+" by "+r.Service+"'s "+r.Router)
	}
	if diff := cmp.Diff([]string{"db.skep.test by listed's db", "skep.test by web's web", "www.skep.test by web's web"}, hosts); diff != "" {
		t.Errorf("routes differ (-want +got):\n%s", diff)
	}
}

// rendered is the document that Swarm would get.
func renderedWith(t *testing.T, content string, r Rendering) map[string]any {
	t.Helper()
	text, err := parse(t, content, nil).Render(r)
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ = strings.Cut(text, "\n")
	var document map[string]any
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	return document
}

func TestRoutedServicesJoinTheirZone(t *testing.T) {
	sticky := "        traefik.http.services.web.loadbalancer.sticky.cookie: true"
	document := renderedWith(t, web(sticky, "x-skep: {zone: users}"), Rendering{MTU: 1420, Ingress: true})
	services, networks := mapping(document["services"]), mapping(document["networks"])
	for name, want := range map[string]map[string]any{
		"web":    {"networks": map[string]any{"own": nil, "edge-users": nil}, "hostname": slotHostname, "labels": map[string]any{"backup": "yes"}},
		"listed": {"networks": map[string]any{"default": nil, "edge-users": nil}, "hostname": nil, "labels": nil},
		"off":    {"networks": map[string]any{"default": nil}, "hostname": nil, "labels": nil},
	} {
		s := mapping(services[name])
		got := map[string]any{"networks": s["networks"], "hostname": s["hostname"], "labels": mapping(s["deploy"])["labels"]}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("service %s differs (-want +got):\n%s", name, diff)
		}
	}
	if diff := cmp.Diff(map[string]any{"external": true, "name": "edge-users"}, networks["edge-users"]); diff != "" {
		t.Errorf("the zone's network differs (-want +got):\n%s", diff)
	}
}

// A changed route is Traefik's affair: the service stays what it is.
func TestChangedRouteChangesNoService(t *testing.T) {
	before := web("", "")
	after := strings.ReplaceAll(before, "www.", "shop.")
	if before == after {
		t.Fatal("the route did not change")
	}
	r := Rendering{MTU: 1420, Ingress: true}
	if diff := cmp.Diff(renderedWith(t, before, r), renderedWith(t, after, r)); diff != "" {
		t.Errorf("the service changed (-before +after):\n%s", diff)
	}
}

func TestIngressFaults(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"zone":      {web("", "x-skep: {zone: apps2}"), `c.yaml:27:10: there is no zone "apps2": need one of core, apps, users`},
		"auth":      {web("    x-skep: {auth: basic}", ""), `c.yaml:11:14: service "web": auth: basic is not known: need sso, or leave it out`},
		"users":     {web("    x-skep: {users: nobody}", ""), `c.yaml:11:14: service "web": secret "nobody" is not declared`},
		"access":    {web("    x-skep: {access: lan}", ""), `c.yaml:11:14: service "web": access: lan is not known: need mesh, or leave it out`},
		"unrouted":  {"services: {a: {image: " + pinned + ", x-skep: {bare: true}}}", `service "a": auth, users, access and bare are for services that Traefik reaches`},
		"container": {web("    labels: {traefik.enable: true}", ""), `c.yaml:11:14: service "web": label traefik.enable stands at the container, where nothing reads it: move it under deploy.labels`},
		"edge":      {web("", "  edge-apps: {}"), `c.yaml:27:3: the name "edge-apps" is the zone's network, which Skep adds: choose another`},
		"hostname":  {web("        traefik.http.services.web.loadbalancer.sticky.cookie: true\n    hostname: a", ""), `c.yaml:12:5: service "web": hostname: sticky sessions`},
	} {
		_, err := Check([]*File{parse(t, c.content, nil)}, World{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: want %q, got %v", name, c.want, err)
		}
	}
}

// Each stack's services are on the edge network under their plain names.
func TestNamesThatTwoStacksAnswerTo(t *testing.T) {
	routed := func(stack, zone string, services ...string) *File {
		content := "services:\n"
		for _, name := range services {
			content += "  " + name + ": {image: " + pinned + "}\n"
			if name != "db" {
				content = strings.TrimSuffix(content, "}\n") + ", deploy: {labels: {traefik.http.services." + name + ".loadbalancer.server.port: 80}}}\n"
			}
		}
		f, err := Parse(stack+".yaml", stack, nil, []byte(content+"x-skep: {zone: "+zone+"}\n"), nil)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for name, c := range map[string]struct {
		files []*File
		want  []string
	}{
		"asked for":    {[]*File{routed("a", "apps", "api", "web"), routed("b", "apps", "api")}, []string{"a.yaml:2:3"}},
		"both":         {[]*File{routed("a", "apps", "api", "web"), routed("b", "apps", "api", "web")}, []string{"a.yaml:2:3", "a.yaml:3:3", "b.yaml:2:3", "b.yaml:3:3"}},
		"nobody asks":  {[]*File{routed("a", "apps", "web"), routed("b", "apps", "web")}, nil},
		"other zone":   {[]*File{routed("a", "apps", "api", "web"), routed("b", "users", "api")}, nil},
		"not on there": {[]*File{routed("a", "apps", "db", "web"), routed("b", "apps", "db", "web")}, nil},
	} {
		var places []string
		for _, fault := range sharedNames(c.files) {
			places = append(places, fault.Place.String())
		}
		if diff := cmp.Diff(c.want, places); diff != "" {
			t.Errorf("%s: places differ (-want +got):\n%s", name, diff)
		}
	}
}
