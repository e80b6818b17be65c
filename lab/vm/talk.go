package vm

import (
	"encoding/json"
	"fmt"
	"net"
	"time"
)

// dialogue is a connection to qemu's monitor or to the agent in the machine;
// both answer JSON objects with JSON objects.
type dialogue struct {
	connection net.Conn
	answers    *json.Decoder
}

func open(socket string, limit time.Duration) (*dialogue, error) {
	connection, err := net.DialTimeout("unix", socket, limit)
	if err != nil {
		return nil, err
	}
	if err := connection.SetDeadline(time.Now().Add(limit)); err != nil {
		return nil, err
	}
	return &dialogue{connection, json.NewDecoder(connection)}, nil
}

func (d *dialogue) close() { _ = d.connection.Close() }

// ask sends a command and decodes what it returns.
func (d *dialogue) ask(command string, arguments, into any) error {
	if err := d.send(command, arguments); err != nil {
		return fmt.Errorf("ask %q: %w", command, err)
	}
	for {
		var answer struct {
			Return json.RawMessage `json:"return"`
			Error  *struct {
				Desc string `json:"desc"`
			} `json:"error"`
		}
		if err := d.answers.Decode(&answer); err != nil {
			return fmt.Errorf("ask %q: %w", command, err)
		}
		switch {
		case answer.Error != nil:
			return fmt.Errorf("ask %q: %s", command, answer.Error.Desc)
		case answer.Return == nil: // a greeting, or news that nobody asked for
		case into == nil:
			return nil
		default:
			return json.Unmarshal(answer.Return, into)
		}
	}
}

func (d *dialogue) send(command string, arguments any) error {
	request := map[string]any{"execute": command}
	if arguments != nil {
		request["arguments"] = arguments
	}
	text, err := json.Marshal(request)
	if err != nil {
		return err
	}
	_, err = d.connection.Write(append(text, '\n'))
	return err
}

// press presses the machine's power button.
func press(socket string) error {
	d, err := open(socket, 5*time.Second)
	if err != nil {
		return fmt.Errorf("press power button: %w", err)
	}
	defer d.close()
	for _, command := range []string{"qmp_capabilities", "system_powerdown"} {
		if err := d.ask(command, nil, nil); err != nil {
			return fmt.Errorf("press power button: %w", err)
		}
	}
	return nil
}
