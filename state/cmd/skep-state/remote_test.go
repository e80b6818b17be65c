package main

import (
	"fmt"
	"strings"
	"testing"

	"skep/state/internal/home"
)

// s3Conf makes the gateway of another home the S3 service that the state is kept on: real S3 traffic without a network.
func s3Conf(t *testing.T, service home.Home) string {
	t.Helper()
	key, err := service.Credentials()
	if err != nil {
		t.Fatal(err)
	}
	address, err := service.Address()
	if err != nil {
		t.Fatal(err)
	}
	return write(t, fmt.Sprintf(`[store]
type = alias
remote = box:%s/team/state

[box]
type = s3
provider = Other
endpoint = http://%s
access_key_id = %s
secret_access_key = %s
region = us-east-1
no_check_bucket = true
`, home.Bucket, address, key.AccessKey, key.SecretKey))
}

func TestStoreOnS3(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds and more")
	}
	t.Parallel()
	service := newHome(t)
	mustRun(t, service, "start")
	conf := s3Conf(t, service)
	first := newHome(t, "--remote-conf", conf)
	mustRun(t, first, "start")
	if out := mustRun(t, first, "check"); strings.Contains(out, "FAIL") || !strings.Contains(out, "ok    multipart") {
		t.Error(out)
	}
	second := sharing(t, first, conf)
	mustRun(t, second, "start")
	seeEachOther(t, connect(t, first), connect(t, second))
	wholeReads(t, connect(t, first), connect(t, second))
	mustFail(t, newHome(t, "--remote-conf", conf), "", []string{"start"}, "the crypt key does not read this store")
	crash(t, first)

	for _, secret := range secrets(t, service) {
		if r := program(t, first, "", "status", "--json"); strings.Contains(r.out+r.err, secret) {
			t.Error("status shows a key of the remote")
		}
	}
}

func TestUnreachableRemoteIsSaid(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds and more")
	}
	t.Parallel()
	service := newHome(t) // never started: its port is closed
	h := newHome(t, "--remote-conf", s3Conf(t, service))
	mustFail(t, h, "", []string{"start"}, "open store", "connection refused")
}

func TestCheckOnFolder(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	out := mustRun(t, h, "check") // starts the gateway itself
	if lines := strings.Count(out, "ok    "); lines != 12 {
		t.Errorf("%d properties hold, want 12:\n%s", lines, out)
	}
}

func TestBadRemoteConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	h := home.Home{Dir: t.TempDir()}
	for text, words := range map[string][]string{
		"":                               {"section [store] is missing"},
		"[store]\ntype = sftp\n":         {`type "sftp" of section [store] is not built in`, "s3"},
		"[store]\ntype = local\n":        {`type "local"`, "folder"},
		"key = secret-value\n":           {"line 1 is neither"},
		"[store]\nsecret-value\n":        {"line 2 is neither"},
		"[store]\ntype=alias\nremote=/x": {"no other section's name"},
	} {
		conf := write(t, text)
		mustFail(t, h, "", []string{"init", "--remote-conf", conf}, words...)
		if r := program(t, h, "", "init", "--remote-conf", conf); strings.Contains(r.err, "secret-value") {
			t.Errorf("the message repeats a line that may be secret: %s", r.err)
		}
	}
}
