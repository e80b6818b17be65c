// Command ledger is an application as stacks have them: a web server that
// keeps its data in Postgres, with a password from a secret's file, a migration
// that runs before it, a health check, and a client that writes all the time
// and remembers what it was promised.
//
//	ledger migrate            make the table, and the role with its password
//	ledger serve              answer on :8080 until SIGTERM, and a little longer
//	ledger check [URL]        tell what it answers, and whether that is good
//	ledger write URL RATE     write, and tell on :8081 how that goes
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(log.Lmicroseconds)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, args []string) error {
	switch strings.Join(args[:min(1, len(args))], "") {
	case "migrate":
		return migrate(ctx)
	case "serve":
		return serve(ctx)
	case "check":
		url := "http://127.0.0.1:8080/health"
		if len(args) > 1 {
			url = args[1]
		}
		return check(ctx, url)
	case "write":
		if len(args) == 3 {
			return write(ctx, args[1], args[2])
		}
	}
	return fmt.Errorf("usage: ledger migrate | serve | check [URL] | write URL RATE")
}

func check(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if _, err := io.Copy(os.Stdout, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, answer.Status)
	}
	return nil
}

// listen serves until the context ends. Then it goes on for a moment, since
// others may still have its address, and finishes what it has begun.
func listen(ctx context.Context, address string, handler http.Handler, linger time.Duration) error {
	server := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	// Not a wait for a condition: nobody tells a server when the last client has
	// forgotten its address.
	time.Sleep(linger)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return server.Shutdown(ctx)
}
