//lint:file-ignore ST1005 errors are in the words of the official provider and of the API

package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"skep/lab/cloud"
	"skep/lab/plugin/bridge"
)

// switches are the settings that are on or off, as a new zone has them.
var switches = map[string]string{
	"on": "alwaysOnline automaticHttpsRewrites brotli browserCheck emailObfuscation http2 http3 ipGeolocation ipv6 opportunisticEncryption " +
		"opportunisticOnion privacyPass replaceInsecureJs serverSideExclude universalSsl websockets",
	"off": "alwaysUseHttps binaryAst developmentMode earlyHints filterLogsToCloudflare fonts hotlinkProtection logToCloudflare mirage " +
		"orangeToOrange originErrorPagePassThru prefetchPreload responseBuffering sortQueryStringForCache speedBrain tls12Only " +
		"tlsClientAuth trueClientIpHeader visitorIp waf webp zeroRtt",
}

// choices are the settings with other values, of which the first is a new zone's.
var choices = map[string][]string{
	"cacheLevel": {"aggressive", "basic", "simplified"}, "cnameFlattening": {"flatten_at_root", "flatten_all", "flatten_none"},
	"h2Prioritization": {"off", "on", "custom"}, "imageResizing": {"off", "on", "open"}, "minTlsVersion": {"1.0", "1.1", "1.2", "1.3"},
	"originMaxHttpVersion": {"2", "1"}, "polish": {"off", "lossless", "lossy"}, "pseudoIpv4": {"off", "add_header", "overwrite_header"},
	"rocketLoader": {"off", "on", "manual"}, "securityLevel": {"medium", "off", "essentially_off", "low", "high", "under_attack"},
	"ssl": {"full", "off", "flexible", "strict", "origin_pull"}, "sslAutomaticMode": {"auto", "custom"}, "tls13": {"on", "off", "zrt"},
}

// readOnly are those that a free plan shows and does not let one change.
var readOnly = strings.Fields("ciphers h2Prioritization http2 imageResizing mirage originErrorPagePassThru polish prefetchPreload " +
	"proxyReadTimeout responseBuffering sortQueryStringForCache trueClientIpHeader waf webp")

// upstreamNames are those that are not the Pulumi name in snake case.
var upstreamNames = map[string]string{"tls12Only": "tls_1_2_only", "tls13": "tls_1_3"}

// settingFields are the settings of a zone.
func settingFields() bridge.Fields {
	fs := bridge.Fields{}
	setting := func(name string, f bridge.Field) {
		f.Optional, f.Computed, f.TF = true, true, upstreamNames[name]
		fs[name] = &f
	}
	for _, names := range switches {
		for name := range strings.FieldsSeq(names) {
			setting(name, bridge.Field{Type: bridge.String, Check: bridge.OneOf("on", "off")})
		}
	}
	fs["alwaysUseHttps"].Check = nil // as upstream has it
	for name, values := range choices {
		setting(name, bridge.Field{Type: bridge.String, Check: bridge.OneOf(values...)})
	}
	for _, name := range []string{"browserCacheTtl", "challengeTtl", "maxUpload"} {
		setting(name, bridge.Field{Type: bridge.Int})
	}
	setting("proxyReadTimeout", bridge.Field{Type: bridge.String})
	setting("ciphers", bridge.Field{Type: bridge.List, Elem: &bridge.Field{Type: bridge.String}})
	text, flag, number := bridge.Field{Type: bridge.String}, bridge.Field{Type: bridge.Bool}, bridge.Field{Type: bridge.Int}
	for name, parts := range map[string]map[string]bridge.Field{
		"aegis": {"enabled": flag, "poolId": text}, "minify": {"css": text, "html": text, "js": text}, "nel": {"enabled": flag},
		"mobileRedirect": {"mobileSubdomain": text, "status": text, "stripUri": flag},
		"securityHeader": {"enabled": flag, "preload": flag, "maxAge": number, "includeSubdomains": flag, "nosniff": flag},
	} {
		nested := bridge.Fields{}
		for part, f := range parts {
			f.Optional = true
			nested[part] = &f
		}
		setting(name, bridge.Field{Type: bridge.Object, Fields: nested})
	}
	return fs
}

func zoneSettings(a *account) *bridge.Resource {
	return &bridge.Resource{
		Token: "cloudflare:index/zoneSettingsOverride:ZoneSettingsOverride",
		Fields: bridge.Fields{
			"zoneId":                {Type: bridge.String, Required: true, ForceNew: true},
			"settings":              {Type: bridge.Object, Optional: true, Computed: true, Fields: settingFields()},
			"initialSettings":       {Type: bridge.List, Computed: true, Elem: &bridge.Field{Type: bridge.Object, Fields: settingFields()}},
			"initialSettingsReadAt": output(bridge.String), "readonlySettings": outputList(),
			"zoneStatus": output(bridge.String), "zoneType": output(bridge.String),
		},
		Create: func(_ context.Context, in bridge.Values) (string, bridge.Values, error) {
			id := in.String("zoneId")
			store, before, err := a.settings(id)
			if err != nil {
				return "", nil, fmt.Errorf("Error reading initial settings for zone %q: %w", id, err)
			}
			out, err := override(store, id, before, nil, in)
			out["initialSettings"], out["initialSettingsReadAt"] = []bridge.Values{before}, time.Now().UTC().Format(time.RFC3339Nano)
			return id, out, err
		},
		Read: func(_ context.Context, id string, state bridge.Values) (bridge.Values, error) {
			_, now, err := a.settings(id)
			if err != nil {
				return nil, bridge.ErrGone
			}
			return settingValues(now, state), nil
		},
		Update: func(_ context.Context, id string, prior, in bridge.Values) (bridge.Values, error) {
			store, before, err := a.settings(id)
			if err != nil {
				return nil, fmt.Errorf("Error reading settings for zone %q: %w", id, err)
			}
			return override(store, id, before, prior, in)
		},
		Delete: func(_ context.Context, id string, state bridge.Values) error { return a.revert(id, state) },
	}
}

// settings reads a zone's, those of a new one where nobody has changed them.
func (a *account) settings(zoneID string) (*cloud.Store, bridge.Values, error) {
	store, err := a.request()
	if err != nil {
		return nil, nil, err
	}
	if _, err := zoneByID(store, zoneID); err != nil {
		return nil, nil, err
	}
	now := bridge.Values{"browserCacheTtl": 14400.0, "challengeTtl": 1800.0, "maxUpload": 100.0, "proxyReadTimeout": "100", "ciphers": []any{}}
	for value, names := range switches {
		for name := range strings.FieldsSeq(names) {
			now[name] = value
		}
	}
	for name, values := range choices {
		now[name] = values[0]
	}
	changed := map[string]any{}
	if err := store.Get(cloud.ZoneSettings, zoneID, &changed); err != nil && !errors.Is(err, cloud.ErrNotFound) {
		return nil, nil, err
	}
	maps.Copy(now, changed)
	return store, now, nil
}

// override sets what the inputs name and differs from the state.
func override(store *cloud.Store, zoneID string, now, prior, in bridge.Values) (bridge.Values, error) {
	asked, _ := in["settings"].(bridge.Values)
	old, _ := prior["settings"].(bridge.Values)
	after := maps.Clone(now)
	for name, value := range asked {
		if value == nil || reflect.DeepEqual(value, old[name]) {
			continue
		}
		if slices.Contains(readOnly, name) {
			return bridge.Values{}, fmt.Errorf("invalid zone setting %q (value: %v) found - cannot be set as it is read only", upstreamSetting(name), value)
		}
		after[name] = value
	}
	return settingValues(after, in), store.Put(cloud.ZoneSettings, zoneID, map[string]any(after))
}

func upstreamSetting(name string) string {
	if upstream := upstreamNames[name]; upstream != "" {
		return upstream
	}
	var b strings.Builder
	for _, r := range name {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteString(strings.ToLower(string(r)))
	}
	return b.String()
}

// settingValues shows those settings that were asked for.
func settingValues(now, in bridge.Values) bridge.Values {
	asked, _ := in["settings"].(bridge.Values)
	shown := bridge.Values{}
	for name, value := range asked {
		if value != nil {
			shown[name] = now[name]
		}
	}
	var only []string
	for _, name := range readOnly {
		only = append(only, upstreamSetting(name))
	}
	return bridge.Values{"settings": shown, "readonlySettings": only, "zoneStatus": "active", "zoneType": "full"}
}

// revert sets back what was changed.
func (a *account) revert(zoneID string, state bridge.Values) error {
	store, now, err := a.settings(zoneID)
	if err != nil {
		return err
	}
	asked, _ := state["settings"].(bridge.Values)
	for _, initial := range state.Objects("initialSettings") {
		for name, value := range asked {
			if value != nil && initial[name] != nil {
				now[name] = initial[name]
			}
		}
	}
	return store.Put(cloud.ZoneSettings, zoneID, map[string]any(now))
}
