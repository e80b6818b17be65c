package dns

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/pulumi/pulumi-cloudflare/sdk/v5/go/cloudflare"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"skep/internal/firewall"
)

// ProxyRanges are the ranges that Cloudflare's proxies connect from, as the
// provider's data source tells them now, each once and sorted.
func ProxyRanges(ctx *pulumi.Context) ([]netip.Prefix, error) {
	found, err := cloudflare.GetIpRanges(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask Cloudflare for the ranges of its proxies: %w", err)
	}
	if len(found.Ipv4CidrBlocks) == 0 || len(found.Ipv6CidrBlocks) == 0 {
		return nil, fmt.Errorf("ask Cloudflare for the ranges of its proxies: it named %d of IPv4 and %d of IPv6, which would shut visitors out: run it again later",
			len(found.Ipv4CidrBlocks), len(found.Ipv6CidrBlocks))
	}
	var ranges []netip.Prefix
	for _, text := range slices.Concat(found.Ipv4CidrBlocks, found.Ipv6CidrBlocks) {
		r, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("ask Cloudflare for the ranges of its proxies: %w", err)
		}
		ranges = append(ranges, r)
	}
	slices.SortFunc(ranges, netip.Prefix.Compare)
	ranges = firewall.Distinct(ranges)
	if err := firewall.CheckSources(ranges); err != nil {
		return nil, fmt.Errorf("ask Cloudflare for the ranges of its proxies: %w", err)
	}
	return ranges, nil
}
