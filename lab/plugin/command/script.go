package command

import (
	"context"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// kind is one resource of the provider.
type kind interface {
	// shape describes the inputs.
	shape() shape
	// preview is the state that create or update will make, with what is not
	// known yet as computed. It is not called for a delete.
	preview(inputs resource.PropertyMap) resource.PropertyMap
	// newID makes the ID of a new resource; a preview may have none.
	newID(name string, preview bool) (string, error)
	create(ctx context.Context, c call, inputs resource.PropertyMap) (resource.PropertyMap, error)
	update(ctx context.Context, c call, inputs, old resource.PropertyMap) (resource.PropertyMap, error)
	delete(ctx context.Context, c call, state resource.PropertyMap) error
}

// runner runs a command and gives what it printed and the other outputs.
type runner func(ctx context.Context, c call, command string, props resource.PropertyMap, previous output) (
	output, resource.PropertyMap, error)

// script is a resource that runs a command when it is created, updated and
// deleted.
type script struct {
	inputs shape
	run    runner
}

var _ kind = script{}

func (s script) shape() shape { return s.inputs }

func (s script) newID(name string, _ bool) (string, error) {
	return resource.NewUniqueHex(name, 8, 0)
}

func (s script) preview(inputs resource.PropertyMap) resource.PropertyMap {
	state := inputs.Copy()
	unknown := resource.MakeComputed(resource.NewProperty(""))
	state["stdout"], state["stderr"] = unknown, unknown
	if inputs.HasValue("assetPaths") {
		state["assets"] = unknown
	}
	if inputs.HasValue("archivePaths") {
		state["archive"] = unknown
	}
	return state
}

func (s script) create(ctx context.Context, c call, inputs resource.PropertyMap) (resource.PropertyMap, error) {
	command, ok := textOf(inputs, "create")
	if !ok {
		return stateOf(inputs, output{}, nil), nil
	}
	out, more, err := s.run(ctx, c, command, inputs, output{})
	if err != nil {
		return nil, err
	}
	return stateOf(inputs, out, more), nil
}

// update runs the update command, or else the create command again. With
// neither the outputs stay.
func (s script) update(ctx context.Context, c call, inputs, old resource.PropertyMap) (resource.PropertyMap, error) {
	previous := outputOf(old)
	command, ok := textOf(inputs, "update")
	if !ok {
		command, ok = textOf(inputs, "create")
	}
	if !ok {
		return stateOf(inputs, previous, nil), nil
	}
	out, more, err := s.run(ctx, c, command, inputs, previous)
	if err != nil {
		return nil, err
	}
	return stateOf(inputs, out, more), nil
}

// delete runs the delete command of the state, with the connection of the
// state: the program may no longer know either.
func (s script) delete(ctx context.Context, c call, state resource.PropertyMap) error {
	command, ok := textOf(state, "delete")
	if !ok {
		return nil
	}
	_, _, err := s.run(ctx, c, command, state, outputOf(state))
	return err
}

// outputOf reads what the last run printed.
func outputOf(state resource.PropertyMap) output {
	var out output
	out.stdout, _ = textOf(state, "stdout")
	out.stderr, _ = textOf(state, "stderr")
	return out
}

// stateOf puts the inputs and the results of a run together.
func stateOf(inputs resource.PropertyMap, out output, more resource.PropertyMap) resource.PropertyMap {
	state := inputs.Copy()
	state["stdout"] = resource.NewProperty(out.stdout)
	state["stderr"] = resource.NewProperty(out.stderr)
	for key, value := range more {
		state[key] = value
	}
	return state
}

// localRun is the function local.run: a command that is run at every call.
func localRun(ctx context.Context, c call, args resource.PropertyMap) (resource.PropertyMap, error) {
	command, ok := textOf(args, "command")
	if !ok {
		return nil, fmt.Errorf("run %s: the command is not known yet", localRunToken)
	}
	out, more, err := runLocal(ctx, c, command, args, output{})
	if err != nil {
		return nil, err
	}
	return stateOf(args, out, more), nil
}
