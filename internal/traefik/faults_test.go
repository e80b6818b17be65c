package traefik

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Each label stands at line of its own: the two of plain at 1 and 2, more from 3.
var labelFaults = map[string]string{
	"traefik.http.routers.web.rul=x":                                                      `a.yaml:3:9: label traefik.http.routers.web.rul: Traefik v3.7.12 knows no "rul" there`,
	"traefik.http.routers.web.priority=high":                                              "a.yaml:3:9: label traefik.http.routers.web.priority: ",
	"traefik.http.routers.web=x":                                                          "a.yaml:3:9: label traefik.http.routers.web says nothing",
	"traefik.htp.routers.web.rule=x":                                                      `knows no "htp" there`,
	"Traefik.http.routers.x.rule=Host(`x`)":                                               "a.yaml:3:9: label Traefik.http.routers.x.rule: invalid label root Traefik",
	"traefik.http.routers.x].rule=1":                                                      "a.yaml:3:9: label traefik.http.routers.x].rule: it cannot be read",
	"traefik.http.routers..rule=x":                                                        "a.yaml:3:9: label traefik.http.routers..rule: invalid element",
	"traefik.enable=maybe":                                                                `a.yaml:3:9: label traefik.enable: "maybe" is neither true nor false`,
	"traefik.docker.network=public":                                                       "a.yaml:3:9: label traefik.docker.network: leave it out: the file's zone chooses the network",
	"traefik.swarm.lbswarm=true":                                                          "a.yaml:3:9: label traefik.swarm.lbswarm: leave it out: ",
	"traefik.constraint-label=public":                                                     "a.yaml:3:9: label traefik.constraint-label: leave it out: ",
	"traefik.http.routers.web.tls.certresolver=le":                                        "a.yaml:3:9: label traefik.http.routers.web.tls.certresolver: leave it out: certificates come from",
	"traefik.http.routers.web.tls.options=weak@file":                                      "leave it out: TLS versions",
	"traefik.http.middlewares.m.plugin.geo.x=y":                                           "leave it out: plugins would be fetched",
	"traefik.http.ROUTERS.web.rule=Host(`b.example`)":                                     "a.yaml:3:9: label traefik.http.ROUTERS.web.rule stands at a.yaml:1:9 too",
	"traefik.http.routers.web.service=nothing":                                            `a.yaml:3:9: there is no http service "nothing" in stack "a": it has web`,
	"traefik.http.routers.web.middlewares=gone":                                           `a.yaml:3:9: there is no http middleware "gone" in stack "a"`,
	"traefik.http.routers.web.middlewares=skep-retry":                                     `"skep-retry" in stack "a": Skep's own is skep-retry@file`,
	"traefik.http.routers.web.middlewares=auth@file":                                      `there is no http middleware "auth@file": Skep's own are skep-headers@file, `,
	"traefik.http.routers.web.middlewares=auth@docker":                                    "what a stack defines is named without @docker",
	"traefik.http.routers.web.service=api@internal":                                       "Traefik's own API and pages stay switched off",
	"traefik.http.services.web.loadbalancer.serverstransport=gone":                        `there is no http serversTransport "gone"`,
	"traefik.http.services.web.loadbalancer.server.scheme=ftp":                            `scheme "ftp": need http, https or h2c`,
	"traefik.http.services.web.loadbalancer.server.url=http://x":                          "server.url says scheme and port already",
	"traefik.http.services.web.loadbalancer.sticky=true":                                  "a.yaml:3:9: sticky without a cookie does nothing",
	"traefik.http.services.web.weighted.services[0].name=web":                             `http service "web" is of 2 kinds`,
	"traefik.http.services.more.loadbalancer.server.port=1":                               `http router "web": service "web" has several: say which with traefik.http.routers.web.service: more or web`,
	"traefik.http.middlewares.m.headers.customframeoptionsvalue=":                         "a.yaml:3:9: label traefik.HTTP.Middlewares.m.Headers… says nothing",
	"traefik.http.middlewares.m.basicauth.usersfile=/home/me/users":                       "a.yaml:3:9: usersfile \"/home/me/users\": Traefik sees no files of the stack",
	"traefik.http.middlewares.m.basicauth.users=nobody":                                   "a.yaml:3:9: a user is written NAME:HASH",
	"traefik.http.middlewares.m.basicauth.realm=x":                                        "nobody may come in",
	"traefik.http.middlewares.m.redirectregex.regex=(":                                    "error parsing regexp",
	"traefik.http.middlewares.m.ipallowlist.sourcerange=10.0.0.0/8,everyone":              `sourcerange: "everyone" is neither an address`,
	"traefik.http.middlewares.m.retry.initialinterval=1s":                                 "retry.attempts: need at least 1",
	"traefik.http.middlewares.m.chain.middlewares=gone":                                   `there is no http middleware "gone"`,
	"traefik.http.middlewares.m.errors.service=gone":                                      `there is no http service "gone"`,
	"traefik.http.serverstransports.t.rootcas=/etc/ca.pem":                                "a.yaml:3:9: rootcas: write the certificate itself",
	"traefik.http.serverstransports.t.certificates[0].keyfile=k":                          "a private key does not belong into a compose file",
	"traefik.http.routers.web.entrypoints=https":                                          `a.yaml:3:9: there is no entry point "https": need websecure, internal, postgres, or one more in the config`,
	"traefik.http.routers.web.entrypoints=web":                                            "a.yaml:3:9: entry point web only redirects to websecure",
	"traefik.http.routers.web.entrypoints=dns":                                            `entry point "dns" is 5353/udp, and the router is of tcp`,
	"traefik.http.routers.web.tls=false":                                                  "a.yaml:3:9: http router \"web\": entry point websecure is for TLS only",
	"traefik.http.routers.web.priority=9223372036854775807":                               "a.yaml:3:9: priority 9223372036854775807: need 0 to",
	"traefik.http.routers.two.service=web":                                                `a.yaml:3:9: http router "two" has no rule: add label traefik.http.routers.two.rule`,
	"traefik.http.routers.two.rule=Host(`A.example`) && PathPrefix(`/`)":                  `a.yaml:1:9: http router "web" takes Host(["a.example"]) on entry point websecure, and so does router "two" of stack "a" at a.yaml:3:9`,
	"traefik.tcp.routers.t.rule=HostSNI(`a.example`)\ntraefik.tcp.routers.t.tls=true":     `a.yaml:3:9: tcp router "t": the labels do not say on which port service "web" listens: add traefik.tcp.services.web.loadbalancer.server.port`,
	"traefik.tcp.routers.t.rule=HostSNI(`*`)":                                             "a.yaml:3:9: tcp router \"t\" has neither TLS nor an entry point of its own",
	"traefik.tcp.routers.t.rule=HostSNI(`x`)\ntraefik.tcp.routers.t.entrypoints=postgres": "without TLS a connection names no host",
	"traefik.udp.routers.u.service=u":                                                     "udp router \"u\": say where it is reached with traefik.udp.routers.u.entrypoints: need dns, or one more",
	"traefik.udp.services.u.loadbalancer.server.port=53":                                  `a.yaml:3:9: udp service "u": no router leads to it`,
}

func TestLabelFaults(t *testing.T) {
	for more, want := range labelFaults {
		_, err := New([]Service{plain("a", "a.example", more)}, usual())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\nwant an error with %q\ngot %v", more, want, err)
		}
	}
}

func TestServiceFaults(t *testing.T) {
	sticky := "traefik.http.services.web.loadbalancer.sticky.cookie=true"
	bare := Options{}
	for name, c := range map[string]struct {
		services []Service
		o        Options
		want     string
	}{
		"no port":         {[]Service{labelled("a", "web", "traefik.http.routers.web.rule=Host(`a.example`)")}, usual(), "add traefik.http.services.web.loadbalancer.server.port"},
		"bad port":        {[]Service{labelled("a", "web", "traefik.http.routers.web.rule=Host(`a.example`)\ntraefik.http.services.web.loadbalancer.server.port=http")}, usual(), `a.yaml:2:9: port "http": need 1 to 65535`},
		"no router":       {[]Service{labelled("a", "web", "traefik.http.services.web.loadbalancer.server.port=80")}, usual(), `a.yaml:1:9: http service "web": no router leads to it`},
		"global sticky":   {[]Service{with(plain("a", "a.example", sticky), func(s *Service) { s.Global = true })}, usual(), "sticky sessions, Traefik's health checks and strategies"},
		"sso without":     {[]Service{with(plain("a", "a.example", ""), func(s *Service) { s.Auth = "sso" })}, bare, "skep:ingress.auth does not say"},
		"mesh without":    {[]Service{with(plain("a", "a.example", ""), func(s *Service) { s.Access = "mesh" })}, bare, "there is no mesh"},
		"udp over mesh":   {[]Service{with(rendered["udp"][0], func(s *Service) { s.Access = "mesh" })}, usual(), "Traefik cannot tell by address who sends UDP"},
		"sso of tcp":      {[]Service{with(rendered["reencrypt"][0], func(s *Service) { s.Auth = "sso" })}, usual(), "auth: sso works for HTTP routers"},
		"tls without":     {rendered["reencrypt"], bare, "there is no certificate: pass TLS through"},
		"other stack":     {[]Service{plain("b", "example.org", ""), plain("a", "Example.org", "")}, usual(), `router "web" of stack "b" at b.yaml:1:9`},
		"shared host":     {[]Service{plain("b", "x.example", "traefik.http.routers.more.rule=Host(`y.example`) || Host(`z.example`)"), plain("a", "z.example", "")}, usual(), `takes Host(["z.example"]) on entry point websecure, and so does router "more" of stack "b"`},
		"same full name":  {[]Service{plain("a-b", "x.example", ""), labelled("a", "web", "traefik.http.routers.b-web.rule=Host(`y.example`)\ntraefik.http.services.s.loadbalancer.server.port=80")}, usual(), `http router "b-web" of stack "a" gets the name a-b-web, which "web" of stack "a-b" (a-b.yaml:1:9) has`},
		"Skep's own name": {[]Service{plain("skep", "x.example", "traefik.http.middlewares.headers.headers.framedeny=true")}, usual(), "has the name of Skep's own skep-headers"},
		"two routers":     {[]Service{plain("a", "x.example", ""), with(plain("a", "y.example", ""), func(s *Service) { s.Name = "other" })}, usual(), `http router "web" is another one at a.yaml:1:9`},
		"shadow": {[]Service{plain("a", "x.example", ""), labelled("b", "t", "traefik.tcp.routers.t.rule=HostSNI(`x.example`)\ntraefik.tcp.routers.t.tls=true\ntraefik.tcp.services.t.loadbalancer.server.port=1")}, usual(),
			`b.yaml:1:9: tcp router "t" takes all connections on entry point websecure from http router "web" of stack "a" (a.yaml:1:9)`},
		"udp twice": {[]Service{rendered["udp"][0], with(rendered["udp"][0], func(s *Service) { s.Stack = "other" })}, usual(), "all packets on entry point dns"},
	} {
		_, err := New(c.services, c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: want an error with %q, got %v", name, c.want, err)
		}
	}
}

func TestRulesThatGoTogether(t *testing.T) {
	for name, services := range map[string][]Service{
		"paths of a host": {plain("a", "x.example", ""), labelled("b", "web", "traefik.http.routers.web.rule=Host(`x.example`) && PathPrefix(`/b`)\ntraefik.http.services.web.loadbalancer.server.port=80")},
		"a priority":      {plain("a", "x.example", ""), plain("b", "x.example", "traefik.http.routers.web.priority=9")},
		"entry points":    {plain("a", "x.example", ""), plain("b", "x.example", "traefik.http.routers.web.entrypoints=postgres")},
		"any name":        {plain("a", "x.example", ""), labelled("b", "t", "traefik.tcp.routers.t.rule=HostSNI(`*`)\ntraefik.tcp.routers.t.tls=true\ntraefik.tcp.services.t.loadbalancer.server.port=1")},
		"switched off":    {plain("a", "x.example", ""), plain("b", "x.example", "traefik.enable=false\ntraefik.http.routers.web.bad=1")},
		"redirect only":   {plain("a", "x.example", "traefik.http.routers.r.rule=Host(`old.example`)\ntraefik.http.routers.r.service=noop@internal\ntraefik.http.routers.r.middlewares=to\ntraefik.http.middlewares.to.redirectregex.regex=^https://old[.]\ntraefik.http.middlewares.to.redirectregex.replacement=https://x.")},
		"another machine": {plain("a", "x.example", ""), labelled("nas", "web", "traefik.http.routers.web.rule=Host(`nas.example`)\ntraefik.http.services.web.loadbalancer.server.url=http://192.0.2.9:5000")},
	} {
		plan, err := New(services, usual())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		reads(t, plan)
	}
}

func TestFaultsAreSortedAndAllThere(t *testing.T) {
	_, err := New([]Service{plain("b", "b b", "traefik.http.routers.web.service=x"), plain("a", "a a", strings.Repeat("other.label=1\n", 8)+"traefik.http.routers.web.service=x")}, usual())
	var places []string
	for _, line := range strings.Split(fmt.Sprint(err), "\n") {
		place, _, _ := strings.Cut(line, ": ")
		places = append(places, place)
	}
	want := []string{"a.yaml:1:9", "a.yaml:2:9", "a.yaml:11:9", "b.yaml:1:9", "b.yaml:2:9", "b.yaml:3:9"}
	if diff := cmp.Diff(want, places); diff != "" {
		t.Errorf("places differ (-want +got):\n%s\n%v", diff, err)
	}
}

func TestRoutesStickyAndNotes(t *testing.T) {
	services := append(slices.Clone(rendered["sticky"]), rendered["mesh"][0], rendered["passthrough"][0], rendered["udp"][0],
		plain("hashes", "h.example", "traefik.http.middlewares.users.basicauth.users=me:$2y$10$x"))
	plan, err := New(services, usual())
	if err != nil {
		t.Fatal(err)
	}
	want := []Route{
		{Stack: "resolver", Service: "dns", Router: "dns", Protocol: "udp", EntryPoint: "dns", Place: "resolver.yaml:1:9"},
		{Stack: "admin", Service: "web", Router: "web", Protocol: "http", Host: "admin.example.org", EntryPoint: "websecure", TLS: true, Mesh: true, Place: "admin.yaml:1:9"},
		{Stack: "chat", Service: "web", Router: "web", Protocol: "http", Host: "chat.example.org", EntryPoint: "websecure", TLS: true, Place: "chat.yaml:1:9"},
		{Stack: "db", Service: "pg", Router: "pg", Protocol: "tcp", Host: "db.example.org", EntryPoint: "postgres", TLS: true, Passthrough: true, Place: "db.yaml:1:9"},
		{Stack: "hashes", Service: "web", Router: "web", Protocol: "http", Host: "h.example", EntryPoint: "websecure", TLS: true, Place: "hashes.yaml:1:9"},
	}
	if diff := cmp.Diff(want, plan.Routes); diff != "" {
		t.Errorf("routes differ (-want +got):\n%s", diff)
	}
	if found := regexp.MustCompile(`://[a-z_]+-1:`).FindAllString(plan.Files[routesFile], -1); !slices.Equal(found, []string{"://chat_web-1:"}) {
		t.Errorf("services whose tasks have names of their own: %v, want that of chat alone", found)
	}
	if !Apart(services[0]) || Apart(services[1]) {
		t.Error("Apart and the plan do not agree")
	}
	if len(plan.Notes) != 1 || !strings.HasPrefix(plan.Notes[0], "hashes.yaml:3:9: the hashes of these passwords") {
		t.Errorf("notes: %q", plan.Notes)
	}
}

func TestWithoutTLS(t *testing.T) {
	plan, err := New([]Service{plain("a", "a.example", "traefik.http.routers.web.tls=true\ntraefik.http.routers.web.entrypoints=websecure")}, Options{Default: Default()})
	if err != nil {
		t.Fatal(err)
	}
	if text := plan.Files[routesFile]; strings.Contains(text, "tls:") || !strings.Contains(text, "- web\n") {
		t.Errorf("the route wants TLS:\n%s", text)
	}
	if len(plan.Notes) != 1 {
		t.Errorf("notes: %q", plan.Notes)
	}
	if strings.Contains(plan.Files[routesFile], "stsSeconds") {
		t.Error("browsers are told to use TLS where there is none")
	}
}

// many is a cluster of n stacks with a route each.
func many(n int) []Service {
	services := make([]Service, n)
	for i := range services {
		services[i] = plain(fmt.Sprintf("stack%d", i), fmt.Sprintf("s%d.example.org", i),
			"traefik.http.routers.api.rule=Host(`example.org`) && PathPrefix(`/s"+fmt.Sprint(i)+"`)\ntraefik.http.routers.api.middlewares=strip\ntraefik.http.middlewares.strip.stripprefix.prefixes=/s"+fmt.Sprint(i))
	}
	return services
}

func TestOrderOfServicesChangesNothing(t *testing.T) {
	services := many(20)
	first, err := New(services, usual())
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(services)
	second, err := New(services, usual())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("another order is another plan:\n%s", diff)
	}
}

// BenchmarkRoutes renders 1,000 routes: 500 services with two routers each. What
// it takes of the processor is told beside what the clock says, which depends on
// who else is there.
func BenchmarkRoutes(b *testing.B) {
	services := many(500)
	o := usual()
	before := processor(b)
	defer func() { b.ReportMetric(float64((processor(b)-before).Milliseconds())/float64(b.N), "cpu-ms/op") }()
	for b.Loop() {
		plan, err := New(services, o)
		if err != nil {
			b.Fatal(err)
		}
		if len(plan.Routes) != 1000 {
			b.Fatalf("%d routes", len(plan.Routes))
		}
	}
}

// processor is how long this program has kept processors busy.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func FuzzLabels(f *testing.F) {
	for name := range rendered {
		for _, l := range rendered[name][0].Labels {
			f.Add(l.Key, l.Value, l.Key, "true")
		}
	}
	for label := range labelFaults {
		key, value, _ := strings.Cut(label, "=")
		f.Add(key, value, "traefik.http.routers.web.rule", "Host(`b.example`)")
	}
	f.Fuzz(func(t *testing.T, key, value, key2, value2 string) {
		services := []Service{plain("a", "a.example", ""), plain("b", "b.example", "")}
		services[0].Labels = append(services[0].Labels, Label{Key: key, Value: value, Place: "a.yaml:9:9"}, Label{Key: key2, Value: value2, Place: "a.yaml:10:9"})
		o := usual()
		o.Trusted = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
		plan, err := New(services, o)
		if err != nil {
			return
		}
		reads(t, plan)
	})
}
