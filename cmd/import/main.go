// Import turns a compose file into a stack's folder; scripts/import runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"skep/internal/importer"
	"skep/internal/registry"
)

var stackName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

func main() {
	name := flag.String("name", "", "the stack's name; default, the name of the file's folder")
	from := flag.String("from", ".", "the folder that the file's name starts from")
	into := flag.String("into", "stacks", "where stacks are")
	offline := flag.Bool("offline", false, "ask no registry for digests")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "import: need one compose file")
		os.Exit(2)
	}
	path := flag.Arg(0)
	if !filepath.IsAbs(path) {
		path = filepath.Join(*from, path)
	}
	if err := run(path, *name, *into, *offline); err != nil {
		fmt.Fprintln(os.Stderr, "import:", err)
		os.Exit(1)
	}
}

func run(path, name, into string, offline bool) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if name == "" {
		name = filepath.Base(filepath.Dir(absolute))
	}
	if !stackName.MatchString(name) {
		return fmt.Errorf("%q is no name of a stack: give one of lower-case letters, digits and inner dashes with --name", name)
	}
	root, err := os.OpenRoot(filepath.Dir(absolute))
	if err != nil {
		return err
	}
	source := importer.Source{Path: path, Content: content, Folder: root.FS(), Stack: name}
	if !offline {
		source.Digest = func(image string) (string, error) {
			return registry.Digest(context.Background(), image, registry.Access{})
		}
	}
	result, err := importer.Import(source)
	if err != nil {
		return err
	}
	return write(result, filepath.Join(into, name))
}

// write makes the folder, which may not be there yet.
func write(result *importer.Result, folder string) error {
	if err := os.Mkdir(folder, 0o755); err != nil {
		if errors.Is(err, os.ErrExist) {
			return fmt.Errorf("%s is there already: choose another name with --name, or remove it", folder)
		}
		return err
	}
	for _, file := range slices.Sorted(maps.Keys(result.Files)) {
		if err := os.WriteFile(filepath.Join(folder, file), result.Files[file], 0o644); err != nil {
			return err
		}
	}
	for _, line := range result.Changed {
		fmt.Println("changed:", line)
	}
	for _, line := range result.Open {
		fmt.Println("to do:  ", line)
	}
	fmt.Printf("%s is written; what is to do is marked there with TODO(skep)\n", folder)
	return nil
}
