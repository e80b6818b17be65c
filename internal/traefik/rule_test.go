package traefik

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHosts(t *testing.T) {
	for rule, want := range map[string][]string{
		"Host(`a.example`)":                                          {"a.example"},
		"Host(`a.example`) || Host(`B.example.`)":                    {"a.example", "b.example"},
		"(Host(`a.example`) || host(`b.example`)) && Path(`/x`)":     {"a.example", "b.example"},
		"Path(`/a`) && Header(`X`, `Host`)":                          nil,
		"HostRegexp(`.+`) && Host(\"quoted.example\")":               {"quoted.example"},
		"PathPrefix(`/`) && !Host(`a.example`)":                      nil,
		"!(Host(`a.example`) || PathPrefix(`/a`)) && HOST(`b.test`)": {"b.test"},
		"Host(`*`)": nil,
		"nonsense(": nil,
	} {
		if diff := cmp.Diff(want, Hosts("http", rule)); diff != "" {
			t.Errorf("hosts of %s differ (-want +got):\n%s", rule, diff)
		}
	}
	if diff := cmp.Diff([]string{"db.example"}, Hosts("tcp", "HostSNI(`db.example`) && ClientIP(`10.0.0.0/8`)")); diff != "" {
		t.Errorf("hosts of a TCP rule differ (-want +got):\n%s", diff)
	}
}

func TestRuleFaults(t *testing.T) {
	for rule, want := range map[string]string{
		"":                       "it is empty",
		"Host(`a.example`":       "it does not read as Matcher(`value`)",
		"Host('a.example')":      "it does not read as Matcher(`value`)",
		"Host(a)":                "Host wants its value in backquotes",
		"Host(`a`, `b`)":         "Host has 2 values and takes 1: join several with ||",
		"Host()":                 "Host has 0 values and takes 1",
		"Host(``)":               "Host has an empty value",
		"Host(`a b`)":            `"a b" is no name of a host`,
		"Host(`example.org/x`)":  `"example.org/x" is no name of a host`,
		"Host(`bücher.example`)": "names that are not ASCII are written xn--",
		"Hosts(`a`)":             "there is no matcher Hosts: need one of ClientIP, Header,",
		"HostSNI(`a`)":           "there is no matcher HostSNI",
		"PathPrefix(`api`)":      `"api" does not start with /`,
		"PathRegexp(`(`)":        "error parsing regexp",
		"HeaderRegexp(`X`, `(`)": "error parsing regexp",
		"Header(`X`)":            "Header has 1 values and takes 2",
		"Query(`a`, `b`, `c`)":   "Query has 3 values and takes 1 or 2",
		"ClientIP(`10.0.0`)":     `"10.0.0" is neither an address nor a network`,
		"Host(`a`) + Host(`b`)":  "at its character 1 stands no matcher",
		"-Host(`a`)":             "at its character 1 stands no matcher",
		"a.Host(`a`)":            "at its character 1 stands no matcher",
		"Host(`a`) && true":      "at its character 14 stands no matcher",
	} {
		_, err := parseRule(rule, httpMatchers, httpSpellings)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want an error with %q, got %v", rule, want, err)
		}
	}
	if _, err := parseRule("ALPN(`acme-tls/1`)", tcpMatchers, tcpSpellings); err == nil {
		t.Error("a rule takes Traefik's own protocol")
	}
}

func TestNormalRules(t *testing.T) {
	for _, same := range [][2]string{
		{"Host(`a`) && PathPrefix(`/x`)", "PathPrefix(\"/x\")&&host(`A`)"},
		{"Host(`a`) && PathPrefix(`/`)", "Host(`a.`)"},
		{"(Host(`a`) || Host(`b`)) && Method(`get`)", "Method(`GET`) && (Host(`b`) || (Host(`a`)))"},
		{"!(Host(`a`) || Host(`b`))", "!Host(`b`) && !Host(`a`)"},
		{"Header(`x-a`, `1`)", "Header(`X-A`, `1`)"},
	} {
		if a, b := normal(t, same[0]), normal(t, same[1]); a != b {
			t.Errorf("%s is %s and %s is %s", same[0], a, same[1], b)
		}
	}
	for _, differ := range [][2]string{
		{"Host(`a`)", "!Host(`a`)"}, {"Host(`a`)", "Host(`a`) && PathPrefix(`/x`)"}, {"Path(`/A`)", "Path(`/a`)"},
		{"Query(`a`, `b`)", "Query(`a`)"}, {"Host(`a`) && Host(`b`)", "Host(`a`) || Host(`b`)"},
	} {
		if a, b := normal(t, differ[0]), normal(t, differ[1]); a == b {
			t.Errorf("%s and %s are both %s", differ[0], differ[1], a)
		}
	}
}

func normal(t *testing.T, text string) string {
	t.Helper()
	r, err := parseRule(text, httpMatchers, httpSpellings)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return r.normal()
}

func FuzzRule(f *testing.F) {
	for _, rule := range []string{"Host(`a`)", "!(Host(`a`) || Path(`/b`)) && Query(`c`, `d`)", "((((", "Host(`a`, )", "HostSNI(`*`)", "func(){}()", "Host(\"\\xff\")", "a[b](`c`)"} {
		f.Add(rule)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, protocol := range []string{"http", "tcp"} {
			Hosts(protocol, text)
		}
		r, err := parseRule(text, httpMatchers, httpSpellings)
		if err != nil {
			return
		}
		if invert(invert(r)).normal() != r.normal() {
			t.Errorf("%s: not not is another rule", text)
		}
	})
}
