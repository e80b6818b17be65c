package traefik

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"text/template"

	"github.com/google/go-cmp/cmp"
	"github.com/traefik/paerser/file"

	"skep/internal/golden"
	"skep/internal/traefik/dynamic"
)

// labelled is a service whose labels stand one a line, from line 1 on.
func labelled(stack, service, labels string) Service {
	s := Service{Stack: stack, Name: service, Zone: "apps", Replicas: 1, Place: stack + ".yaml:1:1"}
	for i, line := range strings.Split(strings.TrimSpace(labels), "\n") {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		s.Labels = append(s.Labels, Label{Key: key, Value: value, Place: fmt.Sprintf("%s.yaml:%d:9", stack, i+1)})
	}
	return s
}

// usual are the options of a cluster with all that there is.
func usual() Options {
	return Options{
		TLS: true, HSTS: 31536000, Default: Default(),
		EntryPoints: map[string]string{"postgres": "5432/tcp", "dns": "5353/udp"},
		Auth:        &ForwardAuth{Address: "http://tasks.sso_server:9000/outpost", ResponseHeaders: []string{"X-Sso-User", "Remote-User"}, TrustForwardHeader: true},
		Mesh:        []netip.Prefix{netip.MustParsePrefix("10.90.0.0/16")},
	}
}

// plain is a service with one HTTP router for a name, and further labels.
func plain(stack, host, more string) Service {
	return labelled(stack, "web", "traefik.http.routers.web.rule=Host(`"+host+"`)\ntraefik.http.services.web.loadbalancer.server.port=8080\n"+more)
}

func with(s Service, change func(*Service)) Service {
	change(&s)
	return s
}

var rendered = map[string][]Service{
	"http":    {plain("whoami", "whoami.example.org", "traefik.enable=true\nhomepage.group=Tools")},
	"routers": {plain("wiki", "wiki.example.org", "traefik.http.routers.feed.rule=Host(`wiki.example.org`) && PathPrefix(`/feed`)\ntraefik.http.routers.feed.priority=500\ntraefik.http.routers.feed.service=web")},
	"prefix": {plain("shop", "example.org", "traefik.http.routers.api.rule=Host(`example.org`) && PathPrefix(`/api`)\ntraefik.http.routers.api.middlewares=both,skep-ratelimit@file\n"+
		"traefik.http.middlewares.strip.stripprefix.prefixes=/api\ntraefik.http.middlewares.hello.headers.customrequestheaders.X-Hello={{ env \"HOME\" }}\ntraefik.http.middlewares.both.chain.middlewares=strip,hello")},
	"sticky": {with(plain("chat", "chat.example.org", "traefik.http.services.web.loadbalancer.sticky.cookie=true\ntraefik.http.services.web.loadbalancer.sticky.cookie.name=chat\n"+
		"traefik.http.services.web.loadbalancer.healthcheck.path=/health\ntraefik.http.services.web.loadbalancer.healthcheck.interval=5"), func(s *Service) { s.Replicas = 3 })},
	"grpc":  {plain("rpc", "rpc.example.org", "traefik.http.services.web.loadbalancer.server.scheme=h2c")},
	"plain": {plain("old", "old.example.org", "traefik.http.routers.web.entrypoints=web,websecure\ntraefik.http.routers.web.tls=true\ntraefik.http.services.web.loadbalancer.passhostheader=false")},
	"passthrough": {labelled("db", "pg", "traefik.tcp.routers.pg.rule=HostSNI(`db.example.org`)\ntraefik.tcp.routers.pg.tls.passthrough=true\ntraefik.tcp.services.pg.loadbalancer.server.port=5432\n"+
		"traefik.tcp.services.pg.loadbalancer.proxyprotocol.version=1\ntraefik.tcp.routers.pg.entrypoints=postgres")},
	"timeouts": {labelled("a", "t", "traefik.tcp.routers.t.rule=HostSNI(`a.example`)\ntraefik.tcp.routers.t.tls.passthrough=true\ntraefik.tcp.services.t.loadbalancer.server.port=1\n"+
		"traefik.tcp.services.t.loadbalancer.serverstransport=own\ntraefik.tcp.serverstransports.own.proxyprotocol.version=2")},
	"reencrypt": {labelled("mail", "imap", "traefik.tcp.routers.imap.rule=HostSNI(`mail.example.org`)\ntraefik.tcp.routers.imap.tls=true\ntraefik.tcp.services.imap.loadbalancer.server.port=993\n"+
		"traefik.tcp.services.imap.loadbalancer.server.tls=true\ntraefik.tcp.services.imap.loadbalancer.serverstransport=own\ntraefik.tcp.serverstransports.own.tls.insecureskipverify=true\n"+
		"traefik.tcp.serverstransports.own.proxyprotocol=true\ntraefik.tcp.serverstransports.own.dialtimeout=0")},
	"https": {plain("nas", "nas.example.org", "traefik.http.services.web.loadbalancer.server.scheme=https\ntraefik.http.services.web.loadbalancer.serverstransport=own\ntraefik.http.serverstransports.own.insecureskipverify=true")},
	"udp":   {labelled("resolver", "dns", "traefik.udp.routers.dns.entrypoints=dns\ntraefik.udp.services.dns.loadbalancer.server.port=53")},
	"weighted": {
		plain("canary", "canary.example.org", "traefik.http.routers.web.service=split\ntraefik.http.services.split.weighted.services[0].name=web\ntraefik.http.services.split.weighted.services[0].weight=9\n"+
			"traefik.http.services.split.weighted.services[1].name=next\ntraefik.http.services.split.weighted.services[1].weight=1"),
		labelled("canary", "next", "traefik.http.services.next.loadbalancer.server.port=8080"),
	},
	"merged": {plain("blue", "blue.example.org", ""), labelled("blue", "green", "traefik.http.services.web.loadbalancer.server.port=8080")},
	"basic":  {plain("logs", "logs.example.org", "traefik.http.routers.web.middlewares=users\ntraefik.http.middlewares.users.basicauth.usersfile=/run/secrets/logs-users")},
	"mesh":   {with(plain("admin", "admin.example.org", ""), func(s *Service) { s.Access = "mesh" }), plain("peek", "peek.example.org", "traefik.http.routers.web.entrypoints=internal")},
	"sso":    {with(plain("notes", "notes.example.org", "traefik.http.routers.web.middlewares=squeeze\ntraefik.http.middlewares.squeeze.compress=true"), func(s *Service) { s.Auth = "sso" })},
	"users":  {with(plain("stats", "stats.example.org", ""), func(s *Service) { s.Users = "people" })},
	"bare":   {with(plain("raw", "raw.example.org", ""), func(s *Service) { s.Bare = true })},
	"switch": {plain("resting", "resting.example.org", "")},
}

func TestFilesAreGolden(t *testing.T) {
	for name, services := range rendered {
		t.Run(name, func(t *testing.T) {
			o := usual()
			o.Maintenance = []string{"resting"}
			plan, err := New(services, o)
			if err != nil {
				t.Fatal(err)
			}
			reads(t, plan)
			labels, err := text(pruned(read(services, o).out))
			if err != nil {
				t.Fatal(err)
			}
			golden.Compare(t, "testdata/"+name+".yaml", labels)
		})
	}
}

func TestOwnMiddlewaresAreGolden(t *testing.T) {
	for name, proxies := range map[string][]netip.Prefix{"middlewares": nil, "middlewares-proxied": {netip.MustParsePrefix("192.0.2.0/24")}} {
		o := usual()
		o.Trusted = proxies
		plan, err := New(nil, o)
		if err != nil {
			t.Fatal(err)
		}
		golden.Compare(t, "testdata/"+name+".yaml", plan.Files[routesFile])
		reads(t, plan)
	}
}

// reads lets Traefik's own reader of files have the plan's, as Traefik does:
// Go's templates first.
func reads(t *testing.T, plan *Plan) {
	t.Helper()
	for name, text := range plan.Files {
		tmpl, err := template.New(name).Funcs(template.FuncMap{"env": func(string) string { return "STOLEN" }}).Parse(text)
		if err != nil {
			t.Fatalf("%s as a template: %v", name, err)
		}
		var filled bytes.Buffer
		if err := tmpl.Execute(&filled, nil); err != nil {
			t.Fatalf("%s as a template: %v", name, err)
		}
		if strings.Contains(filled.String(), "STOLEN") {
			t.Errorf("%s: a label ran as a template", name)
		}
		var conf dynamic.Configuration
		if err := file.DecodeContent(filled.String(), ".yaml", &conf); err != nil {
			t.Errorf("Traefik would refuse %s: %v\n%s", name, err, filled.String())
		}
	}
}

func TestUsersFile(t *testing.T) {
	plan, err := New(rendered["users"], usual())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Users{{"stats", "people", "skep-users-stats.people"}}, plan.Users); diff != "" {
		t.Fatalf("users differ (-want +got):\n%s", diff)
	}
	const hash = "$2a$10$WvvTPHKwdBJ3uk0Z37EMR.hLA2W6N9AEBhEgrAOljy2Ae5MtaSIUi"
	text, err := UsersFile(map[string]string{"skep-users-stats.people": "ann:" + hash + "\n# gone: bob\n\ncid:" + hash + "\n"})
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "testdata/usersfile.yaml", text)
	reads(t, &Plan{Files: map[string]string{"users.yaml": text}})
	for name, value := range map[string]string{"empty": "\n", "no hash": "ann", "a password": "ann:hunter22", "no name": ":" + hash} {
		if _, err := UsersFile(map[string]string{"m": value}); err == nil || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// Behind proxies that show a certificate, those who cannot have it are not asked
// for it.
func TestCertified(t *testing.T) {
	services := []Service{
		plain("shop", "shop.example.org", ""),
		with(plain("admin", "admin.example.org", ""), func(s *Service) { s.Access = "mesh" }),
		plain("peek", "peek.example.org", "traefik.http.routers.web.entrypoints=internal"),
		labelled("mail", "smtp", "traefik.tcp.routers.smtps.rule=HostSNI(`mail.example.org`)\ntraefik.tcp.routers.smtps.tls=true\n"+
			"traefik.tcp.routers.smtps.entrypoints=smtps\ntraefik.tcp.services.smtps.loadbalancer.server.port=465"),
	}
	for certified, want := range map[bool]int{false: 0, true: 3} {
		o := usual()
		o.EntryPoints["smtps"], o.Certified = "465/tcp", certified
		plan, err := New(services, o)
		if err != nil {
			t.Fatal(err)
		}
		text := plan.Files[routesFile]
		if got := strings.Count(text, "options: "+Uncertified+"@file"); got != want {
			t.Errorf("certified %v: %d routers ask for no certificate, want %d:\n%s", certified, got, want, text)
		}
		reads(t, plan)
	}
}
