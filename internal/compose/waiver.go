package compose

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// waiver is a rule that does not hold somewhere, and why.
type waiver struct {
	rule, reason string
	service      string // empty for all of the file
	place        Place
	used         bool
}

func (f *File) readWaivers() {
	f.takeWaivers("", f.own.Waive, extensionKey, "waive")
	for _, name := range f.Services() {
		f.takeWaivers(name, f.services[name].Waive, "services", name, extensionKey, "waive")
	}
}

func (f *File) takeWaivers(service string, reasons map[string]string, path ...string) {
	for _, rule := range slices.Sorted(maps.Keys(reasons)) {
		at := append(path[:len(path):len(path)], rule)
		switch {
		case !slices.Contains(RuleNames(), rule):
			f.refuse(fmt.Sprintf("there is no rule %q", rule), "the rules are "+strings.Join(RuleNames(), ", "), at...)
		case len(strings.TrimSpace(reasons[rule])) < 3:
			f.refuse(fmt.Sprintf("rule %s is waived without a reason", rule), "say why, for whoever reads this in a year", at...)
		default:
			f.waivers = append(f.waivers, &waiver{rule: rule, reason: reasons[rule], service: service, place: f.at(at...)})
		}
	}
}

// waived takes out the faults of waived rules and marks their waivers as used.
// A service's own waiver goes before that of its file.
func (f *File) waived(faults []Fault) []Fault {
	return slices.DeleteFunc(faults, func(fault Fault) bool {
		for _, own := range []bool{true, false} {
			for _, w := range f.waivers {
				if w.rule == fault.Rule && fault.Rule != "" && (own && w.service == fault.Service || !own && w.service == "") {
					w.used = true
					return true
				}
			}
		}
		return false
	})
}

// settleWaivers lists what is waived, and refuses a waiver that waives nothing:
// it would hide the next fault of its rule.
func (f *File) settleWaivers() []Fault {
	var faults []Fault
	for _, w := range f.waivers {
		if !w.used {
			faults = append(faults, Fault{Place: w.place, Service: w.service, What: fmt.Sprintf("the waiver of rule %s waives nothing", w.rule), Remedy: "remove it"})
			continue
		}
		of := "the file"
		if w.service != "" {
			of = fmt.Sprintf("service %q", w.service)
		}
		f.notes = append(f.notes, Note{w.place, fmt.Sprintf("%s waives rule %s: %s", of, w.rule, w.reason)})
	}
	return faults
}
