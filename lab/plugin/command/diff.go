package command

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// diffInputs compares two sets of inputs as the official provider does: every
// difference is an update, and only triggers that come or go as a whole
// replace. A changed element of triggers is an update here, which the option
// replaceOnChanges of the official SDK turns into a replacement.
func diffInputs(old, new resource.PropertyMap, ignore []string) (*pulumirpc.DiffResponse, error) {
	old, new = canonical(old), canonical(new)
	for _, ignored := range ignore {
		path, err := resource.ParsePropertyPath(ignored)
		if err != nil {
			return nil, fmt.Errorf("read ignored path %q: %w", ignored, err)
		}
		path.Reset(old, new)
	}
	response := &pulumirpc.DiffResponse{
		Changes:         pulumirpc.DiffResponse_DIFF_NONE,
		DetailedDiff:    map[string]*pulumirpc.PropertyDiff{},
		HasDetailedDiff: true,
	}
	changed := map[string]bool{}
	for path, change := range plugin.NewDetailedDiffFromObjectDiff(old.Diff(new), true) {
		kind := change.Kind
		if path == string(triggersKey) {
			kind = kind.AsReplace()
			response.Replaces = append(response.Replaces, path)
		}
		response.DetailedDiff[path] = &pulumirpc.PropertyDiff{Kind: rpcKind(kind), InputDiff: true}
		changed[topOf(path)] = true
	}
	for key := range changed {
		response.Diffs = append(response.Diffs, key)
	}
	slices.SortFunc(response.Diffs, cmp.Compare[string])
	if len(changed) > 0 {
		response.Changes = pulumirpc.DiffResponse_DIFF_SOME
	}
	return response, nil
}

// canonical copies props with secrets inside secrets taken away, so that a
// connection marked as a whole equals one whose fields are marked too.
func canonical(props resource.PropertyMap) resource.PropertyMap {
	clean := resource.PropertyMap{}
	for key, value := range props {
		if value.IsSecret() {
			value = resource.MakeSecret(revealAll(value))
		}
		clean[key] = value
	}
	return clean
}

// topOf is the top-level property of a property path.
func topOf(path string) string {
	parsed, err := resource.ParsePropertyPath(path)
	if err != nil || len(parsed) == 0 {
		return path
	}
	return fmt.Sprint(parsed[0])
}

func rpcKind(kind plugin.DiffKind) pulumirpc.PropertyDiff_Kind {
	return map[plugin.DiffKind]pulumirpc.PropertyDiff_Kind{
		plugin.DiffAdd:           pulumirpc.PropertyDiff_ADD,
		plugin.DiffAddReplace:    pulumirpc.PropertyDiff_ADD_REPLACE,
		plugin.DiffDelete:        pulumirpc.PropertyDiff_DELETE,
		plugin.DiffDeleteReplace: pulumirpc.PropertyDiff_DELETE_REPLACE,
		plugin.DiffUpdate:        pulumirpc.PropertyDiff_UPDATE,
		plugin.DiffUpdateReplace: pulumirpc.PropertyDiff_UPDATE_REPLACE,
	}[kind]
}
