package deployment

// Table is a table in DynamoDB. It is paid by the request, and its keys are strings.
type Table struct {
	// Name follows the stack's own name.
	Name                  string
	PartitionKey, SortKey string
	// TTL is the attribute that holds when an item may go, in seconds since 1970. Nothing relies on its going.
	TTL string
}

// GuardsTable is the table that makes sends at-most-once and that has the records of messages; internal/guard and
// internal/records say what stands in it. The two share no key, and there is no index, so that a key that is asked too much
// holds up nothing but itself.
func GuardsTable() Table {
	return Table{Name: "guards", PartitionKey: "pk", SortKey: "sk", TTL: "expires"}
}
