// Command postgres prepares a database cluster and then becomes its server. It
// stands in for the entrypoint of the official postgres image and reads the
// same variables: PGDATA, POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB,
// POSTGRES_INITDB_ARGS, the first three also from files named by _FILE.
package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

const bin = "/usr/lib/postgresql/17/bin/"

func main() {
	log.SetFlags(0)
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(args []string) error {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		args = append([]string{"postgres"}, args...)
	}
	if args[0] == "postgres" {
		if err := prepare(os.Getenv("PGDATA")); err != nil {
			return err
		}
	}
	program, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	return syscall.Exec(program, args, os.Environ())
}

// setting reads a variable, or the file that its twin with _FILE names.
func setting(name, fallback string) (string, error) {
	if path := os.Getenv(name + "_FILE"); path != "" {
		text, err := os.ReadFile(path)
		return strings.TrimRight(string(text), "\r\n"), err
	}
	if value := os.Getenv(name); value != "" {
		return value, nil
	}
	return fallback, nil
}

// prepare makes the cluster where there is none. Like the official image, it
// takes a folder with a PG_VERSION for a whole one.
func prepare(data string) error {
	if data == "" {
		return errors.New("PGDATA is empty")
	}
	if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); err == nil {
		return nil
	}
	user, userErr := setting("POSTGRES_USER", "postgres")
	password, passwordErr := setting("POSTGRES_PASSWORD", "")
	database, databaseErr := setting("POSTGRES_DB", user)
	if err := errors.Join(userErr, passwordErr, databaseErr); err != nil {
		return err
	}
	if password == "" {
		return errors.New("no password for the superuser: set POSTGRES_PASSWORD_FILE to a secret's file")
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	if err := initialise(data, user, password); err != nil {
		return fmt.Errorf("make the cluster: %w", err)
	}
	if err := appendTo(filepath.Join(data, "pg_hba.conf"), "host all all all scram-sha-256\n"); err != nil {
		return err
	}
	if err := appendTo(filepath.Join(data, "postgresql.conf"), "listen_addresses = '*'\n"); err != nil {
		return err
	}
	if database != "postgres" {
		if err := single(data, user, `CREATE DATABASE "`+strings.ReplaceAll(database, `"`, `""`)+`"`); err != nil {
			return fmt.Errorf("make database %q: %w", database, err)
		}
	}
	return nil
}

// initialise runs initdb, with the password through a pipe.
func initialise(data, user, password string) error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = read.Close() }()
	if _, err := write.WriteString(password + "\n"); err != nil {
		return err
	}
	if err := write.Close(); err != nil {
		return err
	}
	args := append([]string{"--pgdata=" + data, "--username=" + user, "--pwfile=/dev/fd/3", "--encoding=UTF8",
		"--locale-provider=builtin", "--locale=C.UTF-8", "--auth-local=trust", "--auth-host=scram-sha-256"},
		strings.Fields(os.Getenv("POSTGRES_INITDB_ARGS"))...)
	cmd := exec.Command(bin+"initdb", args...)
	cmd.ExtraFiles = []*os.File{read}
	return named(cmd, user)
}

func single(data, user, line string) error {
	cmd := exec.Command(bin+"postgres", "--single", "-D", data, "postgres")
	cmd.Stdin = strings.NewReader(line + "\n")
	return named(cmd, user)
}

// named runs a program that asks for the name of its user, which a number from
// a compose file does not have.
func named(cmd *exec.Cmd, user string) error {
	users := fmt.Sprintf("%s:x:%d:%d::/:/bin/sh\n", user, os.Getuid(), os.Getgid())
	groups := fmt.Sprintf("postgres:x:%d:\n", os.Getgid())
	err := errors.Join(os.WriteFile("/tmp/passwd", []byte(users), 0o644), os.WriteFile("/tmp/group", []byte(groups), 0o644))
	if err != nil {
		return err
	}
	libraries, err := filepath.Glob("/usr/lib/*/libnss_wrapper.so")
	if err != nil || len(libraries) == 0 {
		return errors.New("libnss_wrapper.so is missing")
	}
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, "LD_PRELOAD="+libraries[0], "NSS_WRAPPER_PASSWD=/tmp/passwd", "NSS_WRAPPER_GROUP=/tmp/group")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

func appendTo(path, text string) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}
