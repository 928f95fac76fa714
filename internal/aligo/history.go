package aligo

import (
	"context"
	"time"
)

// AlimTalkBatch is one call of SendAlimTalk in the vendor's history.
type AlimTalkBatch struct {
	unlogged

	MID string
	// Type is AT for AlimTalk; FT are the ad messages that this package does not send.
	Type string
	// Sender is the sender number.
	Sender string
	// Count is how many recipients the call had.
	Count int
	// Text is the text; of a call with several that of one of its recipients.
	Text string
	// ReserveState is empty for a message that went out at once; "예약대기중" is waiting.
	ReserveState string
	// At is when the vendor registered the call, in whole seconds; ReservedFor when it goes out.
	At, ReservedFor time.Time
}

// AlimTalkPage selects one page of the history of AlimTalk.
type AlimTalkPage struct {
	// Page counts from 1; 0 is 1.
	Page int
	// Size is 50 to 500 rows; 0 is 500. The vendor was seen to answer with 50 whatever was asked for.
	Size int
	// From and To are days in Korean time, both included; zero leaves them to the vendor.
	From, To time.Time
}

// AlimTalkHistory calls POST /akv10/history/list/: one page of the sent calls, newest first, and whether there are more.
//
// https://smartsms.aligo.in/alimapi.html
func (c *Client) AlimTalkHistory(ctx context.Context, page AlimTalkPage) (batches []AlimTalkBatch, more bool, err error) {
	batches, more, _, err = c.alimTalkHistory(ctx, page, "")
	return batches, more, err
}

// alimTalkHistory reads the history of an account, or of any, and also says how it was read.
func (c *Client) alimTalkHistory(
	ctx context.Context, page AlimTalkPage, account Account,
) (batches []AlimTalkBatch, more bool, how made, err error) {
	var answer struct {
		paging
		List list[struct {
			MID          scalar `json:"mid"`
			Type         scalar `json:"type"`
			Sender       scalar `json:"sender"`
			Count        scalar `json:"msg_count"`
			Body         scalar `json:"mbody"`
			ReserveDate  scalar `json:"reserve_date"`
			ReserveState scalar `json:"reserve_state"`
			// The vendor's table has regdate, its example reg_date.
			RegDate    scalar `json:"regdate"`
			RegDateAlt scalar `json:"reg_date"`
		}] `json:"list"`
	}
	how, err = c.make(ctx, call{endpoint: endpoint{path: "/akv10/history/list/", kakao: true}, account: account, answer: &answer,
		build: func(creds Credentials) *form {
			f := kakaoForm(creds)
			f.addPage(page.Page, "limit", page.Size)
			if !page.From.IsZero() {
				f.add("startdate", page.From.In(kst).Format("20060102"))
			}
			if !page.To.IsZero() {
				f.add("enddate", page.To.In(kst).Format("20060102"))
			}
			return f
		}})
	if err != nil {
		return nil, false, how, err
	}
	for _, row := range answer.List {
		at := row.RegDate.time()
		if at.IsZero() {
			at = row.RegDateAlt.time()
		}
		batches = append(batches, AlimTalkBatch{
			MID: row.MID.id(), Type: string(row.Type), Sender: string(row.Sender), Count: row.Count.int(), Text: string(row.Body),
			ReserveState: string(row.ReserveState), At: at, ReservedFor: row.ReserveDate.time(),
		})
	}
	// How many rows the pages before had is not known; if this is the last and a short one, the next is empty.
	n := max(1, page.Page)
	return batches, answer.more(n, len(batches), n*len(batches)), how, nil
}

// paging is how the Kakao API counts pages.
type paging struct {
	TotalPage  scalar `json:"totalPage"`
	TotalCount scalar `json:"totalCount"`
}

// more tells whether there are pages after this one, the last of so many rows in all. The number of pages may have been
// counted with a page size that the vendor then did not keep to, so the number of rows counts as well.
func (p paging) more(page, rows, rowsSoFar int) bool {
	const smallestPage = 50
	if p.TotalPage == "" && p.TotalCount == "" {
		return rows >= smallestPage
	}
	return page < p.TotalPage.int() || rows > 0 && rowsSoFar < p.TotalCount.int()
}
