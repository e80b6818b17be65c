package home

import (
	"fmt"
	"net/url"
)

// Bucket is the one bucket that the gateway serves.
const Bucket = "state"

// Region is what the S3 clients sign for; the gateway does not care.
const Region = "us-east-1"

// Address is where the gateway of this home listens: loopback, always.
func (h Home) Address() (string, error) {
	port, err := h.Port()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("127.0.0.1:%d", port), nil
}

// BackendURL is the value of PULUMI_BACKEND_URL.
//
// The profile is named in the URL because only there it wins over AWS_ACCESS_KEY_ID of the caller's environment, and
// the checksum settings because only there they win over AWS_* settings; without them the SDK warns at each read.
func (h Home) BackendURL() (string, error) {
	address, err := h.Address()
	if err != nil {
		return "", err
	}
	query := url.Values{
		"endpoint":                     {"http://" + address},
		"s3ForcePathStyle":             {"true"},
		"region":                       {Region},
		"profile":                      {Profile},
		"request_checksum_calculation": {"when_required"},
		"response_checksum_validation": {"when_required"},
	}
	return "s3://" + Bucket + "?" + query.Encode(), nil
}
