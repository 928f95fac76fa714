package aligotest_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/testkit"
)

// record runs the other clients for real, which needs node, npm with its registry, and curl:
// go test ./internal/aligo/aligotest -run TestOtherClients -record.
var record = flag.Bool("record", false, "record the requests of other clients anew")

// Clients that are not of this project get along with the stand-in: the vendor's npm client, and curl with the
// parameters of the vendor's pages. What they sent over the wire, byte for byte, is in testdata/clients, one file a call
// in the order of the calls, and beside it what the stand-in answered.
func TestOtherClients(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(ctx context.Context, port string) *exec.Cmd{
		"npm-aligoapi-1.1.3": func(ctx context.Context, port string) *exec.Cmd {
			folder := t.TempDir()
			install := exec.CommandContext(ctx, "npm", "install", "--silent", "--prefix", folder, "aligoapi@1.1.3")
			if out, err := install.CombinedOutput(); err != nil {
				t.Fatalf("npm install: %v\n%s", err, out)
			}
			return exec.CommandContext(ctx, "node", "testdata/clients/npm.cjs", port, folder)
		},
		"curl": func(ctx context.Context, port string) *exec.Cmd {
			return exec.CommandContext(ctx, "sh", "testdata/clients/curl.sh", port)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := filepath.Join("testdata", "clients", name)
			if *record {
				recordClient(t, folder, run)
			}
			requests, err := filepath.Glob(filepath.Join(folder, "*.http"))
			if err != nil || len(requests) < 20 {
				t.Fatalf("%d requests are recorded in %s, %v", len(requests), folder, err)
			}
			w := newWorld(t, func(o *aligotest.ServerOptions) { o.ReceiptDelay = -1 })
			for _, file := range requests {
				sent, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				got := exchange(t, strings.TrimPrefix(w.URL, "http://"), sent)
				answer := strings.TrimSuffix(file, ".http") + ".json"
				testkit.Golden(t, *record, answer, got)
				if code, _, _ := strings.Cut(unescaped(t, string(got)), " "); code != "0" && code != "1" {
					t.Errorf("%s was refused: %s", file, got)
				}
			}
			if n := len(w.Messages()); n == 0 {
				t.Error("no phone rang")
			}
		})
	}
}

// exchange sends recorded bytes and returns the body of the answer.
func exchange(t *testing.T, address string, sent []byte) []byte {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write(sent); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// recordClient runs a client against a stand-in behind a proxy that writes down each connection's request.
func recordClient(t *testing.T, folder string, run func(ctx context.Context, port string) *exec.Cmd) {
	t.Helper()
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(folder, 0o750); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(o *aligotest.ServerOptions) { o.ReceiptDelay = -1 })
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	var calls atomic.Int32
	wait.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wait.Go(func() {
				if err := forward(conn, strings.TrimPrefix(w.URL, "http://"), folder, &calls); err != nil {
					t.Errorf("call %d: %v", calls.Load(), err)
				}
			})
		}
	})
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	out, err := run(t.Context(), port).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	_ = listener.Close()
	wait.Wait()
}

// forward passes requests on and their answers back, until the client hangs up.
func forward(client net.Conn, address, folder string, calls *atomic.Int32) error {
	defer func() { _ = client.Close() }()
	server, err := new(net.Dialer).DialContext(context.Background(), "tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = server.Close() }()
	var sent bytes.Buffer
	requests := bufio.NewReader(io.TeeReader(client, io.MultiWriter(server, &sent)))
	answers := bufio.NewReader(io.TeeReader(server, client))
	for {
		req, err := http.ReadRequest(requests)
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return err
		}
		resp, err := http.ReadResponse(answers, req)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return err
		}
		_ = resp.Body.Close()
		name := strings.ReplaceAll(strings.Trim(strings.TrimPrefix(req.URL.Path, "/akv10"), "/"), "/", "-")
		file := filepath.Join(folder, fmt.Sprintf("%02d-%s.http", calls.Add(1), name))
		if err := os.WriteFile(file, sent.Bytes(), 0o600); err != nil {
			return err
		}
		sent.Reset()
	}
}

// A caller who announces a body and does not send it is answered all the same, and costs nothing meanwhile.
func TestABodyThatDoesNotComeIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := aligotest.NewServer(t, func(o *aligotest.ServerOptions) { o.InMemory, o.Now = true, time.Now })
		body, never := io.Pipe()
		go func() {
			_, _ = never.Write(make([]byte, 8<<10)) // more than a client keeps back
		}()
		time.AfterFunc(time.Minute, func() { _ = never.Close() })
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/send/", body)
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = 1 << 20
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		begin := time.Now()
		resp, err := server.HTTPClient().Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		if took := time.Since(begin); took >= time.Minute {
			t.Errorf("waited %v, %v", took, err)
		}
		time.Sleep(time.Minute)
	})
}
