package aligotest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/pipenet"
)

// Credentials are the stand-in's account as the client takes them.
func Credentials() aligo.StaticCredentials {
	return aligo.StaticCredentials{APIKey: APIKey, UserID: UserID, SenderKey: SenderKey, Sender: Sender}
}

// TB is what NewServer needs of a *testing.T or *testing.B.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// ServerOptions make a server.
type ServerOptions struct {
	Options
	// TLS serves https with a certificate that only the server's own clients trust.
	TLS bool
	// InMemory connects clients through net.Pipe instead of loopback, which testing/synctest needs. TLS is ignored then.
	InMemory bool
}

// Server is a stand-in that listens.
type Server struct {
	*Standin
	// URL is the base URL of both hosts.
	URL string

	transport *http.Transport
}

// NewServer starts a stand-in and stops it when the test ends.
func NewServer(t TB, options ...func(*ServerOptions)) *Server {
	t.Helper()
	var o ServerOptions
	for _, set := range options {
		set(&o)
	}
	s := &Server{Standin: New(o.Options), transport: &http.Transport{}}
	listener, err := s.listen(o)
	if err != nil {
		t.Fatalf("start the Aligo stand-in: %v", err)
		return nil
	}
	// Connections that break are what the stand-in is for; there is nothing to say about them.
	server := &http.Server{Handler: s.Standin, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		// Serve ends with an error always, and here with http.ErrServerClosed.
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		s.transport.CloseIdleConnections()
		_ = server.Close()
		<-done
	})
	return s
}

func (s *Server) listen(o ServerOptions) (net.Listener, error) {
	if o.InMemory {
		listener := pipenet.Listen()
		s.URL = "http://aligo.test"
		s.transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			client, server := net.Pipe()
			if err := listener.Hand(ctx, server); err != nil {
				return nil, fmt.Errorf("the stand-in does not take a connection: %w", err)
			}
			return client, nil
		}
		return listener, nil
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	s.URL = "http://" + listener.Addr().String()
	if !o.TLS {
		return listener, nil
	}
	certificate, err := Certificate()
	if err != nil {
		_ = listener.Close()
		return nil, err
	}
	s.URL = "https://" + listener.Addr().String()
	roots := x509.NewCertPool()
	roots.AddCert(certificate.Leaf)
	s.transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}), nil
}

// HTTPClient reaches the server and trusts its certificate.
func (s *Server) HTTPClient() *http.Client { return &http.Client{Transport: s.transport} }

// Client is a client of the server with the stand-in's credentials and clock.
func (s *Server) Client() *aligo.Client {
	return &aligo.Client{SMSURL: s.URL, KakaoURL: s.URL, HTTP: s.HTTPClient(), Credentials: Credentials(), Now: s.options.Now}
}

// Certificate makes a certificate for the vendor's hosts and for loopback. It signs itself: who is to trust it has to be
// told so.
func Certificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a key: %w", err)
	}
	// It is valid whatever clock a test has; that of testing/synctest begins in the year 2000.
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "Aligo stand-in"},
		NotBefore:    time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC),
		DNSNames:    []string{"apis.aligo.in", "kakaoapi.aligo.in", "localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("sign a certificate: %w", err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read the certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: parsed}, nil
}
