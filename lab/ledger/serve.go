package main

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"
)

// serve answers PUT /entries/KEY once the entry is in the database for good,
// GET /entries with all keys, and GET /health.
func serve(ctx context.Context) error {
	db := asApp()
	defer func() { _ = db.Close() }()
	// Connections that are open stay good when the password changes, so those who
	// have the old one keep theirs.
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	version := os.Getenv("LEDGER_VERSION")
	log.Printf("version %q starts", version)
	handler := http.NewServeMux()
	handler.HandleFunc("GET /health", func(w http.ResponseWriter, r *http.Request) {
		if os.Getenv("LEDGER_BREAK") == "health" {
			http.Error(w, "it is ill because LEDGER_BREAK says so", http.StatusInternalServerError)
			return
		}
		answer(w, db.PingContext(r.Context()), "well")
	})
	handler.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		text, err := os.ReadFile(getenv("LEDGER_GREETING_FILE", "/greeting"))
		answer(w, err, version+" "+string(text))
	})
	handler.HandleFunc("PUT /entries/{key}", func(w http.ResponseWriter, r *http.Request) {
		_, err := db.ExecContext(r.Context(), "INSERT INTO entries (key) VALUES ($1)", r.PathValue("key"))
		answer(w, err, "kept")
	})
	handler.HandleFunc("GET /entries", func(w http.ResponseWriter, r *http.Request) { list(w, r, db) })
	return listen(ctx, ":8080", handler, 3*time.Second)
}

func answer(w http.ResponseWriter, err error, text string) {
	if err != nil {
		log.Print(err)
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	_, _ = fmt.Fprintln(w, text)
}

func list(w http.ResponseWriter, r *http.Request, db *sql.DB) {
	rows, err := db.QueryContext(r.Context(), "SELECT key FROM entries ORDER BY key")
	if err != nil {
		answer(w, err, "")
		return
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var key int64
		if err := rows.Scan(&key); err != nil {
			log.Print(err)
			return
		}
		_, _ = fmt.Fprintln(w, key)
	}
	if err := rows.Err(); err != nil {
		// The list is cut; the client must not take it for whole.
		panic(http.ErrAbortHandler)
	}
}
