package traefik

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// matcher is what a rule may ask, and how its values are written.
type matcher struct {
	least, most int // number of values
	check       func(values []string) error
}

var httpMatchers = map[string]matcher{
	"ClientIP":     {1, 1, checkAddress},
	"Method":       {1, 1, nil},
	"Host":         {1, 1, checkHost},
	"HostRegexp":   {1, 1, checkHostExpression},
	"Path":         {1, 1, checkPath},
	"PathRegexp":   {1, 1, checkExpression},
	"PathPrefix":   {1, 1, checkPath},
	"Header":       {2, 2, nil},
	"HeaderRegexp": {2, 2, checkExpression},
	"Query":        {1, 2, nil},
	"QueryRegexp":  {1, 2, checkExpression},
}

var tcpMatchers = map[string]matcher{
	"ALPN":          {1, 1, checkProtocol},
	"ClientIP":      {1, 1, checkAddress},
	"HostSNI":       {1, 1, checkServerName},
	"HostSNIRegexp": {1, 1, checkHostExpression},
}

// spellings are the forms of matchers' names that Traefik knows.
func spellings(matchers map[string]matcher) map[string]string {
	title := cases.Title(language.Und)
	known := map[string]string{}
	for name := range matchers {
		lower := strings.ToLower(name)
		known[name], known[lower], known[strings.ToUpper(name)], known[title.String(lower)] = name, name, name, name
	}
	return known
}

var httpSpellings, tcpSpellings = spellings(httpMatchers), spellings(tcpMatchers)

func checkAddress(values []string) error {
	if _, err := netip.ParseAddr(values[0]); err == nil {
		return nil
	}
	if _, err := netip.ParsePrefix(values[0]); err != nil {
		return fmt.Errorf("%q is neither an address nor a network in CIDR form", values[0])
	}
	return nil
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

var hostName = regexp.MustCompile(`^(\*\.)?[A-Za-z0-9_.:-]+$`)

func checkHost(values []string) error {
	if values[0] != "*" && !hostName.MatchString(values[0]) {
		return fmt.Errorf("%q is no name of a host (names that are not ASCII are written xn--…, and paths belong into PathPrefix)", values[0])
	}
	return nil
}

func checkServerName(values []string) error { return checkHost(values) }

func checkHostExpression(values []string) error {
	if !ascii(values[0]) {
		return fmt.Errorf("%q is not ASCII", values[0])
	}
	return checkExpression(values)
}

func checkExpression(values []string) error {
	if _, err := regexp.Compile(values[len(values)-1]); err != nil {
		return err
	}
	return nil
}

func checkPath(values []string) error {
	if !strings.HasPrefix(values[0], "/") {
		return fmt.Errorf("%q does not start with /", values[0])
	}
	return nil
}

func checkProtocol(values []string) error {
	if values[0] == "acme-tls/1" {
		return errors.New("acme-tls/1 is Traefik's own")
	}
	return nil
}
