package ingress

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"skep/internal/toolbox"
	"skep/internal/traefik"
)

// Where the container finds what hosts keep in folder.
const inContainer = "/etc/traefik"

// Names of files in the watched folder. Those that begin with acme are not of
// this component, and it leaves them alone.
const (
	requestsFile = "requests.yaml"
	tlsFile      = "tls.yaml"
)

// forgeable are the headers by which proxies other than Traefik tell who the
// visitor is. Nobody in front of it may set them, where no such proxy is there;
// X-Forwarded-* and X-Real-IP Traefik sees to by itself.
var forgeable = []string{
	"CF-Connecting-IP", "CF-Connecting-IPv6", "CF-IPCountry", "CF-Pseudo-IPv4", "CF-Ray", "CF-Visitor", "CF-Worker",
	"Cdn-Loop", "Client-IP", "Fastly-Client-IP", "Fly-Client-IP", "Forwarded", "True-Client-IP", "X-Client-IP",
	"X-Cluster-Client-IP", "X-Original-Forwarded-For", "X-Originating-IP", "X-Remote-Addr", "X-Remote-IP",
}

// requests is the middleware that every entry point without a trusted proxy
// has. It is there in any case: a missing one would close the entry point.
func requests() (string, error) {
	headers := map[string]string{}
	for _, name := range forgeable {
		headers[name] = "" // takes it out
	}
	return document(map[string]any{"http": map[string]any{"middlewares": map[string]any{
		unforged: map[string]any{"headers": map[string]any{"customRequestHeaders": headers}},
	}}})
}

// pair is a certificate with its values known.
type pair struct{ name, chain, key string }

// file is the name of the pair's files. Another certificate has another, since
// Traefik reads certificates anew only when the file that names them changes.
func (p pair) file() string {
	sum := sha256.Sum256([]byte(p.chain))
	return fmt.Sprintf("%s-%s", p.name, hex.EncodeToString(sum[:5]))
}

// suites are those of TLS 1.2 that are forward secret and authenticated. TLS
// 1.3 has none to choose.
var suites = []string{
	"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
	"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
	"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
}

// tlsText is the file that names certificates. A visitor who asks for a name that
// there is no certificate for, or for none, gets none: it would tell what this is.
func tlsText(pairs []pair, clientCA string) (string, error) {
	options := map[string]any{"minVersion": "VersionTLS12", "cipherSuites": suites, "sniStrict": true}
	kinds := map[string]any{"default": options}
	if clientCA != "" {
		kinds[traefik.Uncertified] = maps.Clone(options)
		options["clientAuth"] = map[string]any{"clientAuthType": "RequireAndVerifyClientCert", "caFiles": []string{clientCA}}
	}
	var certificates []map[string]string
	for _, p := range pairs {
		certificates = append(certificates, map[string]string{
			"certFile": inContainer + "/certs/" + p.file() + ".crt", "keyFile": inContainer + "/certs/" + p.file() + ".key",
		})
	}
	text := map[string]any{"options": kinds}
	if len(certificates) > 0 {
		text["certificates"] = certificates
	}
	return document(map[string]any{"tls": text})
}

func document(value any) (string, error) {
	text, err := yaml.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("write a file of Traefik's: %w", err)
	}
	return "# Made by Skep.\n" + string(text), nil
}

// packed is the stdin of ingress.sh: an archive, made small, since the state holds
// it twice for every host. given are files for the issuer's script.
func packed(dynamic map[string]string, pairs []pair, clientCA, given string) (string, error) {
	text, err := archive(dynamic, pairs, clientCA)
	if err != nil {
		return "", err
	}
	return toolbox.Pack(text + given)
}

// archive is all files of the watched folder, and certificates.
func archive(dynamic map[string]string, pairs []pair, clientCA string) (string, error) {
	var b strings.Builder
	add := func(path, text string) {
		b.WriteString(toolbox.File(path, strings.TrimSuffix(text, "\n")+"\n"))
	}
	client := ""
	if clientCA != "" {
		client = pair{name: "clients", chain: clientCA}.file() + ".crt"
		add("certs/"+client, clientCA)
		client = inContainer + "/certs/" + client
	}
	pairs = slices.SortedFunc(slices.Values(pairs), func(a, b pair) int { return strings.Compare(a.name, b.name) })
	for _, p := range pairs {
		add("certs/"+p.file()+".crt", p.chain)
		add("certs/"+p.file()+".key", p.key)
	}
	texts := maps.Clone(dynamic)
	var err error
	if texts[tlsFile], err = tlsText(pairs, client); err != nil {
		return "", err
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		add("dynamic/"+name, texts[name])
	}
	return b.String(), nil
}
