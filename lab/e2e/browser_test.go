package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// chromium is the browser under the names that it has.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium-headless-shell", "chromium", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("no Chromium on PATH; scripts/packages browser installs it")
	return ""
}

// profile is a home whose browser trusts an authority beside those it came
// with, or only those where there is none.
func profile(t *testing.T, trusted string) string {
	t.Helper()
	home := t.TempDir()
	file, store := filepath.Join(home, "ca.pem"), filepath.Join(home, ".pki", "nssdb")
	if err := os.MkdirAll(store, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(trusted), 0o600); err != nil {
		t.Fatal(err)
	}
	steps := [][]string{{"-d", "sql:" + store, "-N", "--empty-password"}}
	if trusted != "" {
		steps = append(steps, []string{"-d", "sql:" + store, "-A", "-t", "C,,", "-n", "cluster", "-i", file})
	}
	for _, args := range steps {
		if out, err := exec.Command("certutil", args...).CombinedOutput(); err != nil {
			t.Fatalf("certutil %s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
	return home
}

// browse starts a browser without a window, which finds every name of the
// domain at one address and trusts the authority.
func browse(t *testing.T, trusted, domain, address string) context.Context {
	t.Helper()
	home := profile(t, trusted)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)),
		chromedp.Env("HOME="+home), chromedp.UserDataDir(filepath.Join(home, "profile")),
		chromedp.DisableGPU, chromedp.Flag("no-proxy-server", true),
		chromedp.Flag("host-resolver-rules", "MAP *."+domain+" "+address),
	)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx
}

// signInByHand opens a page that only members see, as a person does, and
// returns what it shows in the end.
func signInByHand(t *testing.T, ctx context.Context, page string) string {
	t.Helper()
	act := func(steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, steps...); err != nil {
			at, _ := chromedp.Run(ctx, chromedp.Location())
			t.Fatalf("at %s: %v", at, err)
		}
	}
	read := func(what chromedp.Action[string]) string {
		t.Helper()
		text, err := chromedp.Run(ctx, what)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	enter := func(password string) {
		t.Helper()
		act(chromedp.SetValue(`input[name=user]`, "visitor"), chromedp.SetValue(`input[name=password]`, password), chromedp.Click(`button`))
	}
	act(chromedp.Navigate(page), chromedp.WaitVisible(`input[name=user]`))
	if asked := read(chromedp.Location()); !strings.HasPrefix(asked, "https://login.") {
		t.Errorf("a stranger is asked at %q", asked)
	}
	enter("a guess")
	act(chromedp.WaitVisible(`#said:not(:empty)`))
	if said := read(chromedp.Text(`#said`)); said != "Wrong name or password." {
		t.Errorf("after a guess: %q", said)
	}
	enter("let me in")
	act(chromedp.WaitVisible(`pre`))
	if reached := read(chromedp.Location()); reached != page {
		t.Errorf("in the end at %q, want %q", reached, page)
	}
	return read(chromedp.Text(`pre`))
}

// TestSlowBrowser signs in with a real browser, which looks at certificates,
// cookies and redirects as people's do.
func TestSlowBrowser(t *testing.T) {
	slow(t)
	c := newCheckout(t)
	c.ends()
	c.steps([]step{
		{"a stack with a route of every kind comes up", protocolsUp},
		{"a browser signs in", testBrowser},
	})
}

func testBrowser(c *checkout) {
	address, trusted := hostOutputs(c, "lab")["node-2"].PublicAddress, c.read(authority(c, "lab"))
	const page = "https://members.skep.test/page?x=1"
	shown := signInByHand(c.t, browse(c.t, trusted, "skep.test", address), page)
	if !strings.Contains(shown, `"Remote-User":["visitor"]`) {
		c.t.Errorf("the page shows %s", shown)
	}
	// Were any certificate good enough, the above would show nothing.
	err := chromedp.Do(browse(c.t, "", "skep.test", address), chromedp.Navigate(page))
	if err == nil || !strings.Contains(err.Error(), "ERR_CERT_AUTHORITY_INVALID") {
		c.t.Errorf("a browser that does not know the authority: %v", err)
	}
}
