package random

import (
	"testing"

	"skep/lab/plugin/bridge/bridgetest"
)

// TestTablesMatchTheSDK compares names, required inputs and secrets with the
// official SDK. testdata/sdk.json is written by plugin/sdkgolden.
func TestTablesMatchTheSDK(t *testing.T) {
	bridgetest.Golden(t, provider(), "testdata/sdk.json")
}
