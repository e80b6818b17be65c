//lint:file-ignore ST1005 errors are in the words of the official provider and of the API

package cloudflare

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"skep/lab/cloud"
	"skep/lab/plugin/bridge"
)

// dnssecObject says whether a zone is signed. The lab's name server signs
// nothing: the keys are numbers that look like keys.
type dnssecObject struct {
	Status     string    `json:"status"`
	ModifiedOn time.Time `json:"modifiedOn"`
}

func dnssec(a *account) *bridge.Resource {
	return &bridge.Resource{
		Token: "cloudflare:index/zoneDnssec:ZoneDnssec",
		Fields: bridge.Fields{
			"zoneId":     {Type: bridge.String, Required: true, ForceNew: true},
			"modifiedOn": {Type: bridge.String, Optional: true, Computed: true},
			"status":     output(bridge.String), "flags": output(bridge.Int), "algorithm": output(bridge.String), "keyType": output(bridge.String),
			"digestType": output(bridge.String), "digestAlgorithm": output(bridge.String), "digest": output(bridge.String),
			"ds": output(bridge.String), "keyTag": output(bridge.Int), "publicKey": output(bridge.String),
		},
		Create: func(ctx context.Context, in bridge.Values) (string, bridge.Values, error) {
			id := in.String("zoneId")
			if err := a.sign(id, "pending"); err != nil {
				return "", nil, fmt.Errorf("error creating zone DNSSEC %q: %w", id, err)
			}
			out, err := a.readDNSSEC(ctx, id, in)
			return id, out, err
		},
		Read: a.readDNSSEC,
		// Upstream has nothing to change and reads the zone.
		Update: func(ctx context.Context, id string, _, in bridge.Values) (bridge.Values, error) {
			return a.readDNSSEC(ctx, id, in)
		},
		Delete: func(_ context.Context, id string, _ bridge.Values) error {
			if err := a.sign(id, "disabled"); err != nil {
				return fmt.Errorf("error deleting Cloudflare Zone DNSSEC: %w", err)
			}
			return nil
		},
		Import: func(_ context.Context, id string) (string, bridge.Values, error) {
			return id, bridge.Values{"zoneId": id}, nil
		},
	}
}

// sign sets the state of a zone; one that is signed already stays as it is.
func (a *account) sign(zoneID, status string) error {
	store, err := a.request()
	if err != nil {
		return err
	}
	if _, err := zoneByID(store, zoneID); err != nil {
		return err
	}
	var o dnssecObject
	if err := store.Get(cloud.DNSSEC, zoneID, &o); err != nil && !errors.Is(err, cloud.ErrNotFound) {
		return err
	}
	if status == "pending" && (o.Status == "active" || o.Status == "pending") {
		return nil
	}
	return store.Put(cloud.DNSSEC, zoneID, dnssecObject{status, time.Now().UTC().Truncate(time.Second)})
}

func (a *account) readDNSSEC(_ context.Context, id string, _ bridge.Values) (bridge.Values, error) {
	store, err := a.request()
	if err != nil {
		return nil, fmt.Errorf("error finding Zone DNSSEC %q: %w", id, err)
	}
	z, err := zoneByID(store, id)
	if err != nil {
		return nil, fmt.Errorf("error finding Zone DNSSEC %q: %w", id, err)
	}
	o := dnssecObject{Status: "disabled"}
	if err := store.Get(cloud.DNSSEC, id, &o); err != nil && !errors.Is(err, cloud.ErrNotFound) {
		return nil, err
	}
	if o.Status == "disabled" {
		return nil, fmt.Errorf("zone DNSSEC %q: already disabled", id)
	}
	key := sha256.Sum256([]byte("key of " + z.ID))
	tag := int(key[0])<<8 | int(key[1])
	digest := fmt.Sprintf("%X", sha256.Sum256(key[:]))
	return bridge.Values{
		"zoneId": id, "status": o.Status, "flags": 257, "algorithm": "13", "keyType": "ECDSAP256SHA256", "digestType": "2",
		"digestAlgorithm": "SHA256", "digest": digest, "keyTag": tag, "publicKey": base64.StdEncoding.EncodeToString(append(key[:], key[:]...)),
		"ds": fmt.Sprintf("%s. 3600 IN DS %d 13 2 %s", z.Name, tag, digest), "modifiedOn": o.ModifiedOn.Format(time.RFC1123Z),
	}, nil
}
