package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sms-api/internal/deployment/price"
)

// The outputs of a stack that its next deployment reads.
const (
	outputEgressIPs     = "egressIps"
	outputEncryptionKey = "encryptionKey"
	outputAPIURL        = "apiUrl"
	outputEventBus      = "eventBusArn"
	outputPlacement     = "network"
	outputSecrets       = "secretsPrefix"
)

// lastDeployment is what the last deployment of this stack has left in its outputs. It is empty before the first one.
type lastDeployment struct {
	// EncryptionKey is what encryption:key was, and SecretsPrefix what secrets:prefix was.
	EncryptionKey string `json:"encryptionKey"`
	SecretsPrefix string `json:"secretsPrefix"`
	// EgressIPs are the addresses that there were.
	EgressIPs   []string `json:"egressIps"`
	EventBusARN string   `json:"eventBusArn"`
	APIURL      string   `json:"apiUrl"`
	// Placement is nil after a version that did not say it.
	Placement *placement `json:"network"`
}

// placement is where the functions run, and how they get out.
type placement struct {
	// VPCID and Subnets are those of somebody else; with Subnets there is nothing else.
	VPCID             string   `json:"vpcId"`
	Subnets           []string `json:"subnetIds"`
	CIDR              string   `json:"cidr"`
	AvailabilityZones []string `json:"availabilityZones"`
	Egress            string   `json:"egress"`
	// BroughtIn are the addresses that existed.
	BroughtIn []string `json:"eipAllocationIds"`
}

// placed is where a network of these zones is, as an output: see placement.
func (n networkConfig) placed(zones []string) pulumi.Map {
	if n.own() {
		return pulumi.Map{"subnetIds": pulumi.ToStringArray(n.subnetIDs)}
	}
	return pulumi.Map{
		"vpcId": pulumi.String(n.vpcID), "cidr": pulumi.String(n.cidr.String()), "availabilityZones": pulumi.ToStringArray(zones),
		"egress": pulumi.String(n.egress), "eipAllocationIds": pulumi.ToStringArray(n.eipAllocationIDs),
	}
}

// zones are the availability zones of a network that this stack has made.
func (l lastDeployment) zones() []string {
	if l.Placement == nil {
		return nil
	}
	return l.Placement.AvailabilityZones
}

// findLastDeployment asks the engine for the stack's own outputs, as a stack reference does; a reference to the stack itself
// would keep a copy of them in the state.
func findLastDeployment(ctx *pulumi.Context) (lastDeployment, error) {
	name := struct {
		Name string `pulumi:"name"`
	}{path.Join(ctx.Organization(), ctx.Project(), ctx.Stack())}
	var found struct {
		Outputs map[string]any `pulumi:"outputs"`
	}
	if err := ctx.Invoke("pulumi:pulumi:readStackOutputs", &name, &found); err != nil {
		return lastDeployment{}, fmt.Errorf("read what the last deployment left: %w", err)
	}
	text, err := json.Marshal(found.Outputs)
	if err != nil {
		return lastDeployment{}, fmt.Errorf("read what the last deployment left: %w", err)
	}
	last := lastDeployment{}
	if err := json.Unmarshal(text, &last); err != nil {
		return lastDeployment{}, fmt.Errorf("read what the last deployment left: %w", err)
	}
	return last, nil
}

// warnings are what a deployment will do that somebody may not expect, with what is to be done about it.
func (c config) warnings(last lastDeployment, project, stack string) []string {
	return slices.DeleteFunc([]string{c.leaves(last, project, stack), c.turns(last, project, stack), c.moves(last), c.renames(last)},
		func(text string) bool { return text == "" })
}

// urn is what the engine calls a part of the network.
func (c config) urn(project, stack, kind, part string) string {
	return fmt.Sprintf("urn:pulumi:%s::%s::sms-api:index:Network$aws:ec2/%s::%s-%s", stack, project, kind, c.prefix, part)
}

// turns says how the address gets from one way out to another: AWS does not take it away from the old one.
func (c config) turns(last lastDeployment, project, stack string) string {
	was := last.Placement
	if was == nil || was.Egress == "" || c.network.own() || (was.Egress == egressNATInstance) == (c.network.egress == egressNATInstance) {
		return ""
	}
	holds := c.urn(project, stack, "natGateway:NatGateway", "nat")
	if was.Egress == egressNATInstance {
		holds = c.urn(project, stack, "eipAssociation:EipAssociation", "nat")
	}
	return "The address is at the old way out until that lets go of it. If you have not said so yet, this deployment ends with an error, " +
		"and the functions keep the old way:\n   pulumi destroy --target '" + holds + "' --target-dependents"
}

// moves says that messages will leave by an address that they have not left by before.
func (c config) moves(last lastDeployment) string {
	if last.Placement == nil || c.network.own() || len(last.EgressIPs) == 0 {
		return ""
	}
	gone := slices.ContainsFunc(last.Placement.BroughtIn, func(id string) bool { return !slices.Contains(c.network.eipAllocationIDs, id) })
	if !gone && c.network.addresses() <= len(last.EgressIPs) {
		return ""
	}
	return "Messages will leave by an address that is not " + strings.Join(last.EgressIPs, " or ") + ". Those that do wait until it is " +
		"registered with Aligo: the output " + outputEgressIPs + " says which."
}

// renames says that the API's callers have to use another address.
func (c config) renames(last lastDeployment) string {
	was, named := last.APIURL, c.api.domainName != ""
	if was == "" || named && was == "https://"+c.api.domainName || !named && strings.Contains(was, ".execute-api.") {
		return ""
	}
	return was + " no longer answers after this deployment. The output " + outputAPIURL + " is where the API is."
}

// leaves says which addresses this deployment takes out of use, and how: the engine refuses to let go of what is protected.
func (c config) leaves(last lastDeployment, project, stack string) string {
	made := 0
	if !c.network.own() && len(c.network.eipAllocationIDs) == 0 {
		made = c.network.addresses()
	}
	if brought := last.Placement != nil && len(last.Placement.BroughtIn) > 0; brought || made >= len(last.EgressIPs) {
		return "" // what was brought in is nobody's to give up here
	}
	text := "An address that is registered with Aligo goes out of use. If the stack made it, it is protected, and pulumi refuses the " +
		"deployment until you have said:"
	for i := made; i < len(last.EgressIPs); i++ {
		text += "\n   pulumi state unprotect '" + c.urn(project, stack, "eip:Eip", numbered("egress", i)) + "'"
	}
	return text + fmt.Sprintf("\nIt stays with AWS (%.2f USD a month) until aws ec2 release-address --allocation-id ...",
		price.Seoul()[price.AddressHours].Of(price.HoursPerMonth))
}

// follows says what cannot follow the last deployment, with the way to do it.
func (c config) follows(last lastDeployment, in account) error {
	errs := []error{in.same(last.EventBusARN), c.network.stays(last.Placement)}
	if e := c.encryption; last.EncryptionKey != "" && last.EncryptionKey != keyOfAWS && last.EncryptionKey != e.key &&
		!slices.Contains(e.former, last.EncryptionKey) {
		errs = append(errs, fmt.Errorf("encryption:key: messages under way, histories, logs, dead letters and parameters are encrypted with "+
			"the key that it named before, and nobody could read them. Keep that key, and then deploy:\n"+
			"   pulumi config set --path 'encryption:formerKeys[%d]' %s", len(e.former), last.EncryptionKey))
	}
	return errors.Join(errs...)
}

// stays says what of a network cannot be changed while functions are in it: AWS moves no subnet, and takes no second one with
// the same addresses.
func (n networkConfig) stays(was *placement) error {
	if was == nil || n.own() || len(was.Subnets) > 0 {
		return nil
	}
	if was.VPCID != n.vpcID {
		return fmt.Errorf("network:vpcId: the subnets are in %s, and cannot be moved. Another VPC is another stack",
			cmp.Or(was.VPCID, "the stack's own VPC"))
	}
	var errs []error
	if was.CIDR != "" && n.cidr.String() != was.CIDR {
		errs = append(errs, fmt.Errorf("network:cidr: the subnets are in %s, and cannot be moved. Another block is another stack", was.CIDR))
	}
	if len(n.availabilityZones) > 0 && len(was.AvailabilityZones) > 0 && !slices.Equal(n.availabilityZones, was.AvailabilityZones) {
		errs = append(errs, fmt.Errorf("network:availabilityZones: the subnets are in %s, in this order, and cannot be moved. Other zones are "+
			"another stack", strings.Join(was.AvailabilityZones, " and ")))
	}
	return errors.Join(errs...)
}

// written refuses a path on which there is not what the functions have found on the former one.
func (s secretsConfig) written(last lastDeployment, was, is parameters) error {
	if last.SecretsPrefix == "" || last.SecretsPrefix == s.prefix {
		return nil
	}
	var missing []string
	for _, name := range append(parameterNames(), numberKeyName) {
		if written := s.managed && name != numberKeyName; !written && was.has(name) && !is.has(name) {
			missing = append(missing, s.prefix+"/"+name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("secrets:prefix: the functions would look for what is not there. Copy it from %s first (of %s the value, or nobody is "+
		"found by number any more): %s", last.SecretsPrefix, numberKeyName, strings.Join(missing, ", "))
}
