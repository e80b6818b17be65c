//lint:file-ignore ST1005 errors are in the words of the official provider and of the API

package cloudflare

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	"skep/lab/cloud"
	"skep/lab/plugin/bridge"
)

// pullObject is a client certificate that the proxies of a zone may show.
type pullObject struct {
	ID          string    `json:"id"`
	ZoneID      string    `json:"zoneId"`
	Type        string    `json:"type"`
	Certificate string    `json:"certificate"`
	Issuer      string    `json:"issuer"`
	Signature   string    `json:"signature"`
	Serial      string    `json:"serial"`
	ExpiresOn   time.Time `json:"expiresOn"`
	UploadedOn  time.Time `json:"uploadedOn"`
}

func (o pullObject) values() bridge.Values {
	out := bridge.Values{
		"issuer": o.Issuer, "signature": o.Signature, "expiresOn": o.ExpiresOn.Format(time.RFC3339Nano), "status": "active",
		"uploadedOn": o.UploadedOn.Format(time.RFC3339Nano), "serialNumber": "",
	}
	if o.Type == "per-hostname" {
		out["serialNumber"] = o.Serial
	}
	return out
}

// pullTypes are where a certificate is for, with the words of messages.
var pullTypes = map[string]string{"per-zone": "Per-Zone", "per-hostname": "Per-Hostname"}

func pullsCertificate(a *account) *bridge.Resource {
	in := func() *bridge.Field { return &bridge.Field{Type: bridge.String, Required: true, ForceNew: true} }
	out := func() *bridge.Field { return &bridge.Field{Type: bridge.String, Computed: true, ForceNew: true} }
	kind, key := in(), in()
	kind.Check, key.Secret = bridge.OneOf("per-zone", "per-hostname"), true
	return &bridge.Resource{
		Token: "cloudflare:index/authenticatedOriginPullsCertificate:AuthenticatedOriginPullsCertificate",
		Meta:  `{"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0":{"create":60000000000}}`,
		Fields: bridge.Fields{
			"zoneId": in(), "certificate": in(), "privateKey": key, "type": kind, "issuer": out(), "signature": out(),
			"serialNumber": out(), "expiresOn": out(), "status": out(), "uploadedOn": out(),
		},
		Create: a.createPullsCertificate,
		Read: func(_ context.Context, id string, state bridge.Values) (bridge.Values, error) {
			store, err := a.request()
			if err != nil {
				return nil, err
			}
			var o pullObject
			err = store.Get(cloud.PullCertificates, id, &o)
			if errors.Is(err, cloud.ErrNotFound) || err == nil && o.ZoneID != state.String("zoneId") {
				return nil, bridge.ErrGone
			}
			return o.values(), err
		},
		Delete: func(_ context.Context, id string, state bridge.Values) error {
			store, err := a.request()
			if err != nil {
				return fmt.Errorf("error deleting %s AOP certificate on zone %q: %w", pullTypes[state.String("type")], state.String("zoneId"), err)
			}
			return store.Delete(cloud.PullCertificates, id)
		},
	}
}

func (a *account) createPullsCertificate(_ context.Context, in bridge.Values) (string, bridge.Values, error) {
	fail := func(err error) (string, bridge.Values, error) {
		return "", nil, fmt.Errorf("error uploading %s AOP certificate on zone %q: %w", pullTypes[in.String("type")], in.String("zoneId"), err)
	}
	store, err := a.request()
	if err != nil {
		return fail(err)
	}
	if _, err := zoneByID(store, in.String("zoneId")); err != nil {
		return fail(err)
	}
	pair, err := tls.X509KeyPair([]byte(in.String("certificate")), []byte(in.String("privateKey")))
	if err != nil {
		return fail(errors.New("The private key does not match the certificate, or one of them is malformed")) // never err: it may hold the key
	}
	if pair.Leaf.IsCA {
		return fail(errors.New("The certificate is an authority's: a leaf is needed"))
	}
	o := pullObject{
		ID: cloud.NewUUID(), ZoneID: in.String("zoneId"), Type: in.String("type"), Certificate: in.String("certificate"),
		Issuer: pair.Leaf.Issuer.String(), Signature: strings.ReplaceAll(pair.Leaf.SignatureAlgorithm.String(), "-", "With"),
		Serial: pair.Leaf.SerialNumber.String(), ExpiresOn: pair.Leaf.NotAfter.UTC(), UploadedOn: time.Now().UTC(),
	}
	return o.ID, o.values(), store.Put(cloud.PullCertificates, o.ID, o)
}

// pullSetting is whether the proxies show a certificate: everywhere, in a zone,
// or for one host name.
type pullSetting struct {
	Certificate string `json:"certificate"`
	Enabled     bool   `json:"enabled"`
}

func pulls(a *account) *bridge.Resource {
	return &bridge.Resource{
		Token: "cloudflare:index/authenticatedOriginPulls:AuthenticatedOriginPulls",
		Fields: bridge.Fields{
			"zoneId":                              {Type: bridge.String, Required: true, ForceNew: true},
			"hostname":                            {Type: bridge.String, Optional: true},
			"authenticatedOriginPullsCertificate": {Type: bridge.String, Optional: true},
			"enabled":                             {Type: bridge.Bool, Required: true},
		},
		Create: func(_ context.Context, in bridge.Values) (string, bridge.Values, error) {
			_, id, _ := scope(in)
			return id, bridge.Values{}, a.setPulls(in, in.Bool("enabled"), "creating")
		},
		Read: func(_ context.Context, _ string, state bridge.Values) (bridge.Values, error) {
			store, err := a.request()
			if err != nil {
				return nil, err
			}
			key, _, _ := scope(state)
			var s pullSetting
			if err := store.Get(cloud.Pulls, key, &s); err != nil && !errors.Is(err, cloud.ErrNotFound) {
				return nil, err
			}
			return bridge.Values{"enabled": s.Enabled}, nil
		},
		Update: func(_ context.Context, _ string, _, in bridge.Values) (bridge.Values, error) {
			return bridge.Values{}, a.setPulls(in, in.Bool("enabled"), "creating")
		},
		Delete: func(_ context.Context, _ string, state bridge.Values) error {
			return a.setPulls(state, false, "disabling")
		},
	}
}

// scope is where a setting is kept, its id, and its name in messages.
func scope(in bridge.Values) (key, id, name string) {
	zone, host, certificate := in.String("zoneId"), in.String("hostname"), in.String("authenticatedOriginPullsCertificate")
	switch {
	case host != "" && certificate != "":
		return zone + "-" + host, checksum("PerHostnameAOP/" + zone + "/" + host + "/" + certificate), "Per-Hostname"
	case certificate != "":
		return zone, checksum("PerZoneAOP/" + zone + "/" + certificate), "Per-Zone"
	default:
		return zone + "-global", checksum("GlobalAOP/" + zone + "/"), "Global"
	}
}

func (a *account) setPulls(in bridge.Values, enabled bool, doing string) error {
	key, _, name := scope(in)
	fail := func(err error) error {
		return fmt.Errorf("error %s %s Authenticated Origin Pulls resource on zone %q: %w", doing, name, in.String("zoneId"), err)
	}
	store, err := a.request()
	if err != nil {
		return fail(err)
	}
	if _, err := zoneByID(store, in.String("zoneId")); err != nil {
		return fail(err)
	}
	return store.Put(cloud.Pulls, key, pullSetting{in.String("authenticatedOriginPullsCertificate"), enabled})
}
