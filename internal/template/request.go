package template

// What the function can be asked to do. Its schedule asks for nothing, which is to look.
const (
	// DoLook looks for what a person has to look at, and logs it.
	DoLook = ""
	// DoList lists Aligo's templates.
	DoList = "list"
	// DoWrite creates or changes one, and requests its review.
	DoWrite = "write"
	// DoKeep has the stack keep an eye on templates.
	DoKeep = "keep"
)

// Request is what the function is asked.
type Request struct {
	Do string `json:"do"`
	// Code is that of the template to write; empty for one that was not written before.
	Code string `json:"code,omitempty"`
	// Template is what to write.
	Template *Template `json:"template,omitempty"`
	// Seen is the digest of what whoever asks has seen at Aligo; if it is something else meanwhile, nothing is written. It is
	// empty for a template that was not there.
	Seen string `json:"seen,omitempty"`
	// Listed is how many templates whoever asks has seen at Aligo: a list that is empty all of a sudden says nothing.
	Listed int `json:"listed,omitempty"`
	// Whole has a template written that is as it should be, as far as Aligo lists it.
	Whole bool `json:"whole,omitempty"`
	// Kept are the templates to keep an eye on.
	Kept []Kept `json:"kept,omitempty"`
}

// Answer is what it answers.
type Answer struct {
	// Problem says what went wrong and what to do; empty when all is well.
	Problem string `json:"problem,omitempty"`
	// Refused says that the problem is that of one template.
	Refused bool `json:"refused,omitempty"`
	// Did is what was done before that: created, changed, sent for review.
	Did []string `json:"did,omitempty"`
	// Listed are Aligo's templates, or the one that was written.
	Listed []Listed `json:"listed,omitempty"`
	// Troubles is how many were logged.
	Troubles int `json:"troubles,omitempty"`
}
