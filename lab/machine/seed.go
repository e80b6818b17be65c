package machine

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// seedFile is one file of a seed; a folder's name ends with a slash.
type seedFile struct {
	name string
	mode int64
	text []byte
}

// seed is a tar of what lies on the machine's disk before its first boot: the
// user data where only root reads it, and the lab's certificate authority.
func (l *Lab) seed(m Machine) ([]byte, error) {
	meta, err := metaData(m)
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(filepath.Join(l.instance.CADir(), "ca.crt"))
	if err != nil {
		return nil, err
	}
	user := m.UserData
	if user == "" {
		user = "#cloud-config\n{}\n"
	}
	var buffer bytes.Buffer
	w := tar.NewWriter(&buffer)
	files := []seedFile{
		{name: "var/lib/cloud/", mode: 0o755},
		{name: "var/lib/cloud/seed/", mode: 0o700},
		{name: "var/lib/cloud/seed/nocloud/", mode: 0o700},
		{name: "var/lib/cloud/seed/nocloud/meta-data", mode: 0o600, text: meta},
		{name: "var/lib/cloud/seed/nocloud/user-data", mode: 0o600, text: []byte(user)},
		{name: "usr/local/share/ca-certificates/skep-lab.crt", mode: 0o644, text: ca},
	}
	if l.virtual() {
		network := l.networkFiles(m)
		for _, name := range slices.Sorted(maps.Keys(network)) {
			files = append(files, seedFile{name: name, mode: 0o644, text: []byte(network[name])})
		}
	}
	for _, file := range files {
		header := &tar.Header{Name: file.name, Mode: file.mode, Size: int64(len(file.text)), ModTime: time.Now()}
		header.Typeflag = tar.TypeReg
		if file.name[len(file.name)-1] == '/' {
			header.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(file.text); err != nil {
			return nil, err
		}
	}
	err = w.Close() // which writes the end
	return buffer.Bytes(), err
}

// metaData is what a cloud tells a machine about itself, as NoCloud reads it:
// JSON is YAML.
func metaData(m Machine) ([]byte, error) {
	return json.Marshal(map[string]any{
		"instance-id":    strconv.Itoa(m.ID),
		"local-hostname": m.Name,
		"public-keys":    m.AuthorizedKeys,
	})
}
