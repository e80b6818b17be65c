package main

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// provider is a stand-in for an identity provider. It knows one visitor, and
// remembers a login in a cookie that it signs.
type provider struct {
	// login is where its page is, zone the domain that it sends visitors back to.
	login *url.URL
	zone  string
	// user and password are the visitor's.
	user, password string
	key            []byte
	now            func() time.Time
}

const (
	cookieName = "lab_session"
	session    = time.Hour
)

// signOn serves a login page at an address like https://login.example.org, and
// the check of each request for all names of example.org.
func signOn(ctx context.Context, address string) error {
	p, err := newProvider(address)
	if err != nil {
		return err
	}
	open, err := net.Listen("tcp", ":8080")
	if err != nil {
		return err
	}
	return serveHTTP(p.routes())(ctx, open)
}

func newProvider(address string) (*provider, error) {
	login, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	_, zone, found := strings.Cut(login.Hostname(), ".")
	if !found {
		return nil, fmt.Errorf("address %q: need https://login.DOMAIN", address)
	}
	p := &provider{
		login: login, zone: zone, key: make([]byte, 32), now: time.Now,
		user: cmp.Or(os.Getenv("SSO_USER"), "visitor"), password: cmp.Or(os.Getenv("SSO_PASSWORD"), "let me in"),
	}
	_, err = rand.Read(p.key)
	return p, err
}

func (p *provider) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/verify", p.verify)
	mux.HandleFunc("GET /login", p.page)
	mux.HandleFunc("POST /login", p.enter)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "well") })
	return mux
}

// verify tells a proxy whether a request may pass: 200 with the visitor's name,
// or the way to the login page.
func (p *provider) verify(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(cookieName); err == nil {
		if user, err := p.check(cookie.Value); err == nil {
			w.Header().Set("Remote-User", user)
			return
		}
	}
	wanted := url.URL{Scheme: r.Header.Get("X-Forwarded-Proto"), Host: r.Header.Get("X-Forwarded-Host")}
	to := p.login.JoinPath("login")
	to.RawQuery = url.Values{"to": {wanted.String() + r.Header.Get("X-Forwarded-Uri")}}.Encode()
	http.Redirect(w, r, to.String(), http.StatusFound)
}

var page = template.Must(template.New("login").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Log in</title>
<form method="post" action="/login">
<p id="said">{{.Said}}</p>
<input type="hidden" name="to" value="{{.To}}">
<label>Name <input name="user" autofocus></label>
<label>Password <input name="password" type="password"></label>
<button>Log in</button>
</form></html>
`))

type words struct{ Said, To string }

func (p *provider) page(w http.ResponseWriter, r *http.Request) {
	_ = page.Execute(w, words{To: r.URL.Query().Get("to")})
}

// enter takes the form, and sends the visitor back to where he came from.
func (p *provider) enter(w http.ResponseWriter, r *http.Request) {
	to, err := p.back(r.FormValue("to"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if r.FormValue("user") != p.user || !hmac.Equal([]byte(r.FormValue("password")), []byte(p.password)) {
		w.WriteHeader(http.StatusUnauthorized)
		_ = page.Execute(w, words{Said: "Wrong name or password.", To: to})
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: p.sign(p.user, p.now().Add(session)), Domain: p.zone, Path: "/",
		MaxAge: int(session.Seconds()), Secure: p.login.Scheme == "https", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// back refuses to send visitors elsewhere than to the zone's own services.
func (p *provider) back(to string) (string, error) {
	target, err := url.Parse(to)
	if err != nil {
		return "", err
	}
	if target.Scheme != p.login.Scheme || target.Hostname() != p.zone && !strings.HasSuffix(target.Hostname(), "."+p.zone) {
		return "", fmt.Errorf("%q is no service of %s", to, p.zone)
	}
	return target.String(), nil
}

// sign makes the cookie: user|end|signature.
func (p *provider) sign(user string, end time.Time) string {
	text := user + "|" + strconv.FormatInt(end.Unix(), 10)
	return text + "|" + base64.RawURLEncoding.EncodeToString(p.mac(text))
}

func (p *provider) mac(text string) []byte {
	mac := hmac.New(sha256.New, p.key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// check returns whose the cookie is.
func (p *provider) check(value string) (string, error) {
	text, signature, _ := cutLast(value)
	given, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || !hmac.Equal(given, p.mac(text)) {
		return "", errors.New("the cookie is not ours")
	}
	user, end, _ := cutLast(text)
	seconds, err := strconv.ParseInt(end, 10, 64)
	if err != nil || p.now().Unix() >= seconds {
		return "", errors.New("the session is over")
	}
	return user, nil
}

func cutLast(text string) (before, after string, found bool) {
	i := strings.LastIndexByte(text, '|')
	if i < 0 {
		return "", text, false
	}
	return text[:i], text[i+1:], true
}
