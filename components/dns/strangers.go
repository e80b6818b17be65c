package dns

import (
	"fmt"
	"strings"
	"sync"

	"github.com/pulumi/pulumi-cloudflare/sdk/v5/go/cloudflare"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/internals"
)

// strangers finds records that are not ours in the place of those that we are
// about to make.
//
// What is ours, the engine alone knows, from its state: so the look around is a
// hook, which it calls before it creates a record, in a preview as in a run,
// and for no other. Cloudflare itself would refuse some of these records after
// half a minute, and take others: an address beside somebody else's gets half
// of his visitors.
type strangers struct {
	ctx    *pulumi.Context
	zone   *Zone
	parent pulumi.Resource

	mu     sync.Mutex
	asked  map[question]*answer
	warned map[string]bool
}

// question is what the data source is asked: the records of a name and type,
// and with that content if it is not empty.
type question struct{ name, kind, content string }

// answer is what there is: nothing, one record, or more than one, of which the
// data source tells nothing else.
type answer struct {
	once        sync.Once
	id, content string
	several     bool
	err         error
}

func newStrangers(ctx *pulumi.Context, zone *Zone, parent pulumi.Resource) *strangers {
	return &strangers{ctx: ctx, zone: zone, parent: parent, asked: map[question]*answer{}, warned: map[string]bool{}}
}

// hook lets the engine look for strangers before it creates a record.
func (s *strangers) hook(r record) (pulumi.ResourceOption, error) {
	before, err := s.ctx.RegisterResourceHook("alone-"+r.child, func(a *pulumi.ResourceHookArgs) error {
		return s.look(r, a)
	}, &pulumi.ResourceHookOptions{OnDryRun: true})
	if err != nil {
		return nil, fmt.Errorf("record %q: %w", r.name, err)
	}
	return pulumi.ResourceHooks(&pulumi.ResourceHookBinding{BeforeCreate: []*pulumi.ResourceHook{before}}), nil
}

func (s *strangers) look(r record, a *pulumi.ResourceHookArgs) error {
	for _, kind := range r.alone {
		found := s.ask(question{r.name, kind, ""})
		if found.err != nil {
			return fmt.Errorf("look for records of others at %s %s: %w", r.name, kind, found.err)
		}
		if found.id == "" && !found.several || s.replaces(r, kind, found, a) {
			continue
		}
		clear, err := s.mayStay(r, kind, found)
		if err != nil {
			return err
		}
		if !clear {
			return fault(s.zone, r, kind, found, a)
		}
	}
	return nil
}

// replaces says whether what a preview found is as ours will be: then it may be
// ours, about to be replaced, and if it is not, the run itself will say so.
func (s *strangers) replaces(r record, kind string, found *answer, a *pulumi.ResourceHookArgs) bool {
	own := a.NewInputs["content"]
	return s.ctx.DryRun() && kind == r.kind && !found.several && own.IsString() && own.StringValue() == found.content
}

// mayStay says whether what was found may be there beside ours.
func (s *strangers) mayStay(r record, kind string, found *answer) (bool, error) {
	if kind == "TXT" && r.text != "" {
		if found.several {
			s.warn(fmt.Sprintf("%s has several TXT records, of which only all can be seen at Cloudflare's site: make sure that none begins with %q, since two of those are worth nothing", r.name, r.text))
		}
		return found.several || !strings.HasPrefix(strings.Trim(found.content, `"`), r.text), nil
	}
	unknown := false
	for _, output := range r.ours {
		content, err := internals.UnsafeAwaitOutput(s.ctx.Context(), output)
		text, _ := content.Value.(string)
		if err != nil || !content.Known {
			unknown = true
			continue
		}
		if kind != r.kind || !found.several && found.content != text {
			continue
		}
		if !found.several {
			return true, nil
		}
		// One that is ours among several makes them ours: what somebody has
		// added since is his business.
		if one := s.ask(question{r.name, kind, text}); one.err != nil || one.id != "" {
			return true, one.err
		}
	}
	// An address that is not known yet may well be the one that was found.
	return unknown && s.ctx.DryRun() && kind == r.kind && len(r.ours) > 1, nil
}

func (s *strangers) warn(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.warned[text] {
		s.warned[text] = true
		_ = s.ctx.Log.Warn(text, &pulumi.LogArgs{Resource: s.parent})
	}
}

// ask asks each question once.
func (s *strangers) ask(q question) *answer {
	s.mu.Lock()
	a := s.asked[q]
	if a == nil {
		a = &answer{}
		s.asked[q] = a
	}
	s.mu.Unlock()
	a.once.Do(func() { s.lookUp(q, a) })
	return a
}

func (s *strangers) lookUp(q question, a *answer) {
	args := &cloudflare.LookupRecordArgs{ZoneId: s.zone.ID, Hostname: q.name, Type: &q.kind}
	if q.content != "" {
		args.Content = &q.content
	}
	found, err := cloudflare.LookupRecord(s.ctx, args)
	switch {
	case err == nil:
		a.id, a.content = found.Id, found.Value
	// The data source has no other way to say these.
	case strings.Contains(err.Error(), "didn't get any DNS records"):
	case strings.Contains(err.Error(), "only wanted 1 DNS record"), strings.Contains(err.Error(), "unable to find single record"):
		a.several = true
	default:
		a.err = err
	}
}

// fault says what is in the place of a record, and both ways out.
func fault(zone *Zone, r record, kind string, found *answer, a *pulumi.ResourceHookArgs) error {
	what := fmt.Sprintf("there is a record %s %s %s already, and it is not Skep's", r.name, kind, found.content)
	if found.several {
		what = fmt.Sprintf("there are several records %s %s already, and none of them is Skep's", r.name, kind)
	}
	if found.several || kind != r.kind {
		return fmt.Errorf("make record %s %s: %s. Nothing was changed there: remove it at Cloudflare, or give the route or host another name", r.name, r.kind, what)
	}
	return fmt.Errorf("make record %s %s: %s. Nothing was changed there. Remove it at Cloudflare, or let Skep have it:\n"+
		"  pulumi import --yes --protect=false --generate-code=false %s %s %s/%s",
		r.name, r.kind, what, a.Type, a.Name, zone.ID, found.id)
}
