package cost

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"sms-api/internal/testkit"
)

var update = flag.Bool("update", false, "write the golden files of the reports")

func TestReports(t *testing.T) {
	t.Parallel()
	for golden, args := range map[string][]string{
		"testdata/month.txt": {"-messages", "100000", "-fallback", "8%"},
		"testdata/campaigns.txt": {"-messages", "200", "-recipients", "500", "-fallback", "0.08", "-lms", "50%", "-looks", "1.5", "-reads", "2",
			"-door", "events", "-krw", "1400"},
		"testdata/nothing.txt":  {"-messages", "0"},
		"testdata/campaign.txt": {"-campaign", "100000", "-fallback", "0%"},
		"testdata/fallback.txt": {"-campaign", "100000", "-fallback", "8%", "-opt-outs=false", "-rate", "1000", "-reads", "60"},
		"testdata/prices.txt":   {"-prices"},
	} {
		t.Run(golden, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := Command(args, &out); err != nil {
				t.Fatal(err)
			}
			testkit.Golden(t, *update, golden, out.Bytes())
		})
	}
}

func TestWrongArguments(t *testing.T) {
	t.Parallel()
	command := func(_ context.Context, args []string) error { return Command(args, &bytes.Buffer{}) }
	testkit.Refuses(t, command, map[string]string{
		"-messages -1":                      "-messages is -1, want a number from 0",
		"-messages NaN":                     "-messages is NaN, want a number from 0",
		"-recipients 0":                     "-recipients is 0, want 1 to 500",
		"-recipients 501":                   "-recipients is 501, want 1 to 500",
		"-fallback 101%":                    `invalid value "101%" for flag -fallback: want a share such as 8% or 0.08`,
		"-fallback 8":                       `invalid value "8" for flag -fallback: want a share such as 8% or 0.08`,
		"-fallback -1%":                     `invalid value "-1%" for flag -fallback: want a share such as 8% or 0.08`,
		"-lms some":                         `invalid value "some" for flag -lms: want a share such as 8% or 0.08`,
		"-looks 0.5":                        "-looks is 0.5, want a number from 1",
		"-reads -2":                         "-reads is -2, want a number from 0",
		"-krw 0":                            "-krw is 0, want more than 0",
		"-door window":                      `-door is "window", want api or events`,
		"-campaign -1":                      "-campaign is -1, want a number from 0",
		"-campaign 5 -rate 99":              "-rate is 99, want 100 to 60000",
		"-rate 200":                         "-rate goes with -campaign",
		"-campaign 5 -door api -messages 5": "-door says nothing of a campaign's bill\n-messages says nothing of a campaign's bill",
		"more":                              `unknown argument "more"`,
		"-messages 1 -colour":               "flag provided but not defined: -colour",
	})
}

func TestHelp(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := Command([]string{"-h"}, &out); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("error %v, want flag.ErrHelp", err)
	}
	for _, name := range []string{"-messages", "-fallback", "-recipients", "-prices"} {
		if !strings.Contains(out.String(), name) {
			t.Errorf("the help does not speak of %s:\n%s", name, &out)
		}
	}
}

// brokenPipe takes so many bytes.
type brokenPipe int

func (b *brokenPipe) Write(p []byte) (int, error) {
	*b -= brokenPipe(len(p))
	if *b < 0 {
		return 0, os.ErrClosed
	}
	return len(p), nil
}

func TestAReportThatCannotBeWrittenIsAnError(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"-prices"}, {"-campaign", "1000"}} {
		room := brokenPipe(1000)
		if err := Command(args, &room); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%v: error %v", args, err)
		}
	}
}

func TestNumbersForPeople(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		count(0): "0", count(999): "999", count(1000): "1,000", count(1_234_567.5): "1,234,568",
		money(1234.5): "1,234.50", money(-1234.5): "-1,234.50", money(0.004): "0.00", signed(1): "+1.00", signed(-1): "-1.00",
		amount(0.5): "0.50", amount(12): "12", amount(12_345.6): "12,346", share(0.08): "8%", plural(1, "recipient"): "1 recipient",
		plural(500, "recipient"): "500 recipients",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
