package secret

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"skep/internal/keys"
)

const seed = keys.Seed("seed-of-a-test-that-is-long-enough-for-a-seed")

func TestFormats(t *testing.T) {
	specs := map[string]Spec{
		"plain":  {Generate: &Generate{}},
		"hex":    {Generate: &Generate{Length: 64, Format: "hex"}},
		"base64": {Generate: &Generate{Length: 32, Format: "base64"}},
		"uuid":   {Generate: &Generate{Format: "uuid"}},
		"chars":  {Generate: &Generate{Length: 1024, Charset: "xyz-"}},
		"above":  {Template: "{{ with .chars }}{{ $.uuid }}{{ end }}"},
		"url":    {Template: "postgres://app:{{ .plain | urlquery }}@db/app?key={{ .config }}"},
		"config": {From: "config:api"},
		"shared": {From: "stack:auth.client"},
	}
	from := Sources{Seed: seed, Config: map[string]string{"api": "from config\n"}, Stacks: map[string]string{"auth.client": "theirs"}}
	values, err := Values(specs, from)
	if err != nil {
		t.Fatal(err)
	}
	for name, form := range map[string]string{
		"plain": `^[A-Za-z0-9]{32}$`, "hex": `^[0-9a-f]{64}$`, "base64": `^[A-Za-z0-9+/]{43}=$`,
		"uuid":  `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`,
		"above": `^[0-9a-f-]{36}$`,
		"chars": `^[xyz-]+$`, "url": `^postgres://app:[A-Za-z0-9]{32}@db/app\?key=from config\n$`, "config": `^from config\n$`, "shared": `^theirs$`,
	} {
		if !regexp.MustCompile(form).MatchString(values[name]) {
			t.Errorf("%s = %q, want the form %s", name, values[name], form)
		}
	}
	if len(values["chars"]) != 1024 {
		t.Errorf("chars has %d characters, want 1024", len(values["chars"]))
	}
	again, err := Values(specs, from)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(values, again); diff != "" {
		t.Errorf("a second run gives other values:\n%s", diff)
	}
}

func TestRotationAndNameGiveOtherValues(t *testing.T) {
	values, err := Values(map[string]Spec{
		"a": {Generate: &Generate{}}, "b": {Generate: &Generate{}}, "c": {Generate: &Generate{Length: 40}},
	}, Sources{Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	rotated, err := Values(map[string]Spec{"a": {Generate: &Generate{}, Rotate: 1}}, Sources{Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	if values["a"] == values["b"] || values["a"] == rotated["a"] || strings.HasPrefix(values["c"], values["a"]) {
		t.Errorf("values repeat: %v %v", values, rotated)
	}
}

func TestHashesAreOfTheirSourceAndStay(t *testing.T) {
	specs := map[string]Spec{
		"password": {From: "config:p"}, "b": {Bcrypt: "password"}, "a": {Argon2: "password"},
	}
	from := Sources{Seed: seed, Config: map[string]string{"p": "correct horse"}}
	values, err := Values(specs, from)
	if err != nil {
		t.Fatal(err)
	}
	if err := bcrypt.CompareHashAndPassword([]byte(values["b"]), []byte("correct horse")); err != nil {
		t.Errorf("bcrypt of others does not take %q: %v", values["b"], err)
	}
	salt := seed.StackSalt("argon2", "a", "correct horse")
	if want := argon2.IDKey([]byte("correct horse"), salt, 3, 64<<10, 4, 32); argon2Hash("correct horse", salt) != values["a"] || len(want) != 32 {
		t.Errorf("argon2 = %q", values["a"])
	}
	if !regexp.MustCompile(`^\$argon2id\$v=19\$m=65536,t=3,p=4\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`).MatchString(values["a"]) {
		t.Errorf("argon2 = %q is no PHC text", values["a"])
	}
	again, err := Values(specs, from)
	if err != nil || again["b"] != values["b"] || again["a"] != values["a"] {
		t.Errorf("a second run gives other hashes (%v)", err)
	}
	from.Config["p"] = strings.Repeat("x", 73)
	if _, err := Values(specs, from); err == nil || strings.Contains(err.Error(), "xxx") || !strings.Contains(err.Error(), `secret "b": bcrypt reads 72 bytes`) {
		t.Errorf("a password too long for bcrypt: %v", err)
	}
}

func TestFaults(t *testing.T) {
	for name, c := range map[string]struct {
		spec Spec
		want string
	}{
		"none":         {Spec{}, "need one of generate, from"},
		"two":          {Spec{Generate: &Generate{}, From: "config:x"}, "from and generate together"},
		"from":         {Spec{From: "vault:x"}, "need config:KEY or stack:NAME.SECRET"},
		"short":        {Spec{Generate: &Generate{Length: 7}}, "need 8 to 1024"},
		"long":         {Spec{Generate: &Generate{Length: 1025}}, "need 8 to 1024"},
		"format":       {Spec{Generate: &Generate{Format: "b32"}}, "need alnum, hex, base64 or uuid"},
		"uuid length":  {Spec{Generate: &Generate{Format: "uuid", Length: 9}}, "a uuid has its own"},
		"both":         {Spec{Generate: &Generate{Format: "hex", Charset: "ab"}}, "format and charset together"},
		"charset":      {Spec{Generate: &Generate{Charset: "aa"}}, "is there twice"},
		"charset one":  {Spec{Generate: &Generate{Charset: "a"}}, "two characters or more"},
		"charset utf8": {Spec{Generate: &Generate{Charset: "aé"}}, "printable ASCII"},
		"rotate":       {Spec{From: "config:x", Rotate: 1}, "only a generated secret rotates"},
		"template":     {Spec{Template: "{{ .a"}, "template: "},
	} {
		if err := c.spec.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v does not hold %q", name, err, c.want)
		}
	}
	for name, specs := range map[string]map[string]Spec{
		"circle":  {"a": {Bcrypt: "b"}, "b": {Template: "{{ .a }}"}},
		"inner":   {"a": {Template: "{{ with .b }}{{ $.a }}{{ end }}"}, "b": {Generate: &Generate{}}},
		"itself":  {"a": {Bcrypt: "a"}},
		"missing": {"a": {Argon2: "b"}},
		"config":  {"a": {From: "config:none"}},
		"stack":   {"a": {From: "stack:x.y"}},
		"empty":   {"a": {From: "config:empty"}},
		"large":   {"a": {From: "config:large"}},
	} {
		_, err := Values(specs, Sources{Seed: seed, Config: map[string]string{"empty": "", "large": strings.Repeat("x", MaxSize+1)}})
		if named := (*Error)(nil); !errors.As(err, &named) || len(err.Error()) > 200 {
			t.Errorf("%s: error %v names no secret, or is long", name, err)
		}
	}
}
