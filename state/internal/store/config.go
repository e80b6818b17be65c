// Package store opens the encrypted store: rclone's crypt over a local folder or any remote, set up in memory so that
// no key is ever in an argument, in the environment or in a second file.
package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	_ "github.com/rclone/rclone/backend/alias" // names bucket and path of an S3 remote
	_ "github.com/rclone/rclone/backend/crypt"
	_ "github.com/rclone/rclone/backend/s3"
	rclone "github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/config"
	"github.com/rclone/rclone/fs/config/obscure"

	"skep/state/internal/folder"
	"skep/state/internal/home"
)

// RemoteSection is the section of a remote's configuration that the store is kept under.
const RemoteSection = "store"

// cryptSection names our own section; a user's configuration cannot hold it.
const cryptSection = "skep-crypt"

// kinds are the backends that are linked in. rclone's local one is not: see package folder.
var kinds = []string{"alias", folder.Type, "s3"}

// Sections is an rclone configuration: section, then key, then value.
type Sections map[string]map[string]string

// ParseRemote reads an rclone configuration file and checks what can be checked without a network.
func ParseRemote(text string) (Sections, error) {
	sections, current := Sections{}, ""
	scanner := bufio.NewScanner(strings.NewReader(text))
	for number := 1; scanner.Scan(); number++ {
		line := strings.TrimSpace(scanner.Text())
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[' && line[len(line)-1] == ']':
			current = line[1 : len(line)-1]
			sections[current] = map[string]string{}
		default:
			key, value, found := strings.Cut(line, "=")
			if !found || current == "" {
				// The line itself may be a key, so it is not repeated.
				return nil, fmt.Errorf("read remote configuration: line %d is neither [section] nor key = value", number)
			}
			sections[current][strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return sections, errors.Join(scanner.Err(), sections.check())
}

func (s Sections) check() error {
	if s[RemoteSection] == nil {
		return fmt.Errorf("read remote configuration: section [%s] is missing: name there what holds the encrypted objects", RemoteSection)
	}
	var faults []error
	for name, section := range s {
		if name == cryptSection {
			faults = append(faults, fmt.Errorf("read remote configuration: section name %q is taken: choose another", name))
		}
		if !slices.Contains(kinds, section["type"]) {
			faults = append(faults, fmt.Errorf("read remote configuration: type %q of section [%s] is not built in: use one of %s", section["type"], name, strings.Join(kinds, ", ")))
		}
		if target, _, _ := strings.Cut(section["remote"], ":"); section["type"] == "alias" && s[target] == nil {
			faults = append(faults, fmt.Errorf("read remote configuration: remote %q of section [%s] begins with no other section's name and a colon", section["remote"], name))
		}
	}
	return errors.Join(faults...)
}

// Describe says in a few words where the encrypted objects are, without any secret.
func Describe(h home.Home) string {
	sections, err := readRemote(h)
	if err != nil || sections == nil {
		return h.StoreDir()
	}
	section := sections[RemoteSection]
	switch section["type"] {
	case "alias":
		return section["remote"]
	case folder.Type:
		return section["path"]
	default:
		return section["type"] + " " + section["endpoint"]
	}
}

// readRemote reads the remote's configuration of a home; nil when the store is the local folder.
func readRemote(h home.Home) (Sections, error) {
	text, err := os.ReadFile(h.RemoteFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read remote configuration: %w", err)
	}
	return ParseRemote(string(text))
}

// Configure puts the store of this home under the given key into rclone's configuration in memory.
func Configure(h home.Home, key home.CryptKey) error {
	sections, err := readRemote(h)
	if err != nil {
		return err
	}
	if sections == nil {
		sections = Sections{RemoteSection: {"type": folder.Type, "path": h.StoreDir()}}
	}
	password, err := obscure.Obscure(key.Password)
	if err != nil {
		return fmt.Errorf("use the crypt key: %w", err)
	}
	salt, err := obscure.Obscure(key.Salt)
	if err != nil {
		return fmt.Errorf("use the crypt key: %w", err)
	}
	sections[cryptSection] = map[string]string{
		"type": "crypt", "remote": RemoteSection + ":", "password": password, "password2": salt,
		"filename_encryption": "standard", "directory_name_encryption": "true",
	}
	data := config.LoadedData() // in memory: no configuration file is installed in this program
	for name, section := range sections {
		data.DeleteSection(name)
		for key, value := range section {
			data.SetValue(name, key, value)
		}
	}
	// An unreachable remote must be an answer within seconds, not within rclone's patient defaults.
	options := rclone.GetConfig(context.Background())
	options.ConnectTimeout = rclone.Duration(10 * time.Second)
	options.LowLevelRetries = 3
	// The times that the server keeps save a request for each object of a listing.
	options.UseServerModTime = true
	return nil
}
