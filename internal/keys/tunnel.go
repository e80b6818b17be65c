package keys

import "fmt"

// TunnelSecret derives the secret of a tunnel to Cloudflare, which wants 32
// bytes or more.
func (s Seed) TunnelSecret(epoch int) []byte {
	return s.derive(fmt.Sprintf("tunnel/%d", epoch), 32)
}
