package bridge

import (
	"context"
	"fmt"
	"strings"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Invoke answers a data source.
func (s *Server) Invoke(ctx context.Context, req *pulumirpc.InvokeRequest) (*pulumirpc.InvokeResponse, error) {
	f, ok := s.functions[req.GetTok()]
	if !ok {
		return nil, status.Errorf(codes.Unknown, "unrecognized data function (Invoke): %s", req.GetTok())
	}
	args, err := unmarshal(req.GetArgs(), "args")
	if err != nil {
		return nil, err
	}
	args = withoutNulls(args)
	c := &checker{}
	c.object(f.Fields, args, "", "")
	if len(c.failures) > 0 {
		out := &pulumirpc.InvokeResponse{}
		for _, reason := range c.failures {
			// Here the bridge has no name to point to.
			reason, _, _ = strings.Cut(reason, ". Examine values at ")
			out.Failures = append(out.Failures, &pulumirpc.CheckFailure{Reason: reason})
		}
		return out, nil
	}
	in := Values{}
	for name, field := range f.Fields {
		in[name] = configured(field, args[name])
	}
	ctx, cancel := s.Context(ctx)
	defer cancel()
	id, out, err := f.Read(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("invoking %s: %w", req.GetTok(), s.listed(err))
	}
	result := in
	for name, v := range out {
		result[name] = normal(v)
	}
	result["id"] = id
	return &pulumirpc.InvokeResponse{Return: marshal(result)}, nil
}
