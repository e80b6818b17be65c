// Package history keeps Pulumi's own history and backups in the store to a declared number. Pulumi never does.
package history

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// Kinds of objects that Pulumi 3.259 leaves behind, all below .pulumi/.
const (
	kindHistory = "history" // <stack>-<nanoseconds>.{history,checkpoint}.json: one update is both
	kindBackup  = "backup"  // <stack>.<nanoseconds>.json, and checkpoints kept on request beside the stack
	kindBak     = "bak"     // <stack>.json.bak: the checkpoint before the last write
	kindCurrent = "current" // <stack>.json
	kindLock    = "lock"
)

// object is one of Pulumi's objects, understood from its name.
type object struct {
	path  string // below the bucket
	kind  string
	stack string // <project>/<stack>
	stamp string // nanoseconds; orders updates and pairs the two objects of one
}

// names of objects, by the directory below .pulumi that holds them. Compressed objects end in .gz or .zst.
var (
	historyName = regexp.MustCompile(`^.+-(\d{19})\.(?:history|checkpoint)\.json(?:\.gz|\.zst)?$`)
	backupName  = regexp.MustCompile(`^.+\.(\d{19})\.json(?:\.gz|\.zst)?$`)
	stackName   = regexp.MustCompile(`^(.+?)\.json(?:\.gz|\.zst)?(?:\.(bak|\d{19}))?$`)
)

// parse understands one object's path; ok is false for what is none of Pulumi's per-stack objects.
func parse(name string) (o object, ok bool) {
	below, found := strings.CutPrefix(name, ".pulumi/")
	if !found {
		return object{}, false
	}
	directory, rest, _ := strings.Cut(below, "/")
	dir, base := path.Split(rest)
	o = object{path: name, stack: strings.TrimSuffix(dir, "/")}
	switch directory {
	case "history":
		if m := historyName.FindStringSubmatch(base); m != nil {
			o.kind, o.stamp = kindHistory, m[1]
		}
	case "backups":
		if m := backupName.FindStringSubmatch(base); m != nil {
			o.kind, o.stamp = kindBackup, m[1]
		}
	case "locks":
		o.kind, o.stack = kindLock, strings.TrimPrefix(o.stack, "organization/")
	case "stacks":
		m := stackName.FindStringSubmatch(base)
		if m == nil {
			return object{}, false
		}
		o.stack = path.Join(o.stack, m[1])
		switch m[2] {
		case "":
			o.kind = kindCurrent
		case "bak":
			o.kind = kindBak
		default:
			o.kind, o.stamp = kindBackup, m[2]
		}
	}
	return o, o.kind != "" && o.stack != ""
}

// group sorts objects by stack; what cannot be understood is left out and so never removed.
func group(names []string) map[string][]object {
	stacks := map[string][]object{}
	for _, name := range names {
		if o, ok := parse(name); ok {
			stacks[o.stack] = append(stacks[o.stack], o)
		}
	}
	return stacks
}

// surplus are the objects of one stack beyond the newest keep updates and the newest keep backups.
func surplus(objects []object, keep int) []object {
	var old []object
	for _, kind := range []string{kindHistory, kindBackup} {
		var stamps []string
		for _, o := range objects {
			if o.kind == kind && !slices.Contains(stamps, o.stamp) {
				stamps = append(stamps, o.stamp)
			}
		}
		slices.Sort(stamps) // all have nineteen digits
		stamps = stamps[:max(0, len(stamps)-keep)]
		for _, o := range objects {
			if o.kind == kind && slices.Contains(stamps, o.stamp) {
				old = append(old, o)
			}
		}
	}
	return old
}

// rekeyed are the objects of one stack whose secrets are not known to be under the salt of the current checkpoint.
// An update's own object names no salt, so it goes with its checkpoint.
func rekeyed(objects []object, salts map[string]string) []object {
	current, fresh := "", map[string]bool{}
	for _, o := range objects {
		if o.kind == kindCurrent {
			current = salts[o.path]
		}
	}
	if current == "" {
		return nil
	}
	for _, o := range objects {
		if salts[o.path] == current {
			fresh[o.kind+o.stamp] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(objects), func(o object) bool {
		return o.kind == kindCurrent || o.kind == kindLock || fresh[o.kind+o.stamp]
	})
}
