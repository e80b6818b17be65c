package main

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
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/pires/go-proxyproto"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// get returns the status and the body of an answer.
func get(t *testing.T, url string) (int, []byte) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, body
}

func TestHTTP(t *testing.T) {
	server := httptest.NewServer((&application{}).routes())
	defer server.Close()
	var e echo
	if _, body := get(t, server.URL+"/any?x=1"); json.Unmarshal(body, &e) != nil || e.Path != "/any?x=1" || e.Task == "" || e.Protocol != "HTTP/1.1" {
		t.Errorf("echo: %s", body)
	}
	sent := bytes.Repeat([]byte("honey "), 1<<16)
	response, err := http.Post(server.URL+"/upload", "text/plain", bytes.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var got upload
	sum := sha256.Sum256(sent)
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil || got.Bytes != int64(len(sent)) || got.SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("upload: %+v (%v)", got, err)
	}
	for path, want := range map[string]int{"/slow?for=1ms": 200, "/slow?for=-1s": 400, "/slow": 400, "/events?count=0": 400} {
		if status, _ := get(t, server.URL+path); status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
	}
}

func TestHealthCanBeLost(t *testing.T) {
	server := httptest.NewServer((&application{}).routes())
	defer server.Close()
	for _, step := range []struct {
		set  string
		want int
	}{{"", 200}, {"ill", 503}, {"well", 200}} {
		if step.set != "" {
			response, err := http.Post(server.URL+"/healthz/"+step.set, "", nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
		}
		if got, _ := get(t, server.URL+"/healthz"); got != step.want {
			t.Errorf("after %q: %d, want %d", step.set, got, step.want)
		}
	}
}

// The answer never ends, so reading three events shows that each was sent.
func TestEventsAreSentAtOnce(t *testing.T) {
	server := httptest.NewServer((&application{}).routes())
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/events?count=3", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	want := "data: 0\n\ndata: 1\n\ndata: 2\n\n"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(response.Body, got); err != nil || string(got) != want {
		t.Errorf("events: %q (%v)", got, err)
	}
}

func TestWebsocket(t *testing.T) {
	server := httptest.NewServer((&application{}).routes())
	defer server.Close()
	socket, _, err := websocket.Dial(t.Context(), server.URL+"/websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.CloseNow() }()
	if _, greeting, err := socket.Read(t.Context()); err != nil || string(greeting) != task() {
		t.Fatalf("greeting %q (%v)", greeting, err)
	}
	if err := socket.Write(t.Context(), websocket.MessageBinary, []byte{1, 2}); err != nil {
		t.Fatal(err)
	}
	if kind, got, err := socket.Read(t.Context()); err != nil || kind != websocket.MessageBinary || !bytes.Equal(got, []byte{1, 2}) {
		t.Errorf("echo %v of kind %v (%v)", got, kind, err)
	}
}

// served has one listener answer on loopback for the length of the test.
func served(t *testing.T, serve func(context.Context, net.Listener) error) string {
	t.Helper()
	open, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = open.Close() })
	go func() { _ = serve(t.Context(), open) }()
	return open.Addr().String()
}

func TestGRPC(t *testing.T) {
	client, err := grpc.NewClient(served(t, serveGRPC), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	got, err := grpc_health_v1.NewHealthClient(client).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil || got.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("health %v (%v)", got, err)
	}
}

func TestEchoOverTLS(t *testing.T) {
	pair, err := selfSigned("own.example.org")
	if err != nil {
		t.Fatal(err)
	}
	connection, err := tls.Dial("tcp", served(t, encrypted(pair, nil, serveEcho)), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	if err := connection.ConnectionState().PeerCertificates[0].VerifyHostname("own.example.org"); err != nil {
		t.Error(err)
	}
	if _, err := io.WriteString(connection, "over\n"); err != nil {
		t.Fatal(err)
	}
	read := bufio.NewReader(connection)
	for _, want := range []string{"task " + task() + "\n", "over\n"} {
		if got, err := read.ReadString('\n'); err != nil || got != want {
			t.Errorf("got %q (%v), want %q", got, err, want)
		}
	}
}

func TestClientAddress(t *testing.T) {
	address := served(t, serveClientAddress)
	for _, version := range []byte{0, 1, 2} {
		connection, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("client %s proxy 0 task %s\nhi\n", connection.LocalAddr(), task())
		if version > 0 {
			from := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7).To4(), Port: 4711}
			if _, err := proxyproto.HeaderProxyFromAddrs(version, from, connection.RemoteAddr()).WriteTo(connection); err != nil {
				t.Fatal(err)
			}
			want = fmt.Sprintf("client 192.0.2.7:4711 proxy %d task %s\nhi\n", version, task())
		}
		if _, err := io.WriteString(connection, "hi\n"); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(want))
		if _, err := io.ReadFull(connection, got); err != nil || string(got) != want {
			t.Errorf("version %d: %q (%v), want %q", version, got, err, want)
		}
		_ = connection.Close()
	}
}

func TestEchoPackets(t *testing.T) {
	open, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = open.Close() }()
	go func() { _ = echoPackets(t.Context(), open) }()
	client, err := net.Dial("udp", open.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	if _, err := io.WriteString(client, "ping"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 100)
	if n, err := client.Read(got); err != nil || string(got[:n]) != task()+" ping" {
		t.Errorf("got %q (%v)", got[:n], err)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"unknown"}, {"sso", "https://host"}, {"sso", "%"}} {
		if err := run(t.Context(), args); err == nil {
			t.Errorf("%s: no error", strings.Join(args, " "))
		}
	}
}
