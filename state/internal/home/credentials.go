package home

import (
	"fmt"
	"os"
	"strings"
)

// Profile is the section of the credentials file, and the profile that Pulumi's S3 client is told to use.
const Profile = "skep"

// Credentials are the access key of the gateway. They open nothing but the loopback port.
type Credentials struct{ AccessKey, SecretKey string }

const (
	accessKeyName = "aws_access_key_id"
	secretKeyName = "aws_secret_access_key"
)

// newCredentials is an AWS shared credentials file with a random access key.
func newCredentials() ([]byte, error) {
	return fmt.Appendf(nil, "[%s]\n%s = %s\n%s = %s\n", Profile, accessKeyName, "SKEP"+random(12), secretKeyName, random(30)), nil
}

// Credentials reads the access key of this home.
func (h Home) Credentials() (Credentials, error) {
	text, err := os.ReadFile(h.CredentialsFile())
	if err != nil {
		return Credentials{}, fmt.Errorf("read the gateway's access key: %w", err)
	}
	var c Credentials
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, "=")
		switch strings.TrimSpace(name) {
		case accessKeyName:
			c.AccessKey = strings.TrimSpace(value)
		case secretKeyName:
			c.SecretKey = strings.TrimSpace(value)
		}
	}
	if c.AccessKey == "" || c.SecretKey == "" {
		return Credentials{}, fmt.Errorf("read the gateway's access key: %q is damaged: remove it and run scripts/state init", h.CredentialsFile())
	}
	return c, nil
}
