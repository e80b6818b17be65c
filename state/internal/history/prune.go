package history

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	rclone "github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/walk"

	"skep/state/internal/home"
)

// Options say what to remove.
type Options struct {
	Keep    int    // updates and backups per stack; negative: all
	Rekeyed bool   // remove what is not encrypted under the stack's present passphrase
	Stack   string // only this one, as <stack> or <project>/<stack>
	DryRun  bool
}

// Prune removes what the options say and writes a line for each stack.
func Prune(ctx context.Context, store rclone.Fs, o Options, out io.Writer) error {
	names, err := list(ctx, store)
	if err != nil {
		return err
	}
	stacks := group(names)
	var faults []error
	for _, stack := range slices.Sorted(maps.Keys(stacks)) {
		if o.Stack == "" || o.Stack == stack || o.Stack == path.Base(stack) {
			faults = append(faults, pruneStack(ctx, store, stack, stacks[stack], o, out))
		}
	}
	return errors.Join(faults...)
}

func pruneStack(ctx context.Context, store rclone.Fs, stack string, objects []object, o Options, out io.Writer) error {
	if slices.ContainsFunc(objects, func(o object) bool { return o.kind == kindLock }) && !o.DryRun {
		return fmt.Errorf("prune stack %q: an update holds its lock: wait for it, or run pulumi cancel", stack)
	}
	var doomed []string
	add := func(objects []object) {
		for _, o := range objects {
			if !slices.Contains(doomed, o.path) {
				doomed = append(doomed, o.path)
			}
		}
	}
	if o.Keep >= 0 {
		add(surplus(objects, o.Keep))
	}
	if o.Rekeyed {
		salts := map[string]string{}
		for _, o := range objects {
			if o.kind == kindLock || strings.Contains(o.path, ".history.json") {
				continue // these name no salt
			}
			salt, err := readSalt(ctx, store, o.path)
			if err != nil {
				return err
			}
			salts[o.path] = salt
		}
		add(rekeyed(objects, salts))
	}
	fmt.Fprintf(out, "stack %s: %s %d of %d objects\n", stack, verb(o.DryRun), len(doomed), len(objects))
	return remove(ctx, store, doomed, o.DryRun)
}

func verb(dryRun bool) string {
	if dryRun {
		return "would remove"
	}
	return "removed"
}

func remove(ctx context.Context, store rclone.Fs, paths []string, dryRun bool) error {
	if dryRun {
		return nil
	}
	for _, name := range paths {
		object, err := store.NewObject(ctx, home.Bucket+"/"+name)
		if errors.Is(err, rclone.ErrorObjectNotFound) {
			continue // another operator prunes too
		}
		if err == nil {
			err = object.Remove(ctx)
		}
		if err != nil {
			return fmt.Errorf("remove %q: %w", name, err)
		}
	}
	return nil
}

// list reads the names of all of Pulumi's objects.
func list(ctx context.Context, store rclone.Fs) ([]string, error) {
	var names []string
	err := walk.ListR(ctx, store, home.Bucket, true, -1, walk.ListObjects, func(found rclone.DirEntries) error {
		for _, e := range found {
			names = append(names, strings.TrimPrefix(e.Remote(), home.Bucket+"/"))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the store: %w", err)
	}
	return names, nil
}
