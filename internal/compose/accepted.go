package compose

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// swarmSchema is what `docker stack deploy` checks a file of our version
// against: cli/compose/schema/data/config_schema_v3.9.json of docker/cli
// (Apache-2.0).
//
//go:embed swarm-schema.json
var swarmSchema string

// compiledSwarmSchema compiles it once.
var compiledSwarmSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(swarmSchema))
	if err != nil {
		return nil, err
	}
	// Its ids are not URLs, and its references work without them.
	dropIDs(document)
	compiler := jsonschema.NewCompiler()
	compiler.RegisterFormat(&jsonschema.Format{Name: "duration", Validate: checkDuration})
	compiler.AssertFormat()
	if err := compiler.AddResource("swarm.json", document); err != nil {
		return nil, err
	}
	return compiler.Compile("swarm.json")
})

func dropIDs(value any) {
	switch v := value.(type) {
	case map[string]any:
		if _, text := v["id"].(string); text {
			delete(v, "id")
		}
		for _, inner := range v {
			dropIDs(inner)
		}
	case []any:
		for _, inner := range v {
			dropIDs(inner)
		}
	}
}

func checkDuration(value any) error {
	if text, ok := value.(string); ok {
		_, err := time.ParseDuration(text)
		return err
	}
	return nil
}

// checkAccepted refuses what Swarm's own reader would refuse half-way through a
// deploy.
func (f *File) checkAccepted() {
	schema, err := compiledSwarmSchema()
	if err != nil {
		panic(fmt.Sprintf("the schema of docker stack deploy: %v", err)) // it is part of the program
	}
	f.checkTmpfs()
	document := f.render(f.Services(), Rendering{}, objectNames{f.openNames(), f.configNames()})
	var invalid *jsonschema.ValidationError
	if errors.As(schema.Validate(generic(document)), &invalid) {
		f.refuseInvalid(invalid)
	}
}

// refuseInvalid reports the deepest causes: those above only repeat them.
func (f *File) refuseInvalid(invalid *jsonschema.ValidationError) {
	if causes := apt(invalid); len(causes) > 0 {
		for _, cause := range causes {
			f.refuseInvalid(cause)
		}
		return
	}
	what := invalid.ErrorKind.LocalizedString(message.NewPrinter(language.English))
	path := invalid.InstanceLocation
	for _, word := range quotedWord.FindAllStringSubmatch(what, -1) {
		if _, _, depth := f.positions.of(append(slices.Clone(path), word[1])...); depth > len(path) {
			path = append(slices.Clone(path), word[1])
		}
	}
	// A key that is refused by name has its own remedy already.
	if len(path) > 2 && path[0] == "services" && refused[path[2]] != "" {
		return
	}
	f.refuse(strings.Join(invalid.InstanceLocation, ".")+": "+what, "docker stack deploy would refuse it", path...)
}

// apt is what of the causes to tell: an entry that may be a number, a text or a
// mapping is refused as each of them, and what says more than that it is of
// another kind is what is meant.
func apt(invalid *jsonschema.ValidationError) []*jsonschema.ValidationError {
	var better, kinds []*jsonschema.ValidationError
	for _, cause := range invalid.Causes {
		_, wrongKind := cause.ErrorKind.(*kind.Type)
		if wrongKind && len(cause.InstanceLocation) == len(invalid.InstanceLocation) {
			kinds = append(kinds, cause)
		} else {
			better = append(better, cause)
		}
	}
	if len(better) == 0 && len(kinds) > 0 {
		return kinds[:1]
	}
	return better
}

// checkTmpfs refuses options that Swarm has no place for.
func (f *File) checkTmpfs() {
	for _, s := range f.all() {
		entries := list(s.body["tmpfs"])
		if short := text(s.body["tmpfs"]); short != "" {
			entries = []any{short}
		}
		for i, entry := range entries {
			_, options, _ := strings.Cut(text(entry), ":")
			for option := range strings.SplitSeq(options, ",") {
				if !slices.Contains(harmlessTmpfs, option) && !strings.HasPrefix(option, "size=") {
					f.refuse(fmt.Sprintf("Swarm has no option %q for a tmpfs", option), "give a size only; everybody in the container may write to it", s.path("tmpfs", fmt.Sprint(i))...)
				}
			}
		}
		for _, m := range s.mounts() {
			for key := range mapping(mapping(list(s.body["volumes"])[m.index])["tmpfs"]) {
				if key != "size" {
					f.refuse(fmt.Sprintf("Swarm ignores tmpfs.%s", key), "leave it out", s.path("volumes", fmt.Sprint(m.index), "tmpfs", key)...)
				}
			}
			for key := range mapping(mapping(list(s.body["volumes"])[m.index])["volume"]) {
				if key != "nocopy" {
					f.refuse(fmt.Sprintf("Swarm ignores volume.%s", key), "leave it out", s.path("volumes", fmt.Sprint(m.index), "volume", key)...)
				}
			}
		}
	}
}

// generic turns numbers into the kinds that the validator knows.
func generic(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, inner := range v {
			out[key] = generic(inner)
		}
		return out
	case map[string]map[string]any:
		out := map[string]any{}
		for key, inner := range v {
			out[key] = generic(inner)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = generic(inner)
		}
		return out
	default:
		return value
	}
}
