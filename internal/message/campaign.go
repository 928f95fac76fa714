package message

import (
	"encoding/json"
	"strconv"
)

// CampaignRequest is the body of POST /v1/campaigns: a message without recipients, and where these come from.
type CampaignRequest struct {
	Request

	Columns Columns
	// Rate is how many recipients a minute are handed out.
	Rate int
	// Auto says that it starts by itself when nothing in its file is refused.
	Auto bool
	// Bytes is the size of the file.
	Bytes int64
}

// Columns say which column of a CSV is what, by the names in its header.
type Columns struct {
	To        string `json:"to"`
	Name      string `json:"name,omitempty"`
	Reference string `json:"reference,omitempty"`
	// Variables maps a placeholder's name to a column.
	Variables map[string]string `json:"variables,omitempty"`
}

// Limits of campaigns.
const (
	defaultRate = 5000
	// MinRate and MaxRate bound how many recipients a minute are handed out.
	MinRate = 100
	MaxRate = 60_000
	// MaxFile is how many bytes a campaign's file may have.
	MaxFile = 200 << 20
	// maxColumn is how many characters a column's name may have.
	maxColumn = 100
)

// DecodeCampaign reads the body of POST /v1/campaigns. The error is a *SyntaxError; a body that is JSON but of the wrong shape is
// reported by Problems.
func DecodeCampaign(body []byte) (CampaignRequest, error) {
	v, d, err := parse(body)
	if err != nil {
		return CampaignRequest{}, err
	}
	c := CampaignRequest{Rate: defaultRate}
	d.members(v, "", append(d.content(&c.Request),
		field{"columns", func(v any, p string) { c.Columns = d.columns(v, p) }},
		field{"rate", func(v any, p string) { c.Rate = int(d.number(v, p, MinRate, MaxRate, defaultRate)) }},
		field{"bytes", func(v any, p string) { c.Bytes = d.number(v, p, 1, MaxFile, 0) }},
		field{"start", func(v any, p string) { c.Auto = d.oneOf(v, p, "manual", "auto") == "auto" }},
	)...)
	if c.Bytes == 0 && !Covered(d.problems).Has("/bytes") {
		d.add("/bytes", "is missing: it is the file's size")
	}
	c.problems = d.problems
	return c, nil
}

// number reads a whole number with bounds; what is absent is the default.
func (d *decoder) number(v any, pointer string, least, most, absent int64) int64 {
	text, ok := v.(json.Number)
	n, err := strconv.ParseInt(string(text), 10, 64)
	switch {
	case v == nil:
		return absent
	case !ok || err != nil || n < least || n > most:
		d.add(pointer, "must be a whole number from %d to %d", least, most)
		return absent
	}
	return n
}

func (d *decoder) columns(v any, pointer string) Columns {
	var c Columns
	if v == nil {
		return c
	}
	d.members(v, pointer,
		field{"to", func(v any, p string) { c.To = d.column(v, p) }},
		field{"name", func(v any, p string) { c.Name = d.column(v, p) }},
		field{"reference", func(v any, p string) { c.Reference = d.column(v, p) }},
		field{"variables", func(v any, p string) {
			values := d.variables(v, p)
			if len(values) > 0 {
				c.Variables = make(map[string]string, len(values))
			}
			for name, column := range values {
				c.Variables[name] = string(column)
			}
		}},
	)
	return c
}

func (d *decoder) column(v any, pointer string) string {
	return string(composed(d.text(v, pointer, maxColumn, false)))
}
