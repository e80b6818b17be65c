package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"skep/lab/traffic"
)

func testClientAddress(c *checkout) {
	for _, v := range visitors(c) {
		for port, version := range map[string]int{"9000": 2, "9010": 1} {
			connection, err := v.dial(c.t.Context(), "tcp", "protocols.skep.test:"+port)
			if err != nil {
				c.t.Fatal(err)
			}
			want := fmt.Sprintf("client %s proxy %d task ", connection.LocalAddr(), version)
			if first, second := line(c, connection); !strings.HasPrefix(first, want) || second != "hello\n" {
				c.t.Errorf("port %s: %q, %q, want %q", port, first, second, want)
			}
			_ = connection.Close()
		}
	}
}

func testEntryPoints(c *checkout) {
	v := visitors(c)["node-1"]
	connection, err := v.dial(c.t.Context(), "udp", "protocols.skep.test:9002")
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	got := make([]byte, 1500)
	c.until(patience, "a packet to come back", func() bool {
		// Packets may get lost; that is not what this looks for.
		if _, err := io.WriteString(connection, "ping"); err != nil {
			c.t.Fatal(err)
		}
		_ = connection.SetReadDeadline(time.Now().Add(time.Second))
		n, err := connection.Read(got)
		return err == nil && strings.HasSuffix(string(got[:n]), " ping")
	})
	for _, port := range []string{"8080", "8443", "9001", "9002", "9011"} {
		closed, err := net.DialTimeout("tcp", net.JoinHostPort(v.to, port), 2*time.Second)
		if err == nil {
			_ = closed.Close()
			c.t.Errorf("port %s is open to everybody", port)
		}
	}
}

func testSticky(c *checkout) {
	const page = "https://cart.skep.test/"
	v, tasks := visitors(c)["node-1"], where(c, "cart")
	sessions := map[string]*http.Client{}
	for range 20 {
		client := v.browser()
		sessions[v.echoed(client, page).Task] = client
	}
	if len(sessions) != 3 {
		c.t.Fatalf("20 visitors reach %d tasks, want 3", len(sessions))
	}
	for task, client := range sessions {
		for range 50 {
			if e := v.echoed(client, page); e.Task != task {
				c.t.Fatalf("a session moved from %s to %s while both live", task, e.Task)
			}
		}
		// The same cookie at another host's door leads to the same task.
		other := visitors(c)["node-3"].browser()
		other.Jar = client.Jar
		if e := v.echoed(other, page); e.Task != task {
			c.t.Errorf("node-3 sends a session of %s to %s", task, e.Task)
		}
	}
	var victim string
	for task := range sessions {
		if tasks[task] != "node-1" {
			victim = task // on another host than the one that is asked
		}
	}
	killed(c, tasks[victim], victim)
	c.until(time.Minute, "the session to move", func() bool {
		e, err := tryEcho(sessions[victim], page)
		return err == nil && e.Task != victim
	})
	c.until(time.Minute, "three tasks again", func() bool { return len(where(c, "cart")) == 3 })
}

// testKilledTasks sends 50 requests a second to each host while one task is
// killed, and another says that it is ill, so that Swarm replaces both.
func testKilledTasks(c *checkout) {
	ctx, stop := context.WithCancel(c.t.Context())
	defer stop()
	results := map[string]chan traffic.Figures{}
	for name, v := range visitors(c) {
		if name == "" {
			continue
		}
		result := make(chan traffic.Figures, 1)
		results[name] = result
		go func() {
			result <- traffic.Target{URL: "https://protocols.skep.test/", Address: v.to, Roots: v.roots}.AtRate(ctx, 50)
		}()
	}
	for _, end := range []func(host, task string){
		func(host, task string) { killed(c, host, task) },
		func(host, task string) { fallsIll(c, host, task) },
	} {
		before := where(c, "web")
		var victim string
		for task := range before {
			victim = max(victim, task)
		}
		end(before[victim], victim)
		c.until(2*time.Minute, "another task in its place", func() bool {
			now := where(c, "web")
			return now[victim] == "" && len(now) == 3 && healthy(c, "web") == 3
		})
	}
	stop()
	for name, result := range results {
		got := <-result
		c.t.Logf("%s while one task was killed and one fell ill: %s", name, got)
		if got.Failed > 0 || got.Requests == 0 {
			c.t.Errorf("%s: %d of %d requests failed: %q", name, got.Failed, got.Requests, got.Faults)
		}
	}
}

// healthy is how many tasks of a service have passed their health check.
func healthy(c *checkout, service string) (count int) {
	c.t.Helper()
	for _, host := range hosts {
		count += len(strings.Fields(c.on(host, fmt.Sprintf(`docker ps -q --filter health=healthy --filter name=protocols_%s.`, service))))
	}
	return count
}

// fallsIll has a task fail its health check from now on.
func fallsIll(c *checkout, host, task string) {
	c.t.Helper()
	c.on(host, fmt.Sprintf(`for id in $(docker ps -q --filter name=protocols_web.); do
		if [ "$(docker inspect --format "{{.Config.Hostname}}" "$id")" = %q ]; then
			nsenter -n -t "$(docker inspect --format "{{.State.Pid}}" "$id")" curl -fsS -X POST http://127.0.0.1:8080/healthz/ill
		fi; done`, task))
}

// testSignOn walks the way of a browser by hand; TestSlowBrowser has a real one.
func testSignOn(c *checkout) {
	v := visitors(c)[""]
	client := v.browser()
	follow := func(request *http.Request) (*http.Response, *url.URL) {
		c.t.Helper()
		response, err := client.Do(request)
		if err != nil {
			c.t.Fatal(err)
		}
		_ = response.Body.Close()
		to, _ := response.Location() // nil where it leads nowhere
		return response, to
	}
	request := func(method, page string, form url.Values) *http.Request {
		made, err := http.NewRequest(method, page, strings.NewReader(form.Encode()))
		if err != nil {
			c.t.Fatal(err)
		}
		if method == http.MethodPost {
			made.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		// What only the identity provider may say.
		made.Header.Set("Remote-User", "admin")
		return made
	}
	const page = "https://members.skep.test/page?x=1&y=2"
	response, to := follow(request(http.MethodGet, page, nil))
	if response.StatusCode != http.StatusFound || to == nil || to.Host != "login.skep.test" || to.Query().Get("to") != page {
		c.t.Fatalf("a stranger: %s to %v", response.Status, to)
	}
	response, back := follow(request(http.MethodPost, "https://login.skep.test/login",
		url.Values{"to": {to.Query().Get("to")}, "user": {"visitor"}, "password": {"let me in"}}))
	if response.StatusCode != http.StatusSeeOther || back == nil || back.String() != page {
		c.t.Fatalf("after the login: %s to %v", response.Status, back)
	}
	e := v.echoed(client, page)
	if user := e.Header.Values("Remote-User"); !slices.Equal(user, []string{"visitor"}) {
		c.t.Errorf("the service is told of %q", user)
	}
	final, err := client.Do(request(http.MethodGet, page, nil))
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = final.Body.Close() }()
	if text, err := io.ReadAll(final.Body); err != nil || strings.Contains(string(text), "admin") {
		c.t.Errorf("a visitor's own word on who he is reaches the service (%v): %s", err, text)
	}
}
