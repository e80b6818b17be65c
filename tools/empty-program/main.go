// Command empty-program is a Pulumi program without resources: what it takes
// is what Pulumi itself takes. scripts/bench measures against it.
package main

import "github.com/pulumi/pulumi/sdk/v3/go/pulumi"

func main() { pulumi.Run(func(*pulumi.Context) error { return nil }) }
