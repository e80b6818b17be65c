package bridge

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil/rpcerror"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"skep/lab/plugin/serve"
)

// Server answers the engine for one provider.
type Server struct {
	*serve.Base
	provider  Provider
	resources map[tokens.Type]*Resource
	functions map[string]*Function

	mu sync.Mutex
	// secrets tells whether the engine takes secrets in answers.
	secrets bool
}

var _ pulumirpc.ResourceProviderServer = (*Server)(nil)

// New makes the server of a provider.
func New(host *serve.Host, p Provider) *Server {
	s := &Server{
		Base:      serve.NewBase(host, p.Version),
		provider:  p,
		resources: map[tokens.Type]*Resource{},
		functions: map[string]*Function{},
	}
	for _, r := range p.Resources {
		s.resources[tokens.Type(r.Token)] = r
	}
	for _, f := range p.Functions {
		s.functions[f.Token] = f
	}
	return s
}

// Handshake is not part of the protocol that the official providers speak. In
// the older one, what Configure answers counts.
func (s *Server) Handshake(context.Context, *pulumirpc.ProviderHandshakeRequest) (*pulumirpc.ProviderHandshakeResponse, error) {
	return nil, status.Error(codes.Unimplemented, "handshake is not implemented")
}

// GetSchema describes the provider as far as `pulumi import` needs it.
func (s *Server) GetSchema(context.Context, *pulumirpc.GetSchemaRequest) (*pulumirpc.GetSchemaResponse, error) {
	text, err := json.Marshal(packageSchema(s.provider))
	if err != nil {
		return nil, fmt.Errorf("write schema of %q: %w", s.provider.Name, err)
	}
	return &pulumirpc.GetSchemaResponse{Schema: string(text)}, nil
}

// lookup finds the resource type that a request is about.
func (s *Server) lookup(urn, call string) (*Resource, resource.URN, error) {
	u := resource.URN(urn)
	r, ok := s.resources[u.Type()]
	if !ok {
		return nil, u, status.Errorf(codes.Unknown, "unrecognized resource type (%s): %s", call, u.Type())
	}
	return r, u, nil
}

// marshalState writes a state. What the provider itself knows to be secret is
// marked so; the rest is known to the engine.
func (s *Server) marshalState(r *Resource, id string, state Values) *structpb.Struct {
	v := state.clone()
	if !s.provider.Framework && v["id"] == nil {
		v["id"] = id
		if id == "" {
			v["id"] = Unknown{}
		}
	}
	if r.Meta != "" {
		v[metaKey] = r.Meta
	}
	if s.keepsSecrets() {
		v = withSecrets(r.Fields, v)
	}
	return marshal(v)
}

// withSecrets marks what the table calls secret.
func withSecrets(fields Fields, v Values) Values {
	out := v.clone()
	for name, f := range fields {
		if f.Secret && v[name] != nil && known(v[name]) {
			out[name] = secret{v[name]}
		}
	}
	return out
}

func (s *Server) keepsSecrets() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.secrets
}

// partial is the error of an object that exists but is not what it should be:
// the engine keeps it in the state and updates it next time.
func partial(id string, state *structpb.Struct, err error) error {
	detail := &pulumirpc.ErrorResourceInitFailed{Id: id, Properties: state, Reasons: []string{err.Error()}}
	return rpcerror.WithDetails(rpcerror.New(codes.Unknown, err.Error()), detail)
}
