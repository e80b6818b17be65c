// Skep gives a Docker Swarm a home: `pulumi up` turns a short config into
// hosts, DNS, an encrypted mesh, a swarm and running services.
package main

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

func main() { pulumi.Run(deploy) }
