package acme_test

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"skep/components/acme"
	order "skep/internal/acme"
)

func TestGivenIsComplete(t *testing.T) {
	if _, err := acme.Given(acme.Args{Order: order.Order{Names: []string{"example.org"}}}); err == nil || !strings.Contains(err.Error(), "need Token") {
		t.Errorf("without a token: %v", err)
	}
	if _, err := acme.Given(acme.Args{Token: "x", Seed: pulumi.String("").ToStringOutput()}); err == nil {
		t.Error("without a name nothing is wrong")
	}
}
