package hostimage

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// machineMirrors returns the sources that mmdebstrap should use: the Debian
// mirrors of this machine with the image's own suites. On another
// distribution it is empty, which leaves the choice to mmdebstrap.
func (i Image) machineMirrors() []string {
	var archives []archive
	lists, _ := filepath.Glob("/etc/apt/sources.list.d/*.list")
	for _, path := range append(lists, "/etc/apt/sources.list") {
		if text, err := os.ReadFile(path); err == nil {
			archives = append(archives, oneLineArchives(string(text))...)
		}
	}
	stanzas, _ := filepath.Glob("/etc/apt/sources.list.d/*.sources")
	for _, path := range stanzas {
		if text, err := os.ReadFile(path); err == nil {
			archives = append(archives, stanzaArchives(string(text))...)
		}
	}
	return i.mirrorLines(archives)
}

// archive is one place that apt gets packages from.
type archive struct {
	uri        string
	components []string
}

// mirrorLines finds Debian's main archive and its security archive among
// others and returns source lines for the image's suite.
func (i Image) mirrorLines(archives []archive) []string {
	var main, security string
	for _, a := range archives {
		path := strings.TrimRight(a.uri, "/")
		switch {
		case !slices.Contains(a.components, "main") || !strings.HasPrefix(path, "http"):
		case strings.HasSuffix(path, "/debian-security") && security == "":
			security = path
		case strings.HasSuffix(path, "/debian") && main == "":
			main = path
		}
	}
	if main == "" {
		return nil
	}
	lines := []string{
		fmt.Sprintf("deb %s %s main", main, i.suite),
		fmt.Sprintf("deb %s %s-updates main", main, i.suite),
	}
	if security != "" {
		lines = append(lines, fmt.Sprintf("deb %s %s-security main", security, i.suite))
	}
	return lines
}

// oneLineArchives reads the one-line format of sources.list.
func oneLineArchives(text string) []archive {
	var archives []archive
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > 1 && strings.HasPrefix(fields[1], "[") {
			end := slices.IndexFunc(fields, func(f string) bool { return strings.HasSuffix(f, "]") })
			fields = append(fields[:1], fields[end+1:]...)
		}
		if len(fields) > 3 && fields[0] == "deb" {
			archives = append(archives, archive{uri: fields[1], components: fields[3:]})
		}
	}
	return archives
}

// stanzaArchives reads the deb822 format of *.sources files.
func stanzaArchives(text string) []archive {
	var archives []archive
	for _, stanza := range strings.Split(text, "\n\n") {
		fields := map[string][]string{}
		for _, line := range strings.Split(stanza, "\n") {
			if name, value, found := strings.Cut(line, ":"); found && !strings.HasPrefix(line, "#") {
				fields[strings.ToLower(strings.TrimSpace(name))] = strings.Fields(value)
			}
		}
		if slices.Contains(fields["enabled"], "no") || !slices.Contains(fields["types"], "deb") {
			continue
		}
		for _, uri := range fields["uris"] {
			archives = append(archives, archive{uri: uri, components: fields["components"]})
		}
	}
	return archives
}

// machineProxies returns this machine's apt proxy settings, which mmdebstrap
// does not read by itself.
func machineProxies(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	dump, err := exec.CommandContext(ctx, "apt-config", "dump").Output()
	if err != nil {
		return nil
	}
	return proxyOptions(string(dump))
}

func proxyOptions(dump string) []string {
	var options []string
	for _, line := range strings.Split(dump, "\n") {
		name, value, found := strings.Cut(line, " ")
		if found && strings.HasPrefix(name, "Acquire::http") && strings.Contains(name, "::Proxy") && value != `"";` {
			options = append(options, line)
		}
	}
	return options
}

// Debian runs mmdebstrap for the suite of hosts, with this machine's mirrors
// and apt proxies, and makes target: a tar archive or, with --format=directory
// among the args, a folder.
func Debian(ctx context.Context, work, target string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Minute)
	defer cancel()
	for _, option := range machineProxies(ctx) {
		args = append(args, "--aptopt="+option)
	}
	return mmdebstrap(ctx, work, slices.Concat(args, []string{usual.suite, target}, usual.machineMirrors()))
}
