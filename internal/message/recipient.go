package message

// RecipientFields are a recipient's members as somebody wrote them in a list; what is empty is absent.
type RecipientFields struct {
	To, Name, Reference string
	// Variables are pairs of a placeholder's name and its value.
	Variables [][2]string
}

// NewRecipient makes a recipient of a list's fields by the rules of a request's, or says everything that is wrong with it.
func NewRecipient(f RecipientFields) (Recipient, []ValidationError) {
	var o, variables object
	add := func(to *object, name, value string) {
		if value != "" {
			*to = append(*to, member{name, value})
		}
	}
	for _, v := range f.Variables {
		add(&variables, v[0], v[1])
	}
	add(&o, "to", f.To)
	add(&o, "name", f.Name)
	add(&o, "reference", f.Reference)
	if len(variables) > 0 {
		o = append(o, member{"variables", variables})
	}
	return (&decoder{}).oneRecipient(o)
}

// DecodeRecipient reads one recipient's JSON as in a request, or says everything that is wrong with it.
func DecodeRecipient(text []byte) (Recipient, []ValidationError) {
	v, d, err := parse(text)
	if err != nil {
		return Recipient{}, []ValidationError{{Detail: "is not JSON in UTF-8"}}
	}
	return d.oneRecipient(v)
}

func (d *decoder) oneRecipient(v any) (Recipient, []ValidationError) {
	r := d.recipient(v, "")
	if len(d.problems) > 0 {
		return Recipient{}, d.problems
	}
	return r, nil
}
