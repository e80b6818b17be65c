package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// writer writes one entry after the other, each once and with a connection of
// its own, and remembers which were acknowledged.
type writer struct {
	url    string
	client *http.Client

	mu     sync.Mutex
	kept   map[int64]bool
	failed int
	faults map[string]int
}

// report is what GET /report tells.
type report struct {
	Kept   int
	Failed int
	// Lost are entries that were acknowledged and are not there.
	Lost []int64
	// Faults are the reasons of failures, and how often.
	Faults map[string]int
}

// write writes RATE entries a second until the context ends, and answers GET
// /report, which reads all entries back, and POST /reset.
func write(ctx context.Context, url, rate string) error {
	perSecond, err := strconv.Atoi(rate)
	if err != nil || perSecond < 1 {
		return fmt.Errorf("rate %q: need a number of entries a second", rate)
	}
	w := &writer{
		url: url, kept: map[int64]bool{}, faults: map[string]int{},
		client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}},
	}
	go w.run(ctx, time.Second/time.Duration(perSecond))
	handler := http.NewServeMux()
	handler.HandleFunc("GET /report", func(out http.ResponseWriter, r *http.Request) {
		report, err := w.report(r.Context())
		if err != nil {
			answer(out, err, "")
			return
		}
		_ = json.NewEncoder(out).Encode(report)
	})
	handler.HandleFunc("GET /health", func(out http.ResponseWriter, _ *http.Request) { answer(out, nil, "well") })
	return listen(ctx, ":8081", handler, 0)
}

func (w *writer) run(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for key := time.Now().UnixMicro(); ; key++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			go w.put(key)
		}
	}
}

func (w *writer) put(key int64) {
	err := w.try(key)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		w.kept[key] = true
		return
	}
	log.Print(err)
	w.failed++
	w.faults[fault(err)]++
}

// fault is an error without what differs from one to the next.
func fault(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err.Error()
}

func (w *writer) try(key int64) error {
	request, err := http.NewRequest(http.MethodPut, fmt.Sprintf("%s/entries/%d", w.url, key), nil)
	if err != nil {
		return err
	}
	got, err := w.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = got.Body.Close() }()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		return err
	}
	if got.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", got.Status, strings.TrimSpace(string(text)))
	}
	return nil
}

// report reads back what is there. What was acknowledged before must be in it.
func (w *writer) report(ctx context.Context) (report, error) {
	w.mu.Lock()
	r := report{Kept: len(w.kept), Failed: w.failed, Lost: []int64{}, Faults: map[string]int{}}
	promised := make([]int64, 0, len(w.kept))
	for key := range w.kept {
		promised = append(promised, key)
	}
	for fault, count := range w.faults {
		r.Faults[fault] = count
	}
	w.mu.Unlock()
	there, err := w.entries(ctx)
	if err != nil {
		return r, err
	}
	for _, key := range promised {
		if !there[key] {
			r.Lost = append(r.Lost, key)
		}
	}
	return r, nil
}

func (w *writer) entries(ctx context.Context) (map[int64]bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/entries", nil)
	if err != nil {
		return nil, err
	}
	got, err := w.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = got.Body.Close() }()
	text, err := io.ReadAll(got.Body)
	if err != nil || got.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read entries: %s: %w", got.Status, err)
	}
	there := map[int64]bool{}
	for _, line := range strings.Fields(string(text)) {
		key, err := strconv.ParseInt(line, 10, 64)
		if err != nil {
			return nil, err
		}
		there[key] = true
	}
	return there, nil
}
