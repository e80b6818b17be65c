//lint:file-ignore ST1005 errors are in the words of the official provider and of the API

package cloudflare

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"skep/lab/cloud"
	"skep/lab/plugin/bridge"
)

// tunnelObject is a tunnel with its routes. Nothing carries it in the lab.
type tunnelObject struct {
	ID        string         `json:"id"`
	AccountID string         `json:"accountId"`
	Name      string         `json:"name"`
	Secret    string         `json:"secret"`
	ConfigSrc string         `json:"configSrc"`
	Config    map[string]any `json:"config,omitempty"`
}

func (o tunnelObject) values() bridge.Values {
	token, _ := json.Marshal(struct {
		Account string `json:"a"`
		Tunnel  string `json:"t"`
		Secret  string `json:"s"`
	}{o.AccountID, o.ID, o.Secret})
	return bridge.Values{"cname": o.ID + ".cfargotunnel.com", "tunnelToken": base64.StdEncoding.EncodeToString(token)}
}

func tunnel(a *account) *bridge.Resource {
	in := func() *bridge.Field { return &bridge.Field{Type: bridge.String, Required: true, ForceNew: true} }
	secret := in()
	secret.Secret = true
	return &bridge.Resource{
		Token: "cloudflare:index/zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared",
		Fields: bridge.Fields{
			"accountId": in(), "name": in(), "secret": secret,
			"configSrc": {Type: bridge.String, Optional: true, ForceNew: true, Check: bridge.OneOf("local", "cloudflare")},
			"cname":     output(bridge.String), "tunnelToken": {Type: bridge.String, Computed: true, Secret: true},
		},
		Create: a.createTunnel,
		Read: func(_ context.Context, id string, _ bridge.Values) (bridge.Values, error) {
			_, o, err := a.tunnel(id)
			if err != nil {
				return nil, fmt.Errorf("failed to fetch Argo Tunnel: %w", err)
			}
			return o.values(), nil
		},
		Delete: func(_ context.Context, id string, _ bridge.Values) error { return a.deleteTunnel(id) },
		Import: func(_ context.Context, id string) (string, bridge.Values, error) {
			accountID, tunnelID, ok := strings.Cut(id, "/")
			if !ok {
				return "", nil, fmt.Errorf("invalid id (%q) specified, should be in format \"accountID/argoTunnelUUID\"", id)
			}
			_, o, err := a.tunnel(tunnelID)
			if err != nil {
				return "", nil, fmt.Errorf("failed to fetch Argo Tunnel %s: %w", tunnelID, err)
			}
			return tunnelID, bridge.Values{"accountId": accountID, "name": o.Name}, nil
		},
	}
}

func (a *account) createTunnel(_ context.Context, in bridge.Values) (string, bridge.Values, error) {
	store, err := a.request()
	if err != nil {
		return "", nil, fmt.Errorf("failed to create Argo Tunnel: %w", err)
	}
	o := tunnelObject{
		ID: cloud.NewUUID(), AccountID: in.String("accountId"), Name: in.String("name"), Secret: in.String("secret"), ConfigSrc: in.String("configSrc"),
	}
	if raw, err := base64.StdEncoding.DecodeString(o.Secret); err != nil || len(raw) < 32 {
		return "", nil, errors.New("failed to create Argo Tunnel: tunnel_secret must be a base64 encoded string of at least 32 bytes (1002)")
	}
	all, err := cloud.List[tunnelObject](store, cloud.Tunnels)
	if err != nil {
		return "", nil, err
	}
	for _, other := range all {
		if other.AccountID == o.AccountID && other.Name == o.Name {
			return "", nil, errors.New("failed to create Argo Tunnel: You already have a tunnel with this name. (1013)")
		}
	}
	return o.ID, o.values(), store.Put(cloud.Tunnels, o.ID, o)
}

func (a *account) tunnel(id string) (*cloud.Store, tunnelObject, error) {
	store, err := a.request()
	if err != nil {
		return nil, tunnelObject{}, err
	}
	var o tunnelObject
	err = store.Get(cloud.Tunnels, id, &o)
	if errors.Is(err, cloud.ErrNotFound) {
		err = errors.New("Tunnel not found (1003)")
	}
	return store, o, err
}

func (a *account) deleteTunnel(id string) error {
	store, _, err := a.tunnel(id)
	if err != nil {
		return fmt.Errorf("failed to clean up Argo Tunnel connections: %w", err)
	}
	return store.Delete(cloud.Tunnels, id)
}

// originRequest are the options of a rule, with upstream's defaults.
func originRequest() *bridge.Field {
	text := func(standard any) *bridge.Field {
		return &bridge.Field{Type: bridge.String, Optional: true, Default: standard}
	}
	flag := func(standard any) *bridge.Field {
		return &bridge.Field{Type: bridge.Bool, Optional: true, Default: standard}
	}
	number := func(standard any) *bridge.Field {
		return &bridge.Field{Type: bridge.Int, Optional: true, Default: standard}
	}
	strings := &bridge.Field{Type: bridge.String}
	return &bridge.Field{Type: bridge.Object, Optional: true, Fields: bridge.Fields{
		"connectTimeout": text("30s"), "tlsTimeout": text("10s"), "tcpKeepAlive": text("30s"), "keepAliveTimeout": text("1m30s"),
		"httpHostHeader": text(""), "originServerName": text(""), "caPool": text(""), "proxyAddress": text("127.0.0.1"), "proxyType": text(""),
		"noHappyEyeballs": flag(false), "noTlsVerify": flag(false), "disableChunkedEncoding": flag(false), "http2Origin": flag(false),
		"bastionMode": flag(nil), "keepAliveConnections": number(100), "proxyPort": number(0),
		"access": {Type: bridge.Object, Optional: true, Fields: bridge.Fields{
			"required": flag(nil), "teamName": text(nil), "audTags": {Type: bridge.Set, Optional: true, Elem: strings, TF: "aud_tag"},
		}},
		"ipRules": {Type: bridge.Set, Optional: true, Elem: &bridge.Field{Type: bridge.Object, Fields: bridge.Fields{
			"prefix": text(nil), "allow": flag(nil), "ports": {Type: bridge.List, Optional: true, Elem: &bridge.Field{Type: bridge.Int}},
		}}},
	}}
}

func tunnelConfig(a *account) *bridge.Resource {
	text := func() *bridge.Field { return &bridge.Field{Type: bridge.String, Optional: true} }
	rule := &bridge.Field{Type: bridge.Object, Fields: bridge.Fields{
		"hostname": text(), "path": text(), "service": {Type: bridge.String, Required: true}, "originRequest": originRequest(),
	}}
	put := func(in bridge.Values) (string, error) {
		id := in.String("tunnelId")
		store, o, err := a.tunnel(id)
		if err == nil {
			o.Config, _ = in["config"].(bridge.Values)
			err = checkRules(o.Config)
		}
		if err != nil {
			return "", fmt.Errorf("error creating / updating tunnel config %q: %w", id, err)
		}
		return id, store.Put(cloud.Tunnels, id, o)
	}
	return &bridge.Resource{
		Token: "cloudflare:index/zeroTrustTunnelCloudflaredConfig:ZeroTrustTunnelCloudflaredConfig",
		Fields: bridge.Fields{
			"accountId": {Type: bridge.String, Required: true}, "tunnelId": {Type: bridge.String, Required: true},
			"config": {Type: bridge.Object, Required: true, Fields: bridge.Fields{
				"ingressRules":  {Type: bridge.List, Required: true, Elem: rule, TF: "ingress_rule"},
				"originRequest": originRequest(),
				"warpRouting":   {Type: bridge.Object, Optional: true, Fields: bridge.Fields{"enabled": {Type: bridge.Bool, Optional: true}}},
			}},
		},
		Create: func(_ context.Context, in bridge.Values) (string, bridge.Values, error) {
			id, err := put(in)
			return id, bridge.Values{}, err
		},
		Read: func(_ context.Context, id string, _ bridge.Values) (bridge.Values, error) {
			_, o, err := a.tunnel(id)
			if err != nil {
				return nil, fmt.Errorf("error getting tunnel config %q: %w", id, err)
			}
			return bridge.Values{"config": o.Config}, nil
		},
		Update: func(_ context.Context, _ string, _, in bridge.Values) (bridge.Values, error) {
			_, err := put(in)
			return bridge.Values{}, err
		},
		// Upstream removes the whole tunnel here.
		Delete: func(_ context.Context, id string, _ bridge.Values) error { return a.deleteTunnel(id) },
	}
}

// checkRules wants a last rule that catches all.
func checkRules(config bridge.Values) error {
	rules := config.Objects("ingressRules")
	if len(rules) == 0 || rules[len(rules)-1].String("hostname") != "" || rules[len(rules)-1].String("path") != "" {
		return errors.New("Bad Configuration: The last ingress rule must match all URLs (i.e. it should not have a hostname or path filter) (1056)")
	}
	return nil
}
