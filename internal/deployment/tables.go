package deployment

// Table is a table in DynamoDB. It is paid by the request, and its keys are strings.
type Table struct {
	// Name follows the stack's own name.
	Name                  string
	PartitionKey, SortKey string
	// TTL is the attribute that holds when an item may go, in seconds since 1970. Nothing relies on its going.
	TTL string
}

// GuardsTable is the table that makes sends at-most-once; internal/guard says what stands in it. It has no index and is used
// for nothing else, so that nobody else's throttling reaches a send.
func GuardsTable() Table {
	return Table{Name: "guards", PartitionKey: "pk", SortKey: "sk", TTL: "expires"}
}
