package e2e

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// authority is the file with the certificate of a stack's own authority, below
// the checkout, as scripts/ca prints it. It is the same for the stack's life.
func authority(c *checkout, stack string) string {
	c.t.Helper()
	path := filepath.Join(".skep", "ca-"+stack+".pem")
	if _, err := os.Stat(filepath.Join(c.root, path)); err != nil {
		c.run(inStack(stack, "scripts/ca >"+path+".new && mv "+path+".new "+path))
	}
	return path
}

// fetch is a line of shell on this machine: a page of a name, at one address,
// over TLS that the stack's own authority certifies.
func fetch(c *checkout, stack, name, address string, options string) string {
	c.t.Helper()
	return fmt.Sprintf("curl -fsS --max-time 5 --cacert %[1]s --resolve %[2]s:443:%[3]s %[4]s https://%[2]s/", authority(c, stack), name, address, options)
}

// fetchThere is the same on a host, which asks the lab's DNS for the name.
func fetchThere(c *checkout, stack, name string) string {
	c.t.Helper()
	pem := base64.StdEncoding.EncodeToString([]byte(c.read(authority(c, stack))))
	return fmt.Sprintf("echo %s | base64 -d | curl -fsS --max-time 5 --cacert /dev/stdin https://%s/", pem, name)
}

// page is what a name answers at one address. Traefik reads its files up to two
// seconds after they are written, so a name that is new is asked for a while.
func page(c *checkout, stack, name, address, options string) (out string) {
	c.t.Helper()
	c.until(time.Minute, name+" to answer at "+address, func() bool {
		var err error
		out, err = c.try(fetch(c, stack, name, address, options))
		return err == nil
	})
	return out
}
