package aligo

import (
	"context"
	"time"
)

// maxPageSize is the largest page of every list of both APIs.
const maxPageSize = 500

// maxPages bounds how many pages of a list are read, in case the vendor's paging never ends.
const maxPages = 1000

// SMSBatch is one call of SendSMS or SendMassSMS in the vendor's history.
type SMSBatch struct {
	unlogged

	MID  string
	Type SMSType
	// Sender is the sender number.
	Sender string
	// Count is how many receivers the batch has, Failed to how many it could not be delivered.
	Count, Failed int
	// Text is the text; of a MassSMS that of one of its messages.
	Text string
	// ReserveState is empty for a message that went out at once; "예약대기중" is waiting.
	ReserveState string
	// At is when the vendor registered the call, in whole seconds; ReservedFor when it goes out.
	At, ReservedFor time.Time
}

// SMSPage selects one page of the history of SMS.
type SMSPage struct {
	// Page counts from 1; 0 is 1.
	Page int
	// Size is 30 to 500 rows; 0 is 500.
	Size int
	// Day is the newest day, in Korean time; zero is today.
	Day time.Time
	// Days is how many days back from Day; 0 leaves it to the vendor.
	Days int
}

// SMSHistory calls POST /list/: one page of the sent batches, newest first, and whether there are more.
//
// https://smartsms.aligo.in/admin/api/spec.html
func (c *Client) SMSHistory(ctx context.Context, page SMSPage) (batches []SMSBatch, more bool, err error) {
	batches, more, _, err = c.smsHistory(ctx, page, "")
	return batches, more, err
}

// smsHistory reads the history of an account, or of any, and also says how it was read.
func (c *Client) smsHistory(ctx context.Context, page SMSPage, account Account) (batches []SMSBatch, more bool, how made, err error) {
	var answer struct {
		List list[struct {
			MID          scalar `json:"mid"`
			Type         scalar `json:"type"`
			Sender       scalar `json:"sender"`
			Count        scalar `json:"sms_count"`
			ReserveState scalar `json:"reserve_state"`
			Msg          scalar `json:"msg"`
			FailCount    scalar `json:"fail_count"`
			RegDate      scalar `json:"reg_date"`
			Reserve      scalar `json:"reserve"`
		}] `json:"list"`
		Next scalar `json:"next_yn"`
	}
	how, err = c.make(ctx, call{endpoint: endpoint{path: "/list/"}, account: account, answer: &answer, build: func(creds Credentials) *form {
		f := smsForm(creds)
		f.addPage(page.Page, "page_size", page.Size)
		if !page.Day.IsZero() {
			f.add("start_date", page.Day.In(kst).Format("20060102"))
		}
		if page.Days > 0 {
			f.addInt("limit_day", page.Days)
		}
		return f
	}})
	if err != nil {
		return nil, false, how, err
	}
	for _, row := range answer.List {
		batches = append(batches, SMSBatch{
			MID: row.MID.id(), Type: SMSType(row.Type), Sender: string(row.Sender), Count: row.Count.int(), Failed: row.FailCount.int(),
			Text: string(row.Msg), ReserveState: string(row.ReserveState), At: row.RegDate.time(), ReservedFor: row.Reserve.time(),
		})
	}
	return batches, answer.Next == "Y", how, nil
}

// SMSReceipt is what became of one receiver of a batch.
type SMSReceipt struct {
	unlogged

	// ID is the vendor's mdid.
	ID   string
	Type SMSType
	// To is the receiver's number in digits.
	To     string
	Result Receipt
}

// SMSReceipts reads POST /sms_list/, all pages: what is known of the receivers of a batch, one receipt a number. A
// receiver who is not there is still pending; results are final after 24 hours. The account is as for AlimTalkReceipts.
//
// https://smartsms.aligo.in/admin/api/spec.html
func (c *Client) SMSReceipts(ctx context.Context, account Account, mid string) ([]SMSReceipt, error) {
	rows := newByNumber[SMSReceipt]()
	err := c.smsRows(ctx, account, mid, func(r SMSReceipt) bool {
		rows.add(rowKey{r.To, r.ID}, r, r.Result.State)
		return true
	})
	if err != nil {
		return nil, err
	}
	return rows.rows(), nil
}

// smsRow is a row of /sms_list/.
type smsRow struct {
	mdID, kind, receiver, state, sendDate scalar
}

func (r *smsRow) field(name []byte) *scalar {
	switch string(name) {
	case "mdid":
		return &r.mdID
	case "type":
		return &r.kind
	case "receiver":
		return &r.receiver
	case "sms_state":
		return &r.state
	case "send_date":
		return &r.sendDate
	}
	return nil
}

// smsRows reads the rows of a batch until take returns false. A row may come twice.
func (c *Client) smsRows(ctx context.Context, account Account, mid string, take func(SMSReceipt) bool) error {
	list := rowList{endpoint{path: "/sms_list/"}, smsForm, "page_size"}
	return eachRow(ctx, c, list, account, mid, func(r *smsRow) (rowKey, bool) {
		receipt := SMSReceipt{ID: r.mdID.id(), Type: SMSType(r.kind), To: number(r.receiver),
			Result: smsResult(string(r.state), r.sendDate.time())}
		return rowKey{receipt.To, receipt.ID}, take(receipt)
	})
}

// addPage adds the number and the size of a page; the two APIs have different names for the size.
func (f *form) addPage(page int, sizeName string, size int) {
	f.addInt("page", max(1, page))
	if size == 0 {
		size = maxPageSize
	}
	f.addInt(sizeName, size)
}
