package bridge

import (
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
)

// The checks below are those of terraform-plugin-sdk with its words, which is
// why some of the errors do not read like ours.

// NotEmpty refuses "" and 0.
func NotEmpty(name string, v any) error {
	switch v := v.(type) {
	case string:
		if v == "" {
			return fmt.Errorf("%s must not be empty, got %v", name, v)
		}
	case float64:
		if v == 0 {
			return fmt.Errorf("%s must not be zero, got %v", name, v)
		}
	}
	return nil
}

// OneOf accepts these texts only.
func OneOf(valid ...string) func(string, any) error {
	return oneOf(valid, func(a, b string) bool { return a == b })
}

// OneOfFold accepts these texts in any case.
func OneOfFold(valid ...string) func(string, any) error { return oneOf(valid, strings.EqualFold) }

func oneOf(valid []string, equal func(a, b string) bool) func(string, any) error {
	return func(name string, v any) error {
		s, _ := v.(string)
		if slices.ContainsFunc(valid, func(e string) bool { return equal(e, s) }) {
			return nil
		}
		return fmt.Errorf("expected %s to be one of %q, got %s", name, valid, s)
	}
}

// AtLeast accepts whole numbers from low on.
func AtLeast(low int) func(string, any) error {
	return func(name string, v any) error {
		if n, ok := v.(float64); ok && n < float64(low) {
			return fmt.Errorf("expected %s to be at least (%d), got %d", name, low, int(n))
		}
		return nil
	}
}

// Between accepts whole numbers from low to high.
func Between(low, high int) func(string, any) error {
	return func(name string, v any) error {
		if n, ok := v.(float64); ok && (n < float64(low) || n > float64(high)) {
			return fmt.Errorf("expected %s to be in the range (%d - %d), got %d", name, low, high, int(n))
		}
		return nil
	}
}

// LengthBetween accepts texts of low to high bytes.
func LengthBetween(low, high int) func(string, any) error {
	return func(name string, v any) error {
		if s, ok := v.(string); ok && (len(s) < low || len(s) > high) {
			return fmt.Errorf("expected length of %s to be in the range (%d - %d), got %s", name, low, high, s)
		}
		return nil
	}
}

// Matches accepts texts that contain what the expression describes. The value
// is not told: it may be a token.
func Matches(form *regexp.Regexp, message string) func(string, any) error {
	return func(name string, v any) error {
		if s, ok := v.(string); ok && !form.MatchString(s) {
			return fmt.Errorf("invalid value for %s (%s)", name, message)
		}
		return nil
	}
}

// CIDR accepts a network in CIDR notation.
func CIDR(name string, v any) error {
	s, _ := v.(string)
	if _, _, err := net.ParseCIDR(s); err != nil {
		return fmt.Errorf("expected %q to be a valid CIDR Value, got %v: %w", name, s, err)
	}
	return nil
}

// IPv4 accepts an IPv4 address.
func IPv4(name string, v any) error {
	s, _ := v.(string)
	if ip := net.ParseIP(s); ip == nil || ip.To4() == nil {
		return fmt.Errorf("expected %s to contain a valid IPv4 address, got: %s", name, s)
	}
	return nil
}
