package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// TestProtocols is what people do through the ingress, case by case.
func TestProtocols(t *testing.T) {
	t.Parallel()
	c := newCheckout(t)
	c.ends()
	c.steps([]step{
		{"a stack with a route of every kind comes up", protocolsUp},
		{"second up changes nothing and restarts nothing", testStackAgain},
		{"pages come from tasks on all hosts, whichever host is asked", testPages},
		{"websockets, events, gRPC and slow answers", testLongAnswers},
		{"a large upload arrives whole", testUpload},
		{"backends that sign their own certificates", testReencryption},
		{"backends whose TLS the ingress cannot read", testPassthrough},
		{"PROXY headers tell the client's address", testClientAddress},
		{"ports of their own, and no other", testEntryPoints},
		{"a session stays on its task until that dies", testSticky},
		{"tasks that die or fall ill lose no request", testKilledTasks},
		{"who is not signed in is asked to", testSignOn},
	})
}

func protocolsUp(c *checkout) {
	c.run("cp -r lab/e2e/testdata/stacks/protocols stacks/ && rm -r stacks/whoami")
	c.edit("Pulumi.lab.yaml", "skep:stacks: [whoami]", `skep:stacks: [protocols]
  skep:ingress:
    entryPoints: {address: 9000/tcp, before: 9010/tcp, packets: 9002/udp}
    auth: {address: "http://tasks.protocols_login:8080/verify", responseHeaders: [Remote-User]}`)
	c.run("scripts/tools --packages-for lab && .skep/bin/lab up")
	c.pulumi("lab", "pulumi stack init lab && pulumi up --yes --skip-preview")
	// The name server has the new names at once; Traefik reads its files a moment
	// after they are written.
	v := visitors(c)[""]
	c.until(time.Minute, "the first page", func() bool {
		_, err := tryEcho(v.browser(), "https://protocols.skep.test/")
		return err == nil
	})
}

// where are the tasks of a service: the host of each, by the task's name.
func where(c *checkout, service string) map[string]string {
	c.t.Helper()
	found := map[string]string{}
	for _, host := range hosts {
		for _, task := range strings.Fields(c.on(host, fmt.Sprintf(
			`docker ps -q --filter name=protocols_%s. | xargs -r docker inspect --format "{{.Config.Hostname}}"`, service))) {
			found[task] = host
		}
	}
	return found
}

// killed ends a task without a word of farewell.
func killed(c *checkout, host, task string) {
	c.t.Helper()
	c.on(host, fmt.Sprintf(`for id in $(docker ps -q --filter name=protocols_); do
		if [ "$(docker inspect --format "{{.Config.Hostname}}" "$id")" = %q ]; then docker kill "$id" >/dev/null; fi; done`, task))
}

func testPages(c *checkout) {
	tasks := where(c, "web")
	if len(tasks) != 3 {
		c.t.Fatalf("tasks %v, want 3", tasks)
	}
	for name, v := range visitors(c) {
		e := v.echoed(v.browser(), "https://protocols.skep.test/page?x=1")
		if e.Host != "protocols.skep.test" || e.Path != "/page?x=1" || e.Protocol != "HTTP/1.1" || e.Header.Get("X-Forwarded-Proto") != "https" {
			c.t.Errorf("%q: %+v", name, e)
		}
		if tasks[e.Task] == "" {
			c.t.Errorf("%q: task %q is none of %v", name, e.Task, tasks)
		}
		// Which of them gets a connection is chance, and connections are used again.
		seen := map[string]int{}
		c.until(time.Minute, "requests side by side to reach all tasks", func() bool {
			reached(v, 20, seen)
			return len(seen) == len(tasks)
		})
	}
	v := visitors(c)["node-1"]
	response, err := v.browser().Get("http://protocols.skep.test/page?x=1")
	if err != nil {
		c.t.Fatal(err)
	}
	_ = response.Body.Close()
	if to := response.Header.Get("Location"); response.StatusCode/100 != 3 || to != "https://protocols.skep.test/page?x=1" {
		c.t.Errorf("plain HTTP: %s to %q", response.Status, to)
	}
	testClientHeader(c, v)
}

// testClientHeader looks for the visitor's own address in what tasks are told.
func testClientHeader(c *checkout, v visitor) {
	connection, err := v.dial(c.t.Context(), "tcp", "any:443")
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	self, _, _ := net.SplitHostPort(connection.LocalAddr().String())
	request, err := http.NewRequest(http.MethodGet, "https://protocols.skep.test/", nil)
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header.Set("X-Forwarded-For", "192.0.2.66")
	request.Header.Set("X-Real-Ip", "192.0.2.66")
	response, err := v.browser().Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var e echo
	if err := json.NewDecoder(response.Body).Decode(&e); err != nil {
		c.t.Fatal(err)
	}
	if e.Header.Get("X-Forwarded-For") != self || e.Header.Get("X-Real-Ip") != self {
		c.t.Errorf("the visitor %s is told as %q and %q", self, e.Header.Get("X-Forwarded-For"), e.Header.Get("X-Real-Ip"))
	}
}

// reached counts the tasks that answer so many requests side by side. They come
// one after another, as visitors do: those of one instant share one answer of
// Docker's DNS, and with it the task that it names first.
func reached(v visitor, count int, seen map[string]int) {
	v.t.Helper()
	var (
		all sync.WaitGroup
		mu  sync.Mutex
	)
	for i := range count {
		all.Go(func() {
			time.Sleep(time.Duration(i) * 25 * time.Millisecond)
			e, err := tryEcho(v.browser(), "https://protocols.skep.test/slow?for=1s")
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				v.t.Error(err)
				return
			}
			seen[e.Task]++
		})
	}
	all.Wait()
}

func testLongAnswers(c *checkout) {
	v := visitors(c)["node-2"]
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	client := v.browser()
	client.Timeout = 0 // the context has one; a websocket outlives its handshake
	socket, _, err := websocket.Dial(ctx, "wss://protocols.skep.test/websocket", &websocket.DialOptions{HTTPClient: client})
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = socket.CloseNow() }()
	socket.SetReadLimit(2 << 20)
	if _, greeting, err := socket.Read(ctx); err != nil || len(greeting) == 0 {
		c.t.Fatalf("websocket: %q (%v)", greeting, err)
	}
	for _, sent := range [][]byte{[]byte("hello"), bytes.Repeat([]byte("honey"), 200_000)} {
		if err := socket.Write(ctx, websocket.MessageBinary, sent); err != nil {
			c.t.Fatal(err)
		}
		if _, got, err := socket.Read(ctx); err != nil || !bytes.Equal(got, sent) {
			c.t.Errorf("websocket: %d bytes came back of %d (%v)", len(got), len(sent), err)
		}
	}
	testEvents(c, v)
	testGRPC(c, ctx, v)
}

// testEvents reads events of an answer that never ends.
func testEvents(c *checkout, v visitor) {
	response, err := v.browser().Get("https://protocols.skep.test/events?count=3")
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	want := "data: 0\n\ndata: 1\n\ndata: 2\n\n"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(response.Body, got); err != nil || string(got) != want {
		c.t.Errorf("events: %q (%v)", got, err)
	}
}

func testGRPC(c *checkout, ctx context.Context, v visitor) {
	client, err := grpc.NewClient("passthrough:///grpc.skep.test:443", grpc.WithTransportCredentials(credentials.NewTLS(v.tls("grpc.skep.test"))),
		grpc.WithNoProxy(), grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) { return v.dial(ctx, "tcp", address) }))
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	got, err := grpc_health_v1.NewHealthClient(client).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil || got.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		c.t.Errorf("gRPC: %v (%v)", got, err)
	}
}

func testUpload(c *checkout) {
	const size = 100 << 20
	v, sum := visitors(c)["node-3"], sha256.New()
	// Noise, so that nothing on the way can make it smaller; the same in each run.
	noise := io.LimitReader(rand.NewChaCha8([32]byte{1}), size)
	client := v.browser()
	client.Timeout = 5 * time.Minute
	start := time.Now()
	response, err := client.Post("https://protocols.skep.test/upload", "application/octet-stream", io.TeeReader(noise, sum))
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var got struct {
		Bytes  int64
		SHA256 string
	}
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
		c.t.Fatal(err)
	}
	c.t.Logf("an upload of 100 MB took %s", time.Since(start).Round(10*time.Millisecond))
	if want := hex.EncodeToString(sum.Sum(nil)); got.Bytes != size || got.SHA256 != want {
		c.t.Errorf("%d bytes arrived with %s, want %d with %s", got.Bytes, got.SHA256, size, want)
	}
}

// line speaks to a TCP service, says hello, and returns its first two lines.
func line(c *checkout, connection net.Conn) (first, second string) {
	c.t.Helper()
	if err := connection.SetDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	if _, err := io.WriteString(connection, "hello\n"); err != nil {
		c.t.Fatal(err)
	}
	read := bufio.NewReader(connection)
	first, err := read.ReadString('\n')
	if err == nil {
		second, err = read.ReadString('\n')
	}
	if err != nil {
		c.t.Fatalf("after %q: %v", first+second, err)
	}
	return first, second
}

func testReencryption(c *checkout) {
	for _, v := range visitors(c) {
		if e := v.echoed(v.browser(), "https://again.skep.test/"); e.Host != "again.skep.test" {
			c.t.Errorf("HTTPS behind HTTPS: %+v", e)
		}
		connection := v.encrypted(c, "echo.skep.test", v.tls("echo.skep.test"))
		if first, second := line(c, connection); !strings.HasPrefix(first, "task ") || second != "hello\n" {
			c.t.Errorf("TCP: %q, %q", first, second)
		}
		_ = connection.Close()
	}
}

// encrypted is a connection over TLS to a name.
func (v visitor) encrypted(c *checkout, name string, config *tls.Config) *tls.Conn {
	c.t.Helper()
	plain, err := v.dial(c.t.Context(), "tcp", name+":443")
	if err != nil {
		c.t.Fatal(err)
	}
	connection := tls.Client(plain, config)
	if err := connection.HandshakeContext(c.t.Context()); err != nil {
		c.t.Fatalf("%s: %v", name, err)
	}
	return connection
}

func testPassthrough(c *checkout) {
	v := visitors(c)["node-1"]
	config := v.tls("pass.skep.test")
	config.InsecureSkipVerify = true // nobody vouches for it, which is the point
	connection := v.encrypted(c, "pass.skep.test", config)
	defer func() { _ = connection.Close() }()
	shown := connection.ConnectionState().PeerCertificates[0]
	if shown.Issuer.CommonName != "protocols, signed by itself" || shown.VerifyHostname("pass.skep.test") != nil {
		c.t.Errorf("the certificate is of %s for %s, want the backend's own", shown.Issuer, shown.DNSNames)
	}
	if _, err := fmt.Fprint(connection, "GET / HTTP/1.1\r\nHost: pass.skep.test\r\nConnection: close\r\n\r\n"); err != nil {
		c.t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil || response.StatusCode != http.StatusOK {
		c.t.Errorf("over it: %v (%v)", response, err)
	}
}
