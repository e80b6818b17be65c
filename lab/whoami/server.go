package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxData bounds what /data sends, in bytes.
const maxData = 1 << 30

// server is the state of one whoami.
type server struct {
	verbose bool
	name    string

	mu sync.RWMutex
	// health is the status that /health answers; zero is 200.
	health int
}

// answer is what /api tells, in the order and under the names of the original.
type answer struct {
	Hostname   string            `json:"hostname,omitempty"`
	IP         []string          `json:"ip,omitempty"`
	Headers    http.Header       `json:"headers,omitempty"`
	URL        string            `json:"url,omitempty"`
	Host       string            `json:"host,omitempty"`
	Method     string            `json:"method,omitempty"`
	Name       string            `json:"name,omitempty"`
	RemoteAddr string            `json:"remoteAddr,omitempty"`
	Environ    map[string]string `json:"environ,omitempty"`
}

func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/data", s.data)
	mux.HandleFunc("/bench", s.bench)
	mux.HandleFunc("/api", s.api)
	mux.HandleFunc("/health", s.healthz)
	mux.HandleFunc("/", s.whoami)
	if !s.verbose {
		return mux
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		mux.ServeHTTP(w, r)
		log.Printf("%s %q %s - %s", r.RemoteAddr, r.Method+" "+r.URL.RequestURI(), r.Proto, time.Since(begin))
	})
}

// whoami tells everything as text: GET / and every path without one of its own.
func (s *server) whoami(w http.ResponseWriter, r *http.Request) {
	if wait := r.URL.Query().Get("wait"); wait != "" {
		if duration, err := time.ParseDuration(wait); err == nil {
			select {
			case <-time.After(duration):
			case <-r.Context().Done():
				return
			}
		}
	}
	var text strings.Builder
	if s.name != "" {
		fmt.Fprintln(&text, "Name:", s.name)
	}
	hostname, _ := os.Hostname()
	fmt.Fprintln(&text, "Hostname:", hostname)
	for _, ip := range addresses() {
		fmt.Fprintln(&text, "IP:", ip)
	}
	fmt.Fprintln(&text, "RemoteAddr:", r.RemoteAddr)
	if r.URL.Query().Get("env") == "true" {
		for _, variable := range os.Environ() {
			fmt.Fprintln(&text, variable)
		}
	}
	_ = r.Write(&text)
	_, _ = io.WriteString(w, text.String())
}

// api tells the same as JSON.
func (s *server) api(w http.ResponseWriter, r *http.Request) {
	hostname, _ := os.Hostname()
	a := answer{
		Hostname:   hostname,
		IP:         addresses(),
		Headers:    r.Header,
		URL:        r.URL.RequestURI(),
		Host:       r.Host,
		Method:     r.Method,
		Name:       s.name,
		RemoteAddr: r.RemoteAddr,
	}
	if r.URL.Query().Get("env") == "true" {
		a.Environ = map[string]string{}
		for _, variable := range os.Environ() {
			name, value, _ := strings.Cut(variable, "=")
			a.Environ[name] = value
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(a)
}

// healthz answers the status that the last POST set, 200 before the first.
func (s *server) healthz(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		body, err := io.ReadAll(io.LimitReader(r.Body, 16))
		status, convErr := strconv.Atoi(strings.TrimSpace(string(body)))
		if err != nil || convErr != nil || status < 100 || status > 999 {
			http.Error(w, "body is no status", http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		s.health = status
		s.mu.Unlock()
		return
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.health != 0 {
		w.WriteHeader(s.health)
	}
}

// bench answers as little as possible.
func (s *server) bench(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Connection", "keep-alive")
	w.Header().Set("Content-Type", "text/plain")
	_, _ = io.WriteString(w, "1")
}

// data sends as many bytes as asked for: ?size=10&unit=KB.
func (s *server) data(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	size := dataSize(query)
	if query.Get("attachment") == "true" {
		w.Header().Set("Content-Disposition", "attachment; filename=data.txt")
	}
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	_, _ = io.CopyN(w, letters{}, size)
}

func dataSize(query url.Values) int64 {
	size, err := strconv.ParseInt(query.Get("size"), 10, 64)
	if err != nil || size < 0 {
		size = 1
	}
	units := map[string]int64{"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
	unit := max(units[strings.ToUpper(query.Get("unit"))], 1)
	return min(size, maxData/unit) * unit
}

// letters is an endless line of text.
type letters struct{}

// Read fills p.
func (letters) Read(p []byte) (int, error) {
	const text = "|ABCDEFGHIJKLMNOPQRSTUVWXYZ-"
	for n := 0; n < len(p); {
		n += copy(p[n:], text)
	}
	return len(p), nil
}

func addresses() []string {
	var ips []string
	found, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, a := range found {
		if network, ok := a.(*net.IPNet); ok {
			ips = append(ips, network.IP.String())
		}
	}
	return ips
}
