package aligo_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"sms-api/internal/aligo"
)

// Templates come in two dialects, with notes of no documented shape.
func TestTemplatesAsTheyCome(t *testing.T) {
	t.Parallel()
	body := `{"code":"0","list":[{"templtCode":"TX_1","templtContent":"가\r\n나","inspStatus":"APR","status":"R","cdate":"2026-01-05 10:00:00",
		"comments":["반려",{"content":"변수가 많음","status":"REJ"},{"other":1},7,[],null],
		"buttons":[{"ordering":"2","name":"둘","linkType":"AL","linkI":"a://x","linkA":"b://x"},{"ordering":1,"name":"하나","linkType":"WL",
			"linkTypeName":"웹링크","linkM":"https://m.example/","linkP":"https://p.example/"},
			{"ordering":"3","name":"셋","linkType":"WL","linkMo":"https://m.example/","linkPc":"https://p.example/",
				"linkM":"https://old.example/"}]}]}`
	want := []aligo.Template{{
		Code: "TX_1", Content: "가\r\n나", InspStatus: aligo.InspApproved, Status: aligo.StatusWaiting, Comments: []string{"반려", "변수가 많음", "7"},
		CreatedAt: time.Date(2026, 1, 5, 10, 0, 0, 0, monday.Location()),
		Buttons: []aligo.Button{
			{Name: "하나", Type: "WL", TypeName: "웹링크", LinkMobile: "https://m.example/", LinkPC: "https://p.example/"},
			{Name: "둘", Type: "AL", LinkIOS: "a://x", LinkAndroid: "b://x"},
			{Name: "셋", Type: "WL", LinkMobile: "https://m.example/", LinkPC: "https://p.example/"},
		},
	}}
	got := must[[]aligo.Template](t)(answering(body).Templates(t.Context()))
	if !same(got, want) {
		t.Errorf("got  %s\nwant %s", spell(got), spell(want))
	}
}

// What no call can send is told, whatever the list calls it; a part that is there and empty is none.
func TestTemplatesThatCannotBeSent(t *testing.T) {
	t.Parallel()
	for row, want := range map[string]string{
		`"templtRepresentLink":{"linkMo":"https://m.example/","linkPc":null}`:                   "대표링크",
		`"templateRepresentLink":{"linkMo":"https://m.example/"}`:                               "대표링크",
		`"representLink":"https://m.example/"`:                                                  "대표링크",
		`"templtRepresentLink":{"linkMo":"","linkPc":null},"templtHeader":"","quickReplies":[]`: "",
		`"templtHeader":"머리","templtItem":{"list":[{"title":"가","description":"나"}]}`:           "헤더, 아이템 리스트",
		`"templateEmType":"ITEM_LIST"`:                                                          "아이템 리스트",
		`"quickReplies":[{"name":"가"}],"templateItemHighlight":{"title":"가"}`:                   "아이템 하이라이트, 바로연결",
	} {
		list := `{"code":0,"list":[{"templtCode":"TX_1","templtContent":"가","inspStatus":"APR","status":"A",` + row + `}]}`
		cache := &aligo.TemplateCache{Client: answering(list)}
		_, err := cache.Template(t.Context(), "TX_1")
		var unsendable *aligo.UnsendableError
		switch {
		case want == "" && err != nil, want != "" && !errors.Is(err, aligo.ErrNoTemplate):
			t.Errorf("%s: %v", row, err)
		case want != "" && (!errors.As(err, &unsendable) || !strings.Contains(err.Error(), "("+want+")")):
			t.Errorf("%s: %v, want %s", row, err, want)
		}
	}
}
