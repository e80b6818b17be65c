package compose

import (
	"fmt"
	"slices"
	"strings"

	"skep/internal/address"
	"skep/internal/secret"
)

// World is what the config says that files refer to.
type World struct {
	// Hosts are the names of all hosts.
	Hosts []string
	// Secrets are the keys of the encrypted config's secrets.
	Secrets []string
	// Ranges are the networks that are not for stacks to choose.
	Ranges []address.Network
	// Pins are digests of images that name none, where a registry has told.
	Pins map[string]string
}

// Check checks all stacks, each and together, and returns all their faults at
// once; the notes are what an operator should know, waivers included.
func Check(files []*File, world World) ([]Note, error) {
	var faults []Fault
	var notes []Note
	broken := map[*File][]Fault{}
	for _, f := range files {
		f.pins = world.Pins
		for _, s := range f.all() {
			for _, r := range policy {
				broken[f] = append(broken[f], r.check(s)...)
			}
		}
		faults = append(faults, f.faults...)
		faults = append(faults, f.checkWorld(files, world)...)
	}
	for f, together := range checkTogether(files) {
		broken[f] = append(broken[f], together...)
	}
	for _, f := range files {
		faults = append(faults, f.waived(broken[f])...)
		faults = append(faults, f.settleWaivers()...)
		slices.SortStableFunc(f.notes, func(a, b Note) int { return a.Line - b.Line })
		notes = append(notes, f.notes...)
	}
	return notes, joined(slices.Concat(faults, circles(files), sharedNames(files), plannedSubnets(files, world.Ranges)))
}

// checkWorld checks references to hosts, to the config and to other stacks.
func (f *File) checkWorld(files []*File, world World) []Fault {
	var faults []Fault
	for _, name := range sortedKeys(f.section("volumes")) {
		if host := f.volumes[name].Host; host != "" && !slices.Contains(world.Hosts, host) {
			faults = append(faults, Fault{Place: f.at("volumes", name, extensionKey, "host"), What: fmt.Sprintf("volume %q: there is no host %q", name, host),
				Remedy: "need one of " + strings.Join(world.Hosts, ", ")})
		}
	}
	for _, name := range sortedKeys(f.section("secrets")) {
		spec := f.secrets[name]
		at := f.at("secrets", name, extensionKey, "from")
		if key, ok := spec.ConfigKey(); ok && !slices.Contains(world.Secrets, key) {
			faults = append(faults, Fault{Place: at, What: fmt.Sprintf("secret %q: skep:secrets has no %q", name, key),
				Remedy: fmt.Sprintf("pulumi config set --secret --path 'skep:secrets.%s' < FILE", key)})
		}
		if stack, wanted, ok := spec.Stack(); ok {
			i := slices.IndexFunc(files, func(other *File) bool { return other.Stack == stack })
			if i < 0 || files[i].secrets[wanted] == (secret.Spec{}) {
				faults = append(faults, Fault{Place: at, What: fmt.Sprintf("secret %q: no stack %q makes a secret %q", name, stack, wanted), Remedy: "need stack:NAME.SECRET of a stack in skep:stacks"})
			}
		}
	}
	return faults
}

// claim is something that only one service may have.
type claim struct {
	rule, what, remedy string
	at                 []string
}

// checkTogether finds what two services of any stacks cannot both have.
func checkTogether(files []*File) map[*File][]Fault {
	faults := map[*File][]Fault{}
	taken := map[string]service{}
	for _, f := range files {
		for _, s := range f.all() {
			for key, c := range s.claims() {
				first, twice := taken[key]
				if !twice {
					taken[key] = s
					continue
				}
				what := fmt.Sprintf("%s is taken by service %q of stack %q", c.what, first.name, first.file.Stack)
				faults[f] = append(faults[f], s.fault(c.rule, what, c.remedy, c.at...))
			}
		}
	}
	return faults
}

func (s service) claims() map[string]claim {
	claims := map[string]claim{}
	if uid, ok := s.user(); ok && uid > 0 {
		claims[fmt.Sprintf("user %d", uid)] = claim{"user-unique", fmt.Sprintf("user %d", uid), "choose another number", []string{"user"}}
	}
	for _, p := range s.ports() {
		name := p.published + "/" + p.protocol
		if p.published != "<nil>" && p.published != "" {
			claims["port "+name] = claim{"port-unique", "port " + name, "publish another", []string{"ports", fmt.Sprint(p.index)}}
		}
	}
	return claims
}

// References are the stacks whose secrets the stack uses, sorted.
func (f *File) References() []string {
	var stacks []string
	for _, spec := range f.secrets {
		if stack, _, ok := spec.Stack(); ok && stack != f.Stack {
			stacks = append(stacks, stack)
		}
	}
	slices.Sort(stacks)
	return slices.Compact(stacks)
}

// Ordered sorts the files so that each comes after those whose secrets it uses;
// otherwise they stay in their order.
func Ordered(files []*File) []*File {
	var out []*File
	seen := map[string]bool{}
	var visit func(f *File)
	visit = func(f *File) {
		if seen[f.Stack] {
			return
		}
		seen[f.Stack] = true
		for _, stack := range f.References() {
			if i := slices.IndexFunc(files, func(other *File) bool { return other.Stack == stack }); i >= 0 {
				visit(files[i])
			}
		}
		out = append(out, f)
	}
	for _, f := range files {
		visit(f)
	}
	return out
}

// circles finds stacks that use one another's secrets.
func circles(files []*File) []Fault {
	var faults []Fault
	place := map[string]int{}
	for i, f := range Ordered(files) {
		place[f.Stack] = i
	}
	for _, f := range files {
		for _, name := range sortedKeys(f.section("secrets")) {
			stack, _, ok := f.secrets[name].Stack()
			if at, known := place[stack]; ok && known && at >= place[f.Stack] {
				faults = append(faults, Fault{Place: f.at("secrets", name, extensionKey, "from"),
					What: fmt.Sprintf("secret %q: stack %q needs a secret of stack %q itself", name, stack, f.Stack), Remedy: "generate it in one of them"})
			}
		}
	}
	return faults
}
