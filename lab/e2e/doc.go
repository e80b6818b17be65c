// Package e2e tests the whole of Skep on the lab: from a checkout that has
// nothing to a cluster, through changes and faults, and back to nothing.
package e2e
