// Command whoami answers HTTP requests with what it knows of itself and of the
// request. It answers like traefik/whoami, whose place it takes in the lab:
// same paths, same flags, same text.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("whoami", flag.ExitOnError)
	s := &server{}
	var port, cert, key string
	flags.BoolVar(&s.verbose, "verbose", false, "log each request")
	flags.StringVar(&cert, "cert", "", "file of a certificate")
	flags.StringVar(&key, "key", "", "file of its key")
	flags.StringVar(&port, "port", getenv("WHOAMI_PORT_NUMBER", "80"), "port to listen on")
	flags.StringVar(&s.name, "name", os.Getenv("WHOAMI_NAME"), "name to tell")
	if err := flags.Parse(args); err != nil {
		return err
	}
	server := &http.Server{Addr: net.JoinHostPort("", port), Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second}
	fmt.Println("Starting up on port", port)
	if cert != "" && key != "" {
		return server.ListenAndServeTLS(cert, key)
	}
	return server.ListenAndServe()
}

func getenv(name, fallback string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return fallback
}
