package aligo_test

import (
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
