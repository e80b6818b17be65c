package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func get(t *testing.T, base, path string) (int, string) {
	t.Helper()
	response, err := http.Get(base + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestWhoami(t *testing.T) {
	server := httptest.NewServer((&server{name: "one", verbose: true}).routes())
	defer server.Close()
	_, text := get(t, server.URL, "/any?x=1")
	for _, want := range []string{"Name: one\nHostname: ", "\nIP: 127.0.0.1\n", "\nRemoteAddr: 127.0.0.1:", "\nGET /any?x=1 HTTP/1.1\r\n", "\r\nUser-Agent: "} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	_, text = get(t, server.URL, "/api")
	var api map[string]any
	if err := json.Unmarshal([]byte(text), &api); err != nil {
		t.Fatal(err)
	}
	if api["method"] != "GET" || api["url"] != "/api" || api["name"] != "one" || api["hostname"] == "" {
		t.Errorf("api: %v", api)
	}
	if _, text = get(t, server.URL, "/data?size=2&unit=KB"); len(text) != 2048 {
		t.Errorf("data: %d bytes", len(text))
	}
	if _, text = get(t, server.URL, "/bench"); text != "1" {
		t.Errorf("bench: %q", text)
	}
}

func TestHealth(t *testing.T) {
	server := httptest.NewServer((&server{}).routes())
	defer server.Close()
	for _, step := range []struct {
		post string
		want int
	}{{"", 200}, {"503", 503}, {"nonsense", 503}, {"200", 200}} {
		if step.post != "" {
			response, err := http.Post(server.URL+"/health", "text/plain", strings.NewReader(step.post))
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
		}
		if got, _ := get(t, server.URL, "/health"); got != step.want {
			t.Errorf("after %q: %d, want %d", step.post, got, step.want)
		}
	}
}

func TestDataSizeIsBounded(t *testing.T) {
	for query, want := range map[string]int64{
		"": 1, "size=5": 5, "size=-1": 1, "size=3&unit=mb": 3 << 20, "size=9999999999&unit=GB": maxData, "size=99999&unit=GB": maxData,
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if got := dataSize(values); got != want {
			t.Errorf("%q: %d, want %d", query, got, want)
		}
	}
}
