package bridge

import "strings"

// Plan is what a resource will be, computed from what it is and from its inputs.
type Plan struct {
	// Prior is the state, nil for a resource that does not exist yet.
	Prior Values
	// Config is the inputs with the provider's own defaults.
	Config Values
	// Planned is the state after the change as far as it is known.
	Planned Values

	resource *Resource
	replace  map[string]bool
}

// newPlan makes the plan of a change. Properties that the user wants ignored
// stay as they are.
func newPlan(r *Resource, prior, inputs Values, ignored []string) (*Plan, error) {
	p := &Plan{Prior: prior, Config: Values{}, Planned: Values{}, resource: r, replace: map[string]bool{}}
	for name, f := range r.Fields {
		p.Config[name] = configured(f, inputs[name])
		p.Planned[name] = p.planned(name, f)
	}
	for _, path := range ignored {
		name := path
		if i := strings.IndexAny(path, ".["); i >= 0 {
			name = path[:i]
		}
		if prior != nil && r.Fields[name] != nil {
			p.Planned[name] = prior[name]
			p.Config[name] = prior[name]
		}
	}
	for name, f := range r.Fields {
		if prior != nil && f.Same != nil && f.Same(prior[name], p.Planned[name], p) {
			p.Planned[name] = prior[name]
		}
	}
	if r.Customize != nil {
		if err := r.Customize(p); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// configured is an input as the provider gets it.
func configured(f *Field, v any) any {
	if v == nil {
		if f.input() && f.Default != nil {
			return normal(f.Default)
		}
		return nil
	}
	return shaped(f, v)
}

// shaped gives a value the shape of its field: the right scalar type, no
// doubles in a set, none of the bridge's own keys.
func shaped(f *Field, v any) any {
	switch v := v.(type) {
	case Unknown:
		return v
	case []any:
		if f.Type != List && f.Type != Set {
			return v
		}
		seen := map[string]bool{}
		out := []any{}
		for _, e := range v {
			e = shaped(f.Elem, e)
			id := identityIn(f, e)
			if f.Type == Set && seen[id] {
				continue
			}
			seen[id] = true
			out = append(out, e)
		}
		return out
	case Values:
		out := Values{}
		for name, e := range v {
			if name == defaultsKey {
				continue
			}
			if nested := f.Fields[name]; f.Type == Object && nested != nil {
				e = shaped(nested, e)
			}
			out[name] = e
		}
		return out
	default:
		if f.Type == List || f.Type == Set {
			return shaped(f, []any{v})
		}
		if c, err := coerce(f, v); err == nil {
			return c
		}
		return v
	}
}

func (p *Plan) planned(name string, f *Field) any {
	v := p.Config[name]
	switch {
	case v != nil:
		if s, ok := v.(string); ok && f.State != nil {
			return f.State(s)
		}
		return v
	case f.Computed && p.Prior == nil:
		return Unknown{}
	case f.Computed:
		return p.Prior[name]
	default:
		return nil
	}
}

// Changed tells whether the plan changes a property.
func (p *Plan) Changed(name string) bool {
	return len(diffValue(name, p.resource.Fields[name], p.Prior[name], p.Planned[name], false)) > 0
}

// Replace makes a change of the property replace the resource.
func (p *Plan) Replace(name string) { p.replace[name] = true }

// Set decides what a property will be, whatever the inputs say.
func (p *Plan) Set(name string, v any) {
	p.Planned[name], p.Config[name] = normal(v), normal(v)
}

// Recompute makes an output unknown until the change is done.
func (p *Plan) Recompute(name string) { p.Planned[name] = Unknown{} }

// arguments are the inputs for a resource's function: what is not known yet at
// that point are outputs, and they are left out.
func (p *Plan) arguments() Values {
	out := Values{}
	for name := range p.resource.Fields {
		v := p.Config[name]
		if v == nil {
			v = p.Planned[name]
		}
		if known(v) {
			out[name] = v
		}
	}
	return out
}

// state is the planned state with what a resource's function returned.
func (p *Plan) state(out Values) Values {
	state := Values{}
	for name := range p.resource.Fields {
		state[name] = p.Planned[name]
		if !known(state[name]) {
			state[name] = nil
		}
	}
	for name, v := range out {
		state[name] = normal(v)
	}
	return state
}
