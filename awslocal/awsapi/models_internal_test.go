package awsapi

import "testing"

// Patterns are compiled when they are first used, which may be long after the start.
func TestPatternsCompile(t *testing.T) {
	t.Parallel()
	services, err := loadModels()
	if err != nil {
		t.Fatal(err)
	}
	compiled := 0
	var compile func(s *shape)
	compile = func(s *shape) {
		if s == nil {
			return
		}
		if s.pattern != nil {
			s.pattern()
			compiled++
		}
		for _, member := range s.Members {
			compile(member)
		}
		compile(s.Element)
		compile(s.Key)
		compile(s.Value)
	}
	for _, operations := range services {
		for _, s := range operations {
			compile(s)
		}
	}
	if compiled == 0 {
		t.Error("there are no patterns")
	}
}
