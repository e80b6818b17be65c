package command

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gobwas/glob"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// gather makes the outputs assets and archive from the files below dir that
// the inputs assetPaths and archivePaths name.
func gather(dir string, props resource.PropertyMap) (resource.PropertyMap, error) {
	outputs := resource.PropertyMap{}
	if props.HasValue("assetPaths") {
		paths, err := match(dir, listOf(props, "assetPaths"))
		if err != nil {
			return nil, fmt.Errorf("gather assets: %w", err)
		}
		assets := resource.PropertyMap{}
		for _, path := range paths {
			asset, err := resource.NewPathAsset(filepath.Join(dir, path))
			if err != nil {
				return nil, fmt.Errorf("gather asset %q: %w", path, err)
			}
			assets[resource.PropertyKey(path)] = resource.NewProperty(asset)
		}
		outputs["assets"] = resource.NewProperty(assets)
	}
	if props.HasValue("archivePaths") {
		paths, err := match(dir, listOf(props, "archivePaths"))
		if err != nil {
			return nil, fmt.Errorf("gather archive: %w", err)
		}
		members := map[string]any{}
		for _, path := range paths {
			if members[path], err = resource.NewPathAsset(filepath.Join(dir, path)); err != nil {
				return nil, fmt.Errorf("gather archive member %q: %w", path, err)
			}
		}
		archive, err := resource.NewAssetArchive(members)
		if err != nil {
			return nil, fmt.Errorf("gather archive: %w", err)
		}
		outputs["archive"] = resource.NewProperty(archive)
	}
	return outputs, nil
}

// match lists the files below dir that the globs choose, in order. A glob
// takes files in, or takes them out again when it begins with "!"; the last
// one that matches decides.
func match(dir string, globs []string) ([]string, error) {
	compiled := make([]glob.Glob, len(globs))
	for i, pattern := range globs {
		var err error
		if compiled[i], err = glob.Compile(strings.TrimPrefix(pattern, "!"), '/'); err != nil {
			return nil, fmt.Errorf("read glob %q: %w", pattern, err)
		}
	}
	chosen := map[string]bool{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		for i, pattern := range globs {
			if compiled[i].Match(path) {
				chosen[path] = !strings.HasPrefix(pattern, "!")
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("walk folder %q: %w", dir, err)
	}
	maps.DeleteFunc(chosen, func(_ string, in bool) bool { return !in })
	return slices.Sorted(maps.Keys(chosen)), nil
}
