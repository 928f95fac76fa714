package price_test

import (
	"net/url"
	"testing"
	"time"

	"sms-api/internal/deployment/price"
)

func TestEveryPriceHasASource(t *testing.T) {
	t.Parallel()
	for i, p := range price.Seoul() {
		if p.Name == "" || p.Unit == "" || p.USD <= 0 || p.Per < 1 {
			t.Errorf("item %d is incomplete: %+v", i, p)
		}
		if u, err := url.Parse(p.Source); err != nil || u.Host != "aws.amazon.com" {
			t.Errorf("%s: the source is %q", p.Name, p.Source)
		}
		if p.UsageType == "" && p.Note == "" {
			t.Errorf("%s: neither in Seoul's price list nor a word about it", p.Name)
		}
		if p.Seen == "" {
			continue
		}
		if _, err := time.Parse(time.DateOnly, p.Seen); err != nil {
			if _, err := time.Parse("2006-01", p.Seen); err != nil {
				t.Errorf("%s: seen %q", p.Name, p.Seen)
			}
		}
	}
}
