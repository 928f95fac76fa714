// Package inprocess runs services of github.com/sivchari/kumo without a server: each as a handler with a state of its
// own.
//
// kumo itself exports one server for all of its services, with one state for the whole process, behind a socket of its
// own: seventeen megabytes and a minute of compiling for one table, tables that tests would share, and a connection that
// a bubble of testing/synctest cannot wait for. What is here is a module below kumo's path, so that it may import the
// one internal package that is needed. It is part of this repository, and go.mod replaces the path by this folder.
package inprocess

import (
	"net/http"

	"github.com/sivchari/kumo/internal/service/dynamodb"
)

// DynamoDB is a DynamoDB without tables, an http.Handler for its JSON protocol (X-Amz-Target: DynamoDB_20120810.…). Its
// items do not expire: kumo would delete them by the machine's clock, from a goroutine that never ends.
func DynamoDB() http.Handler {
	storage := dynamodb.NewMemoryStorage("")
	// This ends the goroutine and nothing else. It can only fail where tables are kept in files, which is not asked for.
	_ = storage.Close()
	return http.HandlerFunc(dynamodb.New(storage).DispatchAction)
}
