package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// stranger asks on behalf of a proxy, with a cookie or without.
func stranger(p *provider, cookie *http.Cookie) *http.Response {
	request := httptest.NewRequest(http.MethodGet, "/verify", nil)
	request.Header.Set("X-Forwarded-Proto", "https")
	request.Header.Set("X-Forwarded-Host", "app.example.org")
	request.Header.Set("X-Forwarded-Uri", "/page?x=1&y=2")
	if cookie != nil {
		request.AddCookie(cookie)
	}
	recorder := httptest.NewRecorder()
	p.routes().ServeHTTP(recorder, request)
	return recorder.Result()
}

func submit(p *provider, form url.Values) *http.Response {
	request := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(form.Encode()))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	recorder := httptest.NewRecorder()
	p.routes().ServeHTTP(recorder, request)
	return recorder.Result()
}

func TestSignOn(t *testing.T) {
	p, err := newProvider("https://login.example.org")
	if err != nil {
		t.Fatal(err)
	}
	to, err := stranger(p, nil).Location()
	if err != nil || to.Host != "login.example.org" || to.Query().Get("to") != "https://app.example.org/page?x=1&y=2" {
		t.Fatalf("a stranger is sent to %v (%v)", to, err)
	}
	form := url.Values{"to": {to.Query().Get("to")}, "user": {"visitor"}, "password": {"wrong"}}
	if got := submit(p, form); got.StatusCode != http.StatusUnauthorized || len(got.Cookies()) != 0 {
		t.Errorf("a wrong password: %d, cookies %v", got.StatusCode, got.Cookies())
	}
	form.Set("password", "let me in")
	entered := submit(p, form)
	if entered.StatusCode != http.StatusSeeOther || entered.Header.Get("Location") != "https://app.example.org/page?x=1&y=2" || len(entered.Cookies()) != 1 {
		t.Fatalf("the right password: %d to %q", entered.StatusCode, entered.Header.Get("Location"))
	}
	cookie := entered.Cookies()[0]
	if !cookie.Secure || !cookie.HttpOnly || cookie.Domain != "example.org" {
		t.Errorf("cookie %v", cookie)
	}
	if got := stranger(p, cookie); got.StatusCode != http.StatusOK || got.Header.Get("Remote-User") != "visitor" {
		t.Errorf("a visitor: %d, %q", got.StatusCode, got.Header.Get("Remote-User"))
	}
	forged := *cookie
	forged.Value = strings.Replace(cookie.Value, "visitor", "admin", 1)
	if got := stranger(p, &forged); got.StatusCode != http.StatusFound {
		t.Errorf("a forged cookie: %d", got.StatusCode)
	}
	p.now = func() time.Time { return time.Now().Add(2 * session) }
	if got := stranger(p, cookie); got.StatusCode != http.StatusFound {
		t.Errorf("an old cookie: %d", got.StatusCode)
	}
}

func TestSignOnSendsNobodyAway(t *testing.T) {
	p, err := newProvider("https://login.example.org")
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"", "https://example.com/", "https://evilexample.org/", "//example.com", "javascript:alert(1)", "http://app.example.org/"} {
		got := submit(p, url.Values{"to": {to}, "user": {"visitor"}, "password": {"let me in"}})
		if got.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %d", to, got.StatusCode)
		}
	}
}
