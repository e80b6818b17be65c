package random

import (
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/bcrypt"

	"skep/lab/plugin/bridge"
	"skep/lab/plugin/bridge/bridgetest"
)

type m = bridgetest.Map

func engine(t *testing.T, kind string) *bridgetest.Engine {
	t.Helper()
	e := &bridgetest.Engine{
		T: t, Server: bridge.New(nil, provider()),
		Type: "random:index/" + strings.ToLower(kind[:1]) + kind[1:] + ":" + kind, Name: "x",
	}
	if err := e.Configure(m{}); err != nil {
		t.Fatal(err)
	}
	return e
}

func opened(t *testing.T, v any) string {
	t.Helper()
	secret, ok := v.(m)
	if !ok {
		t.Fatalf("%v is no secret", v)
	}
	return secret["value"].(string)
}

func TestBytes(t *testing.T) {
	e := engine(t, "RandomBytes")
	r := e.Create(m{"length": 16})
	if diff := cmp.Diff(m{"length": 16.0}, r.Inputs); diff != "" {
		t.Errorf("inputs (-want +got):\n%s", diff)
	}
	b, err := base64.StdEncoding.DecodeString(opened(t, r.State["base64"]))
	if err != nil || len(b) != 16 {
		t.Errorf("base64 holds %d bytes, %v; want 16", len(b), err)
	}
	if got := opened(t, r.State["hex"]); got != hex.EncodeToString(b) {
		t.Errorf("hex is %s, want %x", got, b)
	}
	if r.ID != base64.StdEncoding.EncodeToString(b) {
		t.Errorf("id is %q, want the value as with the official plugin", r.ID)
	}
	if again := e.Create(m{"length": 16}); again.ID == r.ID {
		t.Errorf("two values are the same: %s", r.ID)
	}
	if got := e.Refresh(r); got.ID != r.ID || opened(t, got.State["hex"]) != hex.EncodeToString(b) {
		t.Errorf("refresh changed %v into %v", r.State, got.State)
	}
	e.Delete(r)
}

func TestDiffs(t *testing.T) {
	for _, test := range []struct {
		kind     string
		old, new m
		want     string
	}{
		{"RandomBytes", m{"length": 16}, m{"length": 16}, ""},
		{"RandomBytes", m{"length": 16}, m{"length": 32}, "length:UPDATE_REPLACE"},
		{"RandomBytes", m{"length": 16}, m{"length": 16, "keepers": m{"a": "1"}}, "keepers:ADD_REPLACE"},
		{"RandomBytes", m{"length": 16, "keepers": m{"a": "1"}}, m{"length": 16, "keepers": m{"a": "2"}}, "keepers.a:UPDATE_REPLACE"},
		{"RandomBytes", m{"length": 16, "keepers": m{"a": "1"}}, m{"length": 16, "keepers": m{"a": bridgetest.Unknown}}, "keepers.a:UPDATE_REPLACE"},
		{"RandomPassword", m{"length": 20}, m{"length": 20}, ""},
		{"RandomPassword", m{"length": 20}, m{"length": 20, "special": true, "numeric": true, "minUpper": 0}, ""},
		{"RandomPassword", m{"length": 20}, m{"length": 20, "special": false}, "special:UPDATE_REPLACE"},
		{"RandomPassword", m{"length": 20}, m{"length": 20, "numeric": false}, "number:UPDATE_REPLACE numeric:UPDATE_REPLACE"},
		{"RandomString", m{"length": 20, "overrideSpecial": "_"}, m{"length": 20, "overrideSpecial": "-"}, "overrideSpecial:UPDATE_REPLACE"},
		{"RandomId", m{"byteLength": 4}, m{"byteLength": 4, "prefix": "a-"}, "prefix:ADD_REPLACE"},
		{"RandomInteger", m{"min": 1, "max": 9}, m{"min": 1, "max": 8}, "max:UPDATE_REPLACE"},
		{"RandomPet", m{}, m{"length": 2, "separator": "-"}, ""},
		{"RandomPet", m{}, m{"length": 3}, "length:UPDATE_REPLACE"},
		{"RandomUuid", m{}, m{}, ""},
	} {
		e := engine(t, test.kind)
		if got := e.Diff(e.Create(test.old), test.new); got != test.want {
			t.Errorf("%s %v to %v: diff is %q, want %q", test.kind, test.old, test.new, got, test.want)
		}
	}
}

func TestPassword(t *testing.T) {
	e := engine(t, "RandomPassword")
	r := e.Create(m{"length": 100, "minNumeric": 3, "minSpecial": 3, "overrideSpecial": "_", "lower": false})
	text := opened(t, r.State["result"])
	if !regexp.MustCompile(`^[A-Z0-9_]{100}$`).MatchString(text) {
		t.Errorf("password %q is not of the characters that were asked for", text)
	}
	if strings.Count(text, "_") < 3 {
		t.Errorf("password %q has fewer than 3 special characters", text)
	}
	if err := bcrypt.CompareHashAndPassword([]byte(opened(t, r.State["bcryptHash"])), []byte(text)[:72]); err != nil {
		t.Errorf("bcryptHash is not that of the password: %v", err)
	}
	if r.ID != "none" || r.State["number"] != true || r.State["minUpper"] != 0.0 {
		t.Errorf("id %q, state %v: want the defaults of the official plugin", r.ID, r.State)
	}
}

func TestPreviewKnowsNoResult(t *testing.T) {
	e := engine(t, "RandomPassword")
	out, err := e.Preview(m{"length": 20})
	if err != nil {
		t.Fatal(err)
	}
	if out["result"] != bridgetest.Unknown || out["bcryptHash"] != bridgetest.Unknown || out["special"] != true {
		t.Errorf("preview is %v", out)
	}
}

func TestImport(t *testing.T) {
	for _, test := range []struct {
		kind, id, wantID string
		want             m
	}{
		{"RandomBytes", "8/fu3q+2DcgSJ19i0jZ5Cw==", "8/fu3q+2DcgSJ19i0jZ5Cw==", m{"length": 16.0}},
		{"RandomId", "p-9hUg", "p-9hUg", m{"byteLength": 4.0, "prefix": nil, "hex": "a7ef6152", "b64Std": "p+9hUg==", "dec": "2817483090"}},
		{"RandomId", "my-prefix-,p-9hUg", "p-9hUg", m{"prefix": "my-prefix-", "hex": "my-prefix-a7ef6152"}},
		{"RandomInteger", "15390,1,50000", "15390", m{"result": 15390.0, "min": 1.0, "max": 50000.0}},
		{"RandomUuid", "aabbccdd-eeff-0011-2233-445566778899", "aabbccdd-eeff-0011-2233-445566778899", m{"result": "aabbccdd-eeff-0011-2233-445566778899"}},
		{"RandomString", "test", "test", m{"result": "test", "length": 4.0, "special": true}},
		{"RandomPassword", "securepassword", "none", m{"length": 14.0, "minLower": 0.0}},
	} {
		e := engine(t, test.kind)
		r := e.Import(test.id)
		if r.ID != test.wantID {
			t.Errorf("%s %q: id is %q, want %q", test.kind, test.id, r.ID, test.wantID)
		}
		for name, want := range test.want {
			if got := r.State[name]; got != want {
				t.Errorf("%s %q: %s is %v, want %v", test.kind, test.id, name, got, want)
			}
		}
		if got := e.Diff(r, r.Inputs); got != "" {
			t.Errorf("%s %q: the imported inputs %v differ from the state: %s", test.kind, test.id, r.Inputs, got)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		kind string
		in   m
		want string
	}{
		{"RandomBytes", m{}, "Missing required property 'length': The number of bytes requested. The minimum value for length is 1."},
		{"RandomBytes", m{"length": 0}, "Invalid Attribute Value. Attribute length value must be at least 1, got: 0. Examine values at 'x.length'."},
		{"RandomBytes", m{"length": "many"}, `cannot parse '' as number: strconv.ParseFloat: parsing "many": invalid syntax. Examine values at 'x.length'.`},
	} {
		_, failures := engine(t, test.kind).Check(nil, test.in)
		if got := strings.Join(failures, "; "); got != test.want {
			t.Errorf("%s %v: check says %q, want %q", test.kind, test.in, got, test.want)
		}
	}
	for _, test := range []struct {
		kind string
		in   m
		want string
	}{
		{"RandomInteger", m{"min": 2, "max": 1}, "smaller than or equal"},
		{"RandomPassword", m{"length": 2, "minUpper": 3}, "at least 3"},
		{"RandomPassword", m{"length": 2, "number": true, "numeric": false}, "different values"},
		{"RandomPassword", m{"length": 2, "upper": false, "lower": false, "numeric": false, "special": false}, "switched off"},
	} {
		if _, err := engine(t, test.kind).TryCreate(test.in); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %v: error is %v, want one with %q", test.kind, test.in, err, test.want)
		}
	}
}

func TestSeedGivesTheSameInteger(t *testing.T) {
	e := engine(t, "RandomInteger")
	in := m{"min": 0, "max": 1 << 30, "seed": "seed"}
	if a, b := e.Create(in), e.Create(in); a.ID != b.ID {
		t.Errorf("the same seed gave %s and %s", a.ID, b.ID)
	}
}
