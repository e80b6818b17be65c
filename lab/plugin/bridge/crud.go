//lint:file-ignore ST1005 errors are in the words of the official provider and of the API

package bridge

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/emptypb"
)

// Check validates inputs and fills in defaults.
func (s *Server) Check(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	r, urn, err := s.lookup(req.GetUrn(), "Check")
	if err != nil {
		return nil, err
	}
	olds, err := unmarshal(req.GetOlds(), "olds")
	if err != nil {
		return nil, err
	}
	news, err := unmarshal(req.GetNews(), "news")
	if err != nil {
		return nil, err
	}
	news = withoutNulls(news)
	c := &checker{name: urn.Name(), framework: s.provider.Framework}
	c.object(r.Fields, news, "", "")
	inputs := news
	if !s.provider.Framework {
		n := naming{name: urn.Name(), seed: req.GetRandomSeed()}
		if a := req.GetAutonaming(); a != nil {
			n.configured, n.mode, n.proposed = true, a.GetMode(), a.GetProposedName()
		}
		inputs, err = withDefaults(r.Fields, olds, news, n)
		if err != nil {
			return nil, err
		}
	}
	failures := make([]*pulumirpc.CheckFailure, len(c.failures))
	for i, reason := range c.failures {
		failures[i] = &pulumirpc.CheckFailure{Reason: reason}
	}
	return &pulumirpc.CheckResponse{Inputs: marshal(inputs), Failures: failures}, nil
}

// Diff tells what an update would change and whether it needs a new resource.
func (s *Server) Diff(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	r, urn, err := s.lookup(req.GetUrn(), "Diff")
	if err != nil {
		return nil, err
	}
	state, err := unmarshal(req.GetOlds(), "olds")
	if err != nil {
		return nil, err
	}
	inputs, err := unmarshal(req.GetNews(), "news")
	if err != nil {
		return nil, err
	}
	plan, err := newPlan(r, state, inputs, req.GetIgnoreChanges())
	if err != nil {
		return nil, fmt.Errorf("diffing %s: %w", urn, s.listed(err))
	}
	return diffResponse(r, inputs, plan.changes()), nil
}

func diffResponse(r *Resource, inputs Values, found changes) *pulumirpc.DiffResponse {
	out := &pulumirpc.DiffResponse{
		Changes: pulumirpc.DiffResponse_DIFF_NONE, HasDetailedDiff: true,
		DetailedDiff: map[string]*pulumirpc.PropertyDiff{},
	}
	changed, replaced := map[string]bool{}, map[string]bool{}
	for path, kind := range found {
		name, _, _ := strings.Cut(strings.ReplaceAll(path, "[", "."), ".")
		out.Changes = pulumirpc.DiffResponse_DIFF_SOME
		out.DetailedDiff[path] = &pulumirpc.PropertyDiff{Kind: kind}
		changed[name] = true
		if replaces(kind) {
			replaced[name] = true
		}
	}
	out.Diffs, out.Replaces = sorted(changed), sorted(replaced)
	for name, f := range r.Fields {
		if f.ForceNew && !replaced[name] {
			out.Stables = append(out.Stables, name)
		}
	}
	sort.Strings(out.Stables)
	out.DeleteBeforeReplace = len(replaced) > 0 && (r.DeleteBeforeReplace || named(r, inputs))
	return out
}

// named tells whether the user chose a name that the bridge would else have
// made. It then fears that two objects of that name cannot exist at once.
func named(r *Resource, inputs Values) bool {
	if _, kept := inputs[defaultsKey].([]any); !kept {
		return false
	}
	for name, f := range r.Fields {
		if f.AutoName && inputs[name] != nil && !wasDefault(inputs, name) {
			return true
		}
	}
	return false
}

// Create makes the object, or in a preview says what is known about it.
func (s *Server) Create(ctx context.Context, req *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	r, urn, err := s.lookup(req.GetUrn(), "Create")
	if err != nil {
		return nil, err
	}
	inputs, err := unmarshal(req.GetProperties(), "properties")
	if err != nil {
		return nil, err
	}
	plan, err := newPlan(r, nil, inputs, nil)
	if err != nil {
		return nil, fmt.Errorf("diffing %s: %w", urn, s.listed(err))
	}
	if req.GetPreview() {
		return &pulumirpc.CreateResponse{Properties: s.marshalState(r, "", plan.Planned)}, nil
	}
	ctx, cancel := s.limited(ctx, req.GetTimeout())
	defer cancel()
	id, out, failed := r.Create(ctx, plan.arguments())
	if failed != nil && id == "" {
		return nil, s.listed(failed)
	}
	state := s.marshalState(r, id, plan.state(out))
	if failed != nil {
		return nil, partial(id, state, fmt.Errorf("creating %s: %w", urn, s.listed(failed)))
	}
	return &pulumirpc.CreateResponse{Id: id, Properties: state}, nil
}

// Read looks at the object itself, for a refresh and for an import.
func (s *Server) Read(ctx context.Context, req *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	r, urn, err := s.lookup(req.GetUrn(), "Read")
	if err != nil {
		return nil, err
	}
	olds, err := unmarshal(req.GetInputs(), "inputs")
	if err != nil {
		return nil, err
	}
	state, err := unmarshal(req.GetProperties(), "state")
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.Context(ctx)
	defer cancel()
	id, refresh := req.GetId(), len(state) > 0
	if !refresh && r.Import != nil {
		id, state, err = r.Import(ctx, id)
	}
	var out Values
	if err == nil {
		state, _ = normal(state).(Values)
		out, err = r.Read(ctx, id, state)
	}
	if errors.Is(err, ErrGone) {
		return &pulumirpc.ReadResponse{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("refreshing %s: %w", urn, s.listed(err))
	}
	return s.readResponse(r, id, olds, overlay(r, state, out), refresh), nil
}

func (s *Server) readResponse(r *Resource, id string, olds, state Values, refresh bool) *pulumirpc.ReadResponse {
	inputs := importedInputs(r.Fields, state)
	if refresh {
		inputs = refreshedInputs(r.Fields, olds, state)
	}
	if s.provider.Framework {
		delete(inputs, defaultsKey)
	}
	return &pulumirpc.ReadResponse{Id: id, Inputs: marshal(inputs), Properties: s.marshalState(r, id, state)}
}

// overlay is the state with what was read; properties that are new to the
// state are there, without a value.
func overlay(r *Resource, state, out Values) Values {
	now := Values{}
	for name := range r.Fields {
		now[name] = state[name]
	}
	if id, kept := state["id"]; kept {
		now["id"] = id
	}
	for name, v := range out {
		now[name] = normal(v)
	}
	return now
}

// Update changes the object in place.
func (s *Server) Update(ctx context.Context, req *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	r, urn, err := s.lookup(req.GetUrn(), "Update")
	if err != nil {
		return nil, err
	}
	prior, err := unmarshal(req.GetOlds(), "olds")
	if err != nil {
		return nil, err
	}
	inputs, err := unmarshal(req.GetNews(), "news")
	if err != nil {
		return nil, err
	}
	plan, err := newPlan(r, prior, inputs, req.GetIgnoreChanges())
	if err != nil {
		return nil, fmt.Errorf("diffing %s: %w", urn, s.listed(err))
	}
	if req.GetPreview() {
		return &pulumirpc.UpdateResponse{Properties: s.marshalState(r, req.GetId(), plan.Planned)}, nil
	}
	var out Values
	if r.Update != nil {
		ctx, cancel := s.limited(ctx, req.GetTimeout())
		defer cancel()
		out, err = r.Update(ctx, req.GetId(), prior, plan.arguments())
	}
	if errors.Is(err, ErrGone) {
		return nil, fmt.Errorf("Resource provider reported that the resource did not exist while updating %s.\n\n"+
			"This is usually a result of the resource having been deleted outside of Pulumi, and can often be "+
			"fixed by running `pulumi refresh` before updating.", urn)
	}
	if err != nil {
		return nil, s.listed(err)
	}
	return &pulumirpc.UpdateResponse{Properties: s.marshalState(r, req.GetId(), plan.state(out))}, nil
}

// Delete removes the object. One that is gone already is no error.
func (s *Server) Delete(ctx context.Context, req *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	r, urn, err := s.lookup(req.GetUrn(), "Delete")
	if err != nil {
		return nil, err
	}
	state, err := unmarshal(req.GetProperties(), "state")
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.limited(ctx, req.GetTimeout())
	defer cancel()
	if err := r.Delete(ctx, req.GetId(), state); err != nil && !errors.Is(err, ErrGone) {
		return nil, fmt.Errorf("deleting %s: %w", urn, s.listed(err))
	}
	return &emptypb.Empty{}, nil
}

// listed writes an error as the list of one that upstream makes of it.
func (s *Server) listed(err error) error {
	if s.provider.Framework {
		return err
	}
	return fmt.Errorf("1 error occurred:\n\t* %w\n\n", err)
}

// limited bounds a call by the user's custom timeout in seconds, if there is
// one, and by the engine's cancel.
func (s *Server) limited(ctx context.Context, seconds float64) (context.Context, context.CancelFunc) {
	ctx, cancel := s.Context(ctx)
	if seconds <= 0 {
		return ctx, cancel
	}
	limited, stop := context.WithTimeout(ctx, time.Duration(seconds*float64(time.Second)))
	return limited, func() { stop(); cancel() }
}
