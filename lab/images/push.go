package images

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Target is the registry that images are pushed to.
type Target struct {
	// Host is its name, Address where it really is: the machine that pushes
	// does not ask the lab's DNS.
	Host    string
	Address netip.Addr
	// Trust is who may have signed its certificate.
	Trust *x509.CertPool
}

// Transport reaches the registry whatever name it is asked for.
func (t Target) Transport() *http.Transport {
	dialer := &net.Dialer{}
	return &http.Transport{
		// No proxy: the registry is on a bridge of this machine.
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, netip.AddrPortFrom(t.Address, 443).String())
		},
		TLSClientConfig:   &tls.Config{RootCAs: t.Trust, MinVersion: tls.VersionTLS12},
		DisableKeepAlives: true,
	}
}

// Push sends the image and returns the reference that names exactly it.
func (t Target) Push(ctx context.Context, i Image, built v1.Image) (string, error) {
	digest, err := built.Digest()
	if err != nil {
		return "", fmt.Errorf("push image %q: %w", i.Repository, err)
	}
	tag, err := name.NewTag(t.Host + "/" + i.Repository + ":" + i.Tag)
	if err != nil {
		return "", fmt.Errorf("push image %q: %w", i.Repository, err)
	}
	err = remote.Write(tag, built, remote.WithContext(ctx), remote.WithTransport(t.Transport()),
		remote.WithAuth(authn.Anonymous))
	if err != nil {
		return "", fmt.Errorf("push image %q: %w", i.Repository, err)
	}
	return tag.String() + "@" + digest.String(), nil
}
