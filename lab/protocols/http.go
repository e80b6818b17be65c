package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// application is what answers HTTP.
type application struct {
	// ill makes its health check fail.
	ill atomic.Bool
}

// echo is what the application knows of itself and of a request.
type echo struct {
	// Task is the host name of the container that answered.
	Task                       string
	Host, Method, Path, Remote string
	Protocol                   string
	Header                     http.Header
}

// upload is what arrived.
type upload struct {
	Task   string
	Bytes  int64
	SHA256 string
}

// serveHTTP serves until the context ends, a little longer, and then finishes
// what it has begun.
func serveHTTP(handler http.Handler) func(context.Context, net.Listener) error {
	return func(ctx context.Context, open net.Listener) error {
		server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
		finished := make(chan error, 1)
		after(ctx, func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			finished <- server.Shutdown(ctx)
		})
		if err := server.Serve(open); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return <-finished
	}
}

func (a *application) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", a.echo)
	mux.HandleFunc("POST /upload", a.upload)
	mux.HandleFunc("GET /events", a.events)
	mux.HandleFunc("GET /slow", a.slow)
	mux.HandleFunc("GET /websocket", a.websocket)
	mux.HandleFunc("GET /healthz", a.health)
	mux.HandleFunc("POST /healthz/{state}", func(w http.ResponseWriter, r *http.Request) {
		a.ill.Store(r.PathValue("state") == "ill")
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func task() string {
	name, _ := os.Hostname()
	return name
}

func (a *application) echo(w http.ResponseWriter, r *http.Request) {
	answer(w, echo{
		Task: task(), Host: r.Host, Method: r.Method, Path: r.URL.RequestURI(), Remote: r.RemoteAddr,
		Protocol: r.Proto, Header: r.Header,
	})
}

// answer writes JSON. A client that went away misses nothing.
func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}

// upload counts and hashes what comes, and keeps nothing.
func (a *application) upload(w http.ResponseWriter, r *http.Request) {
	sum := sha256.New()
	n, err := io.Copy(sum, r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer(w, upload{Task: task(), Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil))})
}

// events sends ?count=N server-sent events and then holds the answer open until
// the client leaves: it has them all only if the proxy between did not wait for
// the answer's end.
func (a *application) events(w http.ResponseWriter, r *http.Request) {
	count, err := strconv.Atoi(r.URL.Query().Get("count"))
	if err != nil || count < 1 || count > 1000 {
		http.Error(w, "count: need a number from 1 to 1000", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	for i := range count {
		if _, err := fmt.Fprintf(w, "data: %d\n\n", i); err != nil {
			return
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			return
		}
	}
	<-r.Context().Done()
}

// slow answers after ?for=DURATION.
func (a *application) slow(w http.ResponseWriter, r *http.Request) {
	wait, err := time.ParseDuration(r.URL.Query().Get("for"))
	if err != nil || wait < 0 || wait > time.Minute {
		http.Error(w, "for: need a duration up to 1m", http.StatusBadRequest)
		return
	}
	select {
	case <-r.Context().Done():
	case <-time.After(wait):
		a.echo(w, r)
	}
}

// websocket sends back each message, and the task's name first.
func (a *application) websocket(w http.ResponseWriter, r *http.Request) {
	socket, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // it has answered
	}
	defer func() { _ = socket.CloseNow() }()
	socket.SetReadLimit(2 << 20)
	if err := socket.Write(r.Context(), websocket.MessageText, []byte(task())); err != nil {
		return
	}
	for {
		kind, message, err := socket.Read(r.Context())
		if err != nil {
			return
		}
		if err := socket.Write(r.Context(), kind, message); err != nil {
			return
		}
	}
}

func (a *application) health(w http.ResponseWriter, _ *http.Request) {
	if a.ill.Load() {
		http.Error(w, "ill", http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "well\n")
}
