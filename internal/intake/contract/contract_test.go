package contract_test

import (
	"flag"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"sms-api/internal/aligo"
	"sms-api/internal/campaign"
	"sms-api/internal/deployment/price"
	"sms-api/internal/intake"
	"sms-api/internal/intake/contract"
	"sms-api/internal/intake/contract/contracttest"
	"sms-api/internal/message"
	"sms-api/internal/testkit"
	"sms-api/internal/way"
)

var update = flag.Bool("update", false, "write what is made from the OpenAPI document anew")

func TestDocumentIsValidAndSoAreItsExamples(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromData([]byte(contract.OpenAPI()))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation(), openapi3.EnableSchemaFormatValidation(),
		openapi3.EnableSchemaPatternValidation()); err != nil {
		t.Fatal(err)
	}
}

// jsonNames are the members that a type's JSON can have.
func jsonNames(of reflect.Type) []string {
	var names []string
	for _, field := range reflect.VisibleFields(of) {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" && name != "-" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// echoes are the members that are given back: by the schema in which they are written by hand, those in which they stand as well.
func echoes() map[string]struct{ members, also []string } {
	of := func(echo any) []string { return jsonNames(reflect.TypeOf(echo)) }
	return map[string]struct{ members, also []string }{
		"AlimTalkRequest": {of(message.Echo{}), []string{"SMSRequest", "AdvertisingRequest"}},
		"Message":         {of(message.Echo{}), []string{"MessageSummary"}},
		"Result":          {of(message.RecipientEcho{}), []string{"PreviewRecipient"}},
	}
}

// What is given back is written into one schema by hand, on a line of its own, and from there into the others with -update; what
// else is made of the document shows with the next one.
func TestWhatIsGivenBackIsTheSameInEachSchema(t *testing.T) {
	t.Parallel()
	text := contract.OpenAPI()
	// member is where a member of a schema stands: the line without its comma. at is where the members begin.
	member := func(schema, name string) (line string, at int) {
		begin := strings.Index(text, "\n      \""+schema+"\": {\n")
		end := begin + strings.Index(text[begin+1:], "\n      }")
		const properties = "\n        \"properties\": {\n"
		at = begin + strings.Index(text[begin:end], properties) + len(properties)
		if i := strings.Index(text[at:end], "          \""+name+"\": "); i >= 0 {
			line, _, _ = strings.Cut(text[at+i:end], "\n")
		}
		return strings.TrimSuffix(line, ","), at
	}
	for schema, echo := range echoes() {
		for _, name := range echo.members {
			written, _ := member(schema, name)
			if written == "" || strings.HasSuffix(written, "{") {
				t.Errorf("%s has no %s on a line of its own", schema, name)
				continue
			}
			for _, other := range echo.also {
				if line, at := member(other, name); line == "" {
					text = text[:at] + written + ",\n" + text[at:]
				} else {
					text = text[:at] + strings.Replace(text[at:], line, written, 1)
				}
			}
		}
	}
	testkit.Golden(t, *update, "openapi.json", []byte(text))
}

// A member that only the code or only the document has is named here.
func TestTypesHaveTheMembersOfTheDocument(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]any{
		"AlimTalkRequest": message.Request{}, "SMSRequest": message.Request{}, "AdvertisingRequest": message.Request{},
		"Recipient": message.Recipient{}, "Fallback": message.FallbackRequest{},
		"Accepted": intake.Accepted{}, "Message": message.Outcome{}, "MessageSummary": intake.MessageSummary{},
		"MessageList": intake.MessageList{}, "Erased": intake.Erased{}, "Result": message.Result{}, "Attempt": message.Attempt{},
		"Counts": message.Counts{}, "Parking": message.Parking{},
		"Template": intake.Template{}, "Button": intake.TemplateButton{}, "Balance": intake.Balance{},
		"CreatedCampaign": intake.CreatedCampaign{}, "Upload": intake.Upload{}, "Campaign": campaign.View{}, "CampaignCounts": campaign.Counts{},
		"CampaignPlan": campaign.Plan{}, "CampaignReport": campaign.Report{}, "RowError": campaign.RowError{},
		"CampaignExample": campaign.Example{}, "CampaignList": intake.CampaignList{},
		"CampaignChannels": campaign.Channels{}, "Columns": message.Columns{},
		"Preview": intake.Preview{}, "PreviewRecipient": intake.PreviewRecipient{}, "PreviewAlimTalk": intake.PreviewAlimTalk{},
		"PreviewSMS": intake.PreviewSMS{}, "Replacement": intake.Replacement{}, "ListPrices": intake.ListPrices{},
		"Way": way.Way{}, "Visit": way.Visit{}, "TaskAttempt": way.Attempt{}, "Call": way.Call{},
		"Problem": intake.Problem{}, "BodyError": message.ValidationError{},
	} {
		promised := slices.Sorted(maps.Keys(at(t, document(t), "components", "schemas", name, "properties").(object)))
		if got := jsonNames(reflect.TypeOf(value)); !slices.Equal(got, promised) {
			t.Errorf("%T has %q, the document's %s %q", value, got, name, promised)
		}
	}
}

// Each word that a member can have stands in the document.
func TestEnumerationsAreThoseOfTheDocument(t *testing.T) {
	t.Parallel()
	ofType := func(kind string) []string {
		var all []string
		for _, c := range testkit.Constants(t, "../../message", testkit.OfType(kind)) {
			all = append(all, c.Value)
		}
		return all
	}
	var endings []string
	for _, c := range testkit.Constants(t, "../../way", testkit.OfType("Ending")) {
		endings = append(endings, c.Value)
	}
	var statuses []string
	for _, s := range campaign.Statuses() {
		statuses = append(statuses, string(s))
	}
	var causes []string
	for _, c := range aligo.Repairable() {
		causes = append(causes, string(c))
	}
	for _, c := range []struct {
		schema, member string
		want           []string
	}{
		{"AlimTalkRequest", "channel", []string{string(message.AlimTalk), "<nil>"}}, {"SMSRequest", "channel", []string{string(message.SMS)}},
		{"Fallback", "onUnknown", append(ofType("OnUnknown"), "<nil>")},
		{"MessageStatus", "", ofType("MessageStatus")}, {"CampaignStatus", "", statuses},
		{"Result", "status", ofType("Status")}, {"Result", "channel", ofType("Channel")},
		{"Message", "channel", ofType("Channel")}, {"Attempt", "status", ofType("Status")}, {"Attempt", "channel", ofType("Channel")},
		{"Preview", "channel", ofType("Channel")}, {"Parking", "cause", causes},
		{"Visit", "ended", endings}, {"TaskAttempt", "ended", endings}, {"Call", "channel", ofType("Channel")},
	} {
		var got []string
		path := []string{"components", "schemas", c.schema, "properties", c.member, "enum"}
		if c.member == "" {
			path = []string{"components", "schemas", c.schema, "enum"}
		}
		for _, word := range at(t, document(t), path...).([]any) {
			got = append(got, fmt.Sprint(word))
		}
		if !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(c.want))) {
			t.Errorf("the document's %s has in %s %q, want %q", c.schema, c.member, got, c.want)
		}
	}
}

// The document describes each code in the words of package message, and leaves room for those that Aligo adds.
func TestCodesAreThoseOfTheDocument(t *testing.T) {
	t.Parallel()
	var got, want []string
	for _, one := range at(t, document(t), "components", "schemas", "Code", "anyOf").([]any) {
		got = append(got, fmt.Sprint(one.(object)["const"], ": ", one.(object)["description"]))
	}
	for _, c := range message.Codes() {
		want = append(want, c.Word+": "+c.Meaning)
	}
	want = append(want, "<nil>: A result of Aligo's that nobody has described.")
	if !slices.Equal(got, want) {
		t.Errorf("the document has\n%q, want\n%q", got, want)
	}
}

// Whoever generates a client learns from each answer that is a problem of which types it can be.
func TestProblemsAreTyped(t *testing.T) {
	t.Parallel()
	d := document(t)
	all := at(t, d, "components", "schemas", "Problem", "properties", "type", "enum").([]any)
	used := map[any]bool{}
	look := func(where string, answer any) {
		content, ok := answer.(object)["content"].(object)
		if !ok {
			return
		}
		problem, ok := content["application/problem+json"].(object)
		if !ok {
			return
		}
		parts, ok := at(t, problem, "schema").(object)["allOf"].([]any)
		if !ok || len(parts) != 2 {
			t.Errorf("%s: its problem has no type", where)
			return
		}
		for _, one := range at(t, parts[1], "properties", "type", "enum").([]any) {
			used[one] = true
			if !slices.Contains(all, one) {
				t.Errorf("%s: there is no problem of type %s", where, one)
			}
		}
	}
	for name, answer := range at(t, d, "components", "responses").(object) {
		look(name, answer)
	}
	for path, operations := range at(t, d, "paths").(object) {
		for method, operation := range operations.(object) {
			if o, ok := operation.(object); ok {
				for status, answer := range o["responses"].(object) {
					look(method+" "+path+" "+status, answer)
					if status >= "400" && answer.(object)["$ref"] == nil && answer.(object)["content"] == nil {
						t.Errorf("%s %s: %s has no body", method, path, status)
					}
				}
			}
		}
	}
	for _, one := range all {
		// Methods that are not there have no answer in the document.
		if !used[one] && one != "urn:sms-api:problem:method-not-allowed" {
			t.Errorf("no answer has a problem of type %s", one)
		}
	}
}

// The prices of the example are Aligo's list prices.
func TestPricesOfTheExample(t *testing.T) {
	t.Parallel()
	content := at(t, document(t), "paths", "/v1/previews", "post", "responses", "200", "content", "application/json", "examples").(object)
	for name, example := range content {
		p := example.(object)["value"].(object)
		list := p["listPrices"].(object)
		want := object{"alimtalkKRW": price.AlimTalkKRW, "smsKRW": price.SMSKRW, "lmsKRW": price.LMSKRW, "seen": price.AligoSeen}
		if got, want := fmt.Sprint(list), fmt.Sprint(want); got != want {
			t.Errorf("%s: the list prices are %s, want %s", name, got, want)
		}
		alimTalks, messages := 0.0, 0.0
		for _, r := range p["recipients"].([]any) {
			alimTalk, sms := r.(object)["alimtalk"].(object), r.(object)["sms"].(object)
			if fmt.Sprint(alimTalk["priceKRW"]) != fmt.Sprint(price.AlimTalkKRW) || fmt.Sprint(sms["priceKRW"]) != fmt.Sprint(price.SMSKRW) {
				t.Errorf("%s: %v is at other prices", name, r)
			}
			alimTalks, messages = alimTalks+price.AlimTalkKRW, messages+price.SMSKRW
		}
		if fmt.Sprint(p["priceKRW"], p["priceAtMostKRW"]) != fmt.Sprint(alimTalks, max(alimTalks, messages)) {
			t.Errorf("%s: %v KRW, at most %v", name, p["priceKRW"], p["priceAtMostKRW"])
		}
	}
}

// results calls take for each recipient's result with a code in an example.
func results(v any, take func(result object)) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			results(one, take)
		}
	case object:
		if _, ok := v["code"].(string); ok && v["to"] != nil {
			take(v)
		}
		for _, one := range v {
			results(one, take)
		}
	}
}

// The examples show nothing that is not there.
func TestCodesOfTheExamples(t *testing.T) {
	t.Parallel()
	shown := examples(t)
	shown["openapi.json"] = contracttest.Value(t, contract.OpenAPI())
	found := 0
	for file, v := range shown {
		results(v, func(r object) {
			found++
			if !slices.ContainsFunc(message.Codes(), func(c message.Code) bool {
				return c.Word == r["code"] && (c.Status == "" || string(c.Status) == r["status"]) &&
					(c.Channel == "" || string(c.Channel) == r["channel"])
			}) {
				t.Errorf("%s: no recipient has %v", file, r)
			}
		})
	}
	if found == 0 {
		t.Error("no example has a code")
	}
}
