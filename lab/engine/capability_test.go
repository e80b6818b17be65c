package engine

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMissingCapabilities(t *testing.T) {
	for _, test := range []struct {
		name, status string
		last         int
		want         []string
	}{
		{"all", "CapBnd:\t000001ffffffffff\n", 40, nil},
		{"a sandbox", "Name:\tx\nCapEff:\t0\nCapBnd:\t000001fffeffffff\nCapAmb:\t0\n", 40, []string{"SYS_RESOURCE"}},
		{"an older kernel", "CapBnd:\t0000003fffffffff\n", 37, nil},
		{"two", "CapBnd:\t000000fffeffffff\n", 40, []string{"SYS_RESOURCE", "CHECKPOINT_RESTORE"}},
	} {
		got, err := missingCapabilities([]byte(test.status), test.last)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", test.name, diff)
		}
	}
	for _, bad := range []string{"", "CapBnd:\tnone\n"} {
		if _, err := missingCapabilities([]byte(bad), 40); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func TestGrantArgs(t *testing.T) {
	got := grantArgs([]string{"SYS_RESOURCE"}, []string{"/dev/fuse"})
	want := []string{
		"--cap-add", "ALL", "--cap-drop", "SYS_RESOURCE",
		"--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined",
		"--security-opt", "systempaths=unconfined", "--device", "/dev/fuse",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("arguments (-want +got)\n%s", diff)
	}
}
