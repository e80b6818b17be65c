package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"log"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/lib/pq"
)

// The role of the application, and the database.
const (
	appRole  = "ledger"
	database = "ledger"
)

// dialer connects as a user whose password is in a file, which is read anew for
// every connection.
type dialer struct {
	user, passwordFile string
}

var _ driver.Connector = dialer{}

// Connect implements driver.Connector.
func (d dialer) Connect(ctx context.Context) (driver.Conn, error) {
	password, err := os.ReadFile(d.passwordFile)
	if err != nil {
		return nil, fmt.Errorf("read password: %w", err)
	}
	address := url.URL{
		Scheme: "postgres", Host: getenv("LEDGER_DATABASE", "db:5432"), Path: database,
		User:     url.UserPassword(d.user, strings.TrimRight(string(password), "\n")),
		RawQuery: "sslmode=disable&connect_timeout=3",
	}
	connector, err := pq.NewConnector(address.String())
	if err != nil {
		return nil, err
	}
	return connector.Connect(ctx)
}

// Driver implements driver.Connector.
func (d dialer) Driver() driver.Driver { return pq.Driver{} }

func asApp() *sql.DB {
	return sql.OpenDB(dialer{appRole, getenv("LEDGER_PASSWORD_FILE", "/run/secrets/app")})
}

// migrate may run again and again, and brings a new password to the role.
func migrate(ctx context.Context) error {
	db := sql.OpenDB(dialer{getenv("LEDGER_ADMIN", "postgres"), getenv("LEDGER_ADMIN_PASSWORD_FILE", "/run/secrets/admin")})
	defer func() { _ = db.Close() }()
	password, err := os.ReadFile(getenv("LEDGER_PASSWORD_FILE", "/run/secrets/app"))
	if err != nil {
		return fmt.Errorf("read the application's password: %w", err)
	}
	if os.Getenv("LEDGER_BREAK") == "migrate" {
		return fmt.Errorf("migration 7: it fails because LEDGER_BREAK says so; password %s", password)
	}
	if err := reach(ctx, db); err != nil {
		return err
	}
	quoted := pq.QuoteLiteral(strings.TrimRight(string(password), "\n"))
	for _, statement := range []string{
		`CREATE TABLE IF NOT EXISTS entries (key bigint PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())`,
		`DO $$ BEGIN CREATE ROLE ` + appRole + ` LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$`,
		`ALTER ROLE ` + appRole + ` PASSWORD ` + quoted,
		`GRANT SELECT, INSERT ON entries TO ` + appRole,
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
	}
	log.Print("migrated")
	return nil
}

// reach waits until the database answers.
func reach(ctx context.Context, db *sql.DB) error {
	var err error
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		if err = db.PingContext(ctx); err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	return nil
}

func getenv(name, fallback string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return fallback
}
