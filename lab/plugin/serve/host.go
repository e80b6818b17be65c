package serve

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// Host is the engine as the plugin sees it: the place where log messages go.
// Its methods may be called from several goroutines. A nil Host and one with
// no engine attached drop every message.
type Host struct {
	mu     sync.Mutex
	conn   *grpc.ClientConn
	engine pulumirpc.EngineClient
}

// Attach points the host to the engine at address, in place of an earlier one.
func (h *Host) Attach(address string) error {
	conn, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)))
	if err != nil {
		return fmt.Errorf("connect to engine %q: %w", address, err)
	}
	h.mu.Lock()
	old := h.conn
	h.conn, h.engine = conn, pulumirpc.NewEngineClient(conn)
	h.mu.Unlock()
	if old != nil {
		_ = old.Close()
	}
	return nil
}

// Log shows a message beside the resource and keeps it in the final output.
// The engine refuses text that is not UTF-8, so other bytes are replaced.
func (h *Host) Log(ctx context.Context, severity diag.Severity, urn resource.URN, message string) error {
	return h.log(ctx, severity, urn, message, false)
}

// LogStatus shows a message beside the resource while the operation runs.
func (h *Host) LogStatus(ctx context.Context, severity diag.Severity, urn resource.URN, message string) error {
	return h.log(ctx, severity, urn, message, true)
}

func (h *Host) log(ctx context.Context, severity diag.Severity, urn resource.URN, message string, brief bool) error {
	if h == nil {
		return errNoHost
	}
	h.mu.Lock()
	engine := h.engine
	h.mu.Unlock()
	if engine == nil {
		return errNoHost
	}
	_, err := engine.Log(ctx, &pulumirpc.LogRequest{
		Severity:  rpcSeverity(severity),
		Message:   strings.ToValidUTF8(message, "\uFFFD"),
		Urn:       string(urn),
		Ephemeral: brief,
	})
	if err != nil {
		return fmt.Errorf("log to engine: %w", err)
	}
	return nil
}

func rpcSeverity(severity diag.Severity) pulumirpc.LogSeverity {
	switch severity {
	case diag.Debug:
		return pulumirpc.LogSeverity_DEBUG
	case diag.Warning:
		return pulumirpc.LogSeverity_WARNING
	case diag.Error:
		return pulumirpc.LogSeverity_ERROR
	default:
		return pulumirpc.LogSeverity_INFO
	}
}

func (h *Host) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conn != nil {
		_ = h.conn.Close()
	}
}
