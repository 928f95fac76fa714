package cost

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"testing"
)

// TestTheStackNamesTheSamePrices: the stack's output monthlyFixedCost has its own copy of what it needs of the price list,
// because the program that deploys does not import the local system.
func TestTheStackNamesTheSamePrices(t *testing.T) {
	t.Parallel()
	files := token.NewFileSet()
	source, err := parser.ParseFile(files, "../../pulumi/next_steps.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	ast.Inspect(source, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Names) != 1 || len(spec.Values) != 1 {
			return true
		}
		if v, err := types.Eval(files, nil, token.NoPos, types.ExprString(spec.Values[0])); err == nil && v.Value != nil {
			found[spec.Names[0].Name], _ = constant.Float64Val(v.Value)
		}
		return true
	})
	prices := Seoul()
	for name, want := range map[string]float64{
		"hoursPerMonth": hours, "natGatewayHour": prices[GatewayHours].USD, "publicAddressHour": prices[AddressHours].USD,
		"natInstanceHour": prices[InstanceHours].USD, "natInstanceDisk": 8 * prices[Disk].USD,
		"alarmMonth": prices[Alarms].USD, "metricMonth": prices[Metrics].USD, "dashboardMonth": prices[Dashboards].USD,
		"keyMonth": prices[Keys].USD,
	} {
		if got, ok := found[name]; !ok || !near(got, want) {
			t.Errorf("pulumi/next_steps.go has %s = %v, want %v", name, got, want)
		}
	}
}
