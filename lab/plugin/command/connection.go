package command

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// connection says how to reach a host and how to know it.
type connection struct {
	host               string
	port               int
	user               string
	password           string
	privateKey         string
	privateKeyPassword string
	agentSocketPath    string
	hostKey            string
	// dialErrorLimit is how many tries may fail before the last; below zero
	// only the context ends the tries.
	dialErrorLimit int
	// perDialTimeout bounds one try up to the login; zero is no bound.
	perDialTimeout time.Duration
	// proxy is the host to go through, or nil.
	proxy *connection
}

// connectionOf reads the connection in the inputs or the state of a resource.
func connectionOf(props resource.PropertyMap) (connection, error) {
	value := revealAll(props["connection"])
	if !value.IsObject() {
		return connection{}, errors.New("read connection: it is missing")
	}
	object := value.ObjectValue()
	c := hostOf(object)
	if proxy := object["proxy"]; proxy.IsObject() {
		p := hostOf(proxy.ObjectValue())
		c.proxy = &p
	}
	return c, nil
}

func hostOf(object resource.PropertyMap) connection {
	text := func(key resource.PropertyKey) string {
		s, _ := textOf(object, key)
		return s
	}
	c := connection{
		host:               text("host"),
		port:               int(numberOf(object, "port", 22)),
		user:               text("user"),
		password:           text("password"),
		privateKey:         text("privateKey"),
		privateKeyPassword: text("privateKeyPassword"),
		agentSocketPath:    text("agentSocketPath"),
		hostKey:            text("hostKey"),
		dialErrorLimit:     int(numberOf(object, "dialErrorLimit", 10)),
		perDialTimeout:     time.Duration(numberOf(object, "perDialTimeout", 15) * float64(time.Second)),
	}
	if c.user == "" {
		c.user = "root"
	}
	return c
}

// address is where the host listens.
func (c connection) address() string {
	return net.JoinHostPort(c.host, strconv.Itoa(c.port))
}

// verifier makes the check of the host's key. The official provider accepts
// any host when no key is given; here that is refused, because whoever answers
// in the place of the host would get every secret that is sent to it.
func (c connection) verifier() (ssh.HostKeyCallback, []string, error) {
	if c.hostKey == "" {
		return nil, nil, fmt.Errorf("verify %q: no host key is given: set hostKey of the connection"+
			" to the host's public key, as in its /etc/ssh/ssh_host_ed25519_key.pub", c.address())
	}
	want, _, _, _, err := ssh.ParseAuthorizedKey([]byte(c.hostKey))
	if err != nil {
		return nil, nil, fmt.Errorf("failed to parse host key: %w", err)
	}
	check := func(_ string, _ net.Addr, got ssh.PublicKey) error {
		if !bytes.Equal(got.Marshal(), want.Marshal()) {
			return fmt.Errorf("ssh: host key mismatch: want %s %s, got %s %s",
				want.Type(), ssh.FingerprintSHA256(want), got.Type(), ssh.FingerprintSHA256(got))
		}
		return nil
	}
	return check, keyAlgorithms(want), nil
}

// keyAlgorithms are the signature algorithms that a host may prove key with.
// An RSA key signs with SHA-2; modern servers refuse the old SHA-1.
func keyAlgorithms(key ssh.PublicKey) []string {
	if key.Type() == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{key.Type()}
}

// clientConfig makes the SSH configuration of one host. The second result
// closes what the configuration holds open; call it when the login is done.
func (c connection) clientConfig(environAgent string) (*ssh.ClientConfig, func(), error) {
	check, algorithms, err := c.verifier()
	if err != nil {
		return nil, nil, err
	}
	methods, done, err := c.authMethods(environAgent)
	if err != nil {
		return nil, nil, err
	}
	return &ssh.ClientConfig{
		User:              c.user,
		Auth:              methods,
		HostKeyCallback:   check,
		HostKeyAlgorithms: algorithms,
	}, done, nil
}

// authMethods lists the ways to log in. Keys of the file and of the agent are
// one method, because the client tries every method only once. An agent that
// does not answer matters only when there is nothing else to log in with.
func (c connection) authMethods(environAgent string) ([]ssh.AuthMethod, func(), error) {
	var signers []ssh.Signer
	if c.privateKey != "" {
		signer, err := c.signer()
		if err != nil {
			return nil, nil, err
		}
		signers = append(signers, signer)
	}
	var methods []ssh.AuthMethod
	keys, done, err := c.agentKeys(environAgent)
	if err != nil && len(signers) == 0 && c.password == "" {
		return nil, nil, fmt.Errorf("use SSH agent: %w: start it, or give a privateKey", err)
	}
	if len(signers) > 0 || keys != nil {
		methods = append(methods, ssh.PublicKeysCallback(func() ([]ssh.Signer, error) {
			if keys == nil {
				return signers, nil
			}
			more, err := keys()
			if err != nil && len(signers) == 0 {
				return nil, fmt.Errorf("list keys of SSH agent: %w", err)
			}
			return append(signers[:len(signers):len(signers)], more...), nil
		}))
	}
	if c.password != "" {
		methods = append(methods, ssh.Password(c.password), ssh.KeyboardInteractive(
			func(_, _ string, questions []string, _ []bool) ([]string, error) {
				answers := make([]string, len(questions))
				for i := range answers {
					answers[i] = c.password
				}
				return answers, nil
			}))
	}
	return methods, done, nil
}

// signer reads the private key. Its errors never hold a part of the key.
func (c connection) signer() (ssh.Signer, error) {
	var signer ssh.Signer
	var err error
	if c.privateKeyPassword != "" {
		signer, err = ssh.ParsePrivateKeyWithPassphrase([]byte(c.privateKey), []byte(c.privateKeyPassword))
	} else {
		signer, err = ssh.ParsePrivateKey([]byte(c.privateKey))
	}
	if err != nil {
		return nil, fmt.Errorf("read private key for %q: %w", c.address(), err)
	}
	return signer, nil
}

// agentKeys asks the agent of the connection, or else the one of the
// environment, for its keys. No agent at all gives nil and no error.
func (c connection) agentKeys(environAgent string) (func() ([]ssh.Signer, error), func(), error) {
	nothing := func() {}
	path := c.agentSocketPath
	if path == "" {
		path = environAgent
	}
	if path == "" {
		return nil, nothing, nil
	}
	conn, err := net.DialTimeout("unix", path, agentTimeout)
	if err != nil {
		return nil, nothing, err
	}
	return agent.NewClient(conn).Signers, func() { _ = conn.Close() }, nil
}

// agentTimeout bounds the wait for a local agent.
const agentTimeout = 5 * time.Second
