package bridge

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// CheckConfig validates the provider's configuration.
func (s *Server) CheckConfig(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	news, err := unmarshal(req.GetNews(), "news")
	if err != nil {
		return nil, err
	}
	failures := []*pulumirpc.CheckFailure{}
	for _, reason := range s.configFailures(resource.URN(req.GetUrn()), decoded(s.provider.Config, news)) {
		failures = append(failures, &pulumirpc.CheckFailure{Reason: reason})
	}
	if len(failures) > 0 {
		return &pulumirpc.CheckResponse{Failures: failures}, nil
	}
	for name, f := range s.provider.Config {
		if news[name] == nil && f.Default != nil {
			news[name] = fmt.Sprint(f.Default) // configuration travels as text
		}
	}
	return &pulumirpc.CheckResponse{Inputs: marshal(withSecrets(s.provider.Config, news))}, nil
}

func (s *Server) configFailures(urn resource.URN, config Values) []string {
	var out []string
	for _, name := range sorted(config) {
		f := s.provider.Config[name]
		switch {
		case f == nil && !engineKey(name):
			out = append(out, fmt.Sprintf("`%[1]s:%[2]s` is not a valid configuration key for the %[1]s provider. "+
				"If the referenced key is not intended for the provider, please choose a different namespace from `%[1]s:`.",
				s.provider.Name, name))
		case f == nil || !known(config[name]):
		default:
			v, err := coerce(f, config[name])
			if err == nil && f.Check != nil {
				err = f.Check(s.provider.Config.upstream(name), v)
			}
			if err != nil {
				out = append(out, "could not validate provider configuration: "+err.Error()+s.where(urn, name))
			}
		}
	}
	return out
}

// where tells the user the place of a wrong configuration value: the program
// for a provider made there, else the stack's configuration.
func (s *Server) where(urn resource.URN, name string) string {
	if urn != "" && !strings.HasPrefix(urn.Name(), "default") {
		return fmt.Sprintf(". Examine values at '%s.%s'.", urn.Name(), name)
	}
	return fmt.Sprintf(". Check `pulumi config get %s:%s`.", s.provider.Name, name)
}

// engineKey tells whether the engine itself put a key into the configuration.
func engineKey(name string) bool {
	return strings.HasPrefix(name, "__") || name == "version" || strings.HasPrefix(name, "plugin") || name == "parameterization"
}

// DiffConfig compares configurations. No change of one needs new resources.
func (s *Server) DiffConfig(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	olds, err := unmarshal(req.GetOlds(), "olds")
	if err != nil {
		return nil, err
	}
	news, err := unmarshal(req.GetNews(), "news")
	if err != nil {
		return nil, err
	}
	out := &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE}
	for _, name := range sorted(s.provider.Config) {
		if !reflect.DeepEqual(olds[name], news[name]) {
			out.Changes = pulumirpc.DiffResponse_DIFF_SOME
			out.Diffs = append(out.Diffs, name)
		}
	}
	return out, nil
}

// Configure takes the configuration, and the environment for what it does not say.
func (s *Server) Configure(_ context.Context, req *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	args, err := unmarshal(req.GetArgs(), "configuration")
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.secrets = req.GetAcceptSecrets()
	s.mu.Unlock()
	config := decoded(s.provider.Config, args)
	for name, variables := range s.provider.Env {
		for _, variable := range variables {
			if v := os.Getenv(variable); config[name] == nil && v != "" {
				config[name] = v
			}
		}
	}
	if s.provider.Configure != nil {
		if err := s.provider.Configure(config); err != nil {
			return nil, err
		}
	}
	return &pulumirpc.ConfigureResponse{
		SupportsPreview: true, SupportsAutonamingConfiguration: true,
		AcceptResources: s.provider.Framework,
	}, nil
}

// decoded turns configuration, of which the engine sends all but texts as
// JSON, into values.
func decoded(fields Fields, config Values) Values {
	out := Values{}
	for name, v := range config {
		out[name] = v
		text, ok := v.(string)
		if f := fields[name]; !ok || f == nil || f.Type == String {
			continue
		}
		var value any
		if json.Unmarshal([]byte(text), &value) == nil {
			out[name] = normal(value)
		}
	}
	return out
}
