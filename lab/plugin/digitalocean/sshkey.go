//lint:file-ignore ST1005 errors are in the words of the official provider and of the API

package digitalocean

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

	"skep/lab/cloud"
	"skep/lab/plugin/bridge"
)

const keysPath = "account/keys"

type sshKeyObject struct {
	ID          int    `json:"id"`
	Name        string `json:"name"`
	PublicKey   string `json:"publicKey"`
	Fingerprint string `json:"fingerprint"`
}

func (k sshKeyObject) values() bridge.Values {
	return bridge.Values{"name": k.Name, "publicKey": k.PublicKey, "fingerprint": k.Fingerprint}
}

func sshKey(a *account) *bridge.Resource {
	return &bridge.Resource{
		Token: "digitalocean:index/sshKey:SshKey",
		Fields: bridge.Fields{
			"name": autoName(),
			"publicKey": {Type: bridge.String, Required: true, ForceNew: true, Check: bridge.NotEmpty,
				Same: func(prior, planned any, _ *bridge.Plan) bool {
					old, _ := prior.(string)
					text, known := planned.(string)
					return known && strings.TrimSpace(old) == strings.TrimSpace(text)
				}},
			"fingerprint": computed(bridge.String),
		},
		Create: a.createSSHKey,
		Read: func(_ context.Context, id string, _ bridge.Values) (bridge.Values, error) {
			if _, err := strconv.Atoi(id); err != nil {
				return nil, fmt.Errorf("invalid SSH key id: %w", err)
			}
			l, err := a.request("GET", keysPath+"/"+id)
			if err != nil {
				return nil, fmt.Errorf("Error retrieving SSH key: %w", err)
			}
			var k sshKeyObject
			err = l.store.Get(cloud.SSHKeys, id, &k)
			return k.values(), gone(err)
		},
		Update: func(_ context.Context, id string, _, in bridge.Values) (bridge.Values, error) {
			l, err := a.request("PUT", keysPath+"/"+id)
			if err != nil {
				return nil, fmt.Errorf("Failed to update SSH key: %w", err)
			}
			var k sshKeyObject
			if err := l.store.Get(cloud.SSHKeys, id, &k); err != nil {
				return nil, gone(err)
			}
			k.Name = in.String("name")
			return k.values(), l.store.Put(cloud.SSHKeys, id, k)
		},
		Delete: func(_ context.Context, id string, _ bridge.Values) error {
			l, err := a.request("DELETE", keysPath+"/"+id)
			if err != nil {
				return fmt.Errorf("Error deleting SSH key: %w", err)
			}
			return l.store.Delete(cloud.SSHKeys, id)
		},
	}
}

func (a *account) createSSHKey(_ context.Context, in bridge.Values) (string, bridge.Values, error) {
	id, k, err := a.addSSHKey(in.String("name"), in.String("publicKey"))
	if err != nil {
		return "", nil, fmt.Errorf("Error creating SSH Key: %w", err)
	}
	return id, k.values(), nil
}

func (a *account) addSSHKey(name, publicKey string) (string, sshKeyObject, error) {
	l, unlock, err := a.locked("POST", keysPath)
	if err != nil {
		return "", sshKeyObject{}, err
	}
	defer unlock()
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(publicKey))
	if err != nil {
		return "", sshKeyObject{}, refused("POST", keysPath, "Key invalid, key should be of the format `type key [comment]`")
	}
	all, err := cloud.List[sshKeyObject](l.store, cloud.SSHKeys)
	if err != nil {
		return "", sshKeyObject{}, err
	}
	k := sshKeyObject{Name: name, PublicKey: publicKey, Fingerprint: ssh.FingerprintLegacyMD5(key)}
	for _, other := range all {
		if other.Fingerprint == k.Fingerprint {
			return "", k, refused("POST", keysPath, "SSH Key is already in use on your account")
		}
	}
	id := cloud.NewNumber()
	k.ID, _ = strconv.Atoi(id)
	return id, k, l.store.Put(cloud.SSHKeys, id, k)
}

// authorizedKeys resolves the keys of a droplet, which are named by id or by
// fingerprint.
func authorizedKeys(l lab, names []string) (keys, unknown []string, err error) {
	all, err := cloud.List[sshKeyObject](l.store, cloud.SSHKeys)
	if err != nil {
		return nil, nil, err
	}
	found := map[string]string{}
	for _, k := range all {
		found[strconv.Itoa(k.ID)], found[k.Fingerprint] = k.PublicKey, k.PublicKey
	}
	for _, name := range names {
		key, ok := found[name]
		if !ok {
			unknown = append(unknown, name)
			continue
		}
		keys = append(keys, strings.TrimSpace(key))
	}
	return keys, unknown, nil
}
