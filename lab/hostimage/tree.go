package hostimage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"skep/lab/instance"
)

// tree is what mmdebstrap makes a file system of.
type tree struct {
	// suite is the release's code name.
	suite    string
	packages []string
	// files are folders of sources, laid out as the file system.
	files []string
	// customize is the script among sources that gets the finished tree, if any.
	customize string
}

// paths are what of sources the tree is made from.
func (t tree) paths() []string {
	if t.customize == "" {
		return t.files
	}
	return append([]string{t.customize}, t.files...)
}

func (t tree) digest() string {
	h := sha256.New()
	_, _ = fmt.Fprintln(h, t.suite, t.packages, excluded)
	for _, path := range t.paths() {
		err := fs.WalkDir(sources, path, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := sources.ReadFile(path)
			_, _ = fmt.Fprintln(h, path, len(text))
			_, _ = h.Write(text)
			return err
		})
		if err != nil {
			panic(err) // The files are part of this program.
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// build makes target, a tar, unless it is there already.
func (t tree) build(ctx context.Context, target string) error {
	return once(target, func(work string) error {
		if err := t.bootstrap(ctx, work); err != nil {
			return err
		}
		return os.Rename(filepath.Join(work, "root.tar"), target)
	})
}

// once runs make unless target is there. It has a folder beside target to work
// in, whose disk target will be on.
func once(target string, make func(work string) error) error {
	unlock, err := instance.Lock(target + ".lock")
	if err != nil {
		return fmt.Errorf("build host image: %w", err)
	}
	defer unlock()
	if _, err := os.Stat(target); err == nil {
		return nil
	}
	work, err := os.MkdirTemp(filepath.Dir(target), "build-")
	if err != nil {
		return fmt.Errorf("build host image: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	if err := make(work); err != nil {
		return fmt.Errorf("build host image: %w", err)
	}
	return prune(filepath.Dir(target), time.Now())
}

// bootstrap makes root.tar in work.
func (t tree) bootstrap(ctx context.Context, work string) error {
	if _, err := exec.LookPath("mmdebstrap"); err != nil {
		return fmt.Errorf("%w: install it with `apt-get install mmdebstrap`", err)
	}
	if err := unpack(work); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Minute)
	defer cancel()
	return mmdebstrap(ctx, work, t.bootstrapArgs(work, Image{suite: t.suite}.machineMirrors(), machineProxies(ctx)))
}

func mmdebstrap(ctx context.Context, work string, args []string) error {
	cmd := exec.CommandContext(ctx, "mmdebstrap", args...)
	// On an interrupt it removes its own temporary tree.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	cmd.Env = append(os.Environ(), "TMPDIR="+work)
	said, err := cmd.CombinedOutput()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(said)), "\n")
		return fmt.Errorf("run mmdebstrap: %w:\n%s",
			errors.Join(err, context.Cause(ctx)), strings.Join(lines[max(0, len(lines)-15):], "\n"))
	}
	return nil
}

func (t tree) bootstrapArgs(work string, mirrors []string, aptOptions []string) []string {
	args := []string{"--variant=minbase", "--include=" + strings.Join(t.packages, ",")}
	for _, pattern := range excluded {
		args = append(args, "--dpkgopt=path-exclude="+pattern)
	}
	args = append(args, "--dpkgopt=path-include=/usr/share/doc/*/copyright")
	for _, option := range aptOptions {
		args = append(args, "--aptopt="+option)
	}
	for _, dir := range t.files {
		args = append(args, "--customize-hook=sync-in "+filepath.Join(work, dir)+" /")
	}
	if t.customize != "" {
		args = append(args, "--customize-hook="+filepath.Join(work, t.customize))
	}
	return slices.Concat(args, []string{t.suite, filepath.Join(work, "root.tar")}, mirrors)
}

// unpack writes the embedded sources below dir. Embedding forgets modes: what
// starts as a script does is a script.
func unpack(dir string) error {
	return fs.WalkDir(sources, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(dir, path)
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		text, err := sources.ReadFile(path)
		if err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if strings.HasPrefix(string(text), "#!") {
			mode = 0o755
		}
		return os.WriteFile(target, text, mode)
	})
}
